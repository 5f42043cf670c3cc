"""The table of remedies: every row of the report is one entry here, with the settings it may be trained with."""

from __future__ import annotations

from dataclasses import dataclass

TOGETHER, RANDOM_FIRST = "together", "random first"


@dataclass(frozen=True)
class Training:
    """One way to train the attention of the paper's classifier; the defaults are plain training.

    Attributes:
        name: of the setting, unique among all: part of the names of folders.
        title: what the report calls the setting; empty where a remedy has but one.
        alpha: of entmax; 1 is the softmax.
        uniform: attention stays uniform; values alone are trained.
        repulsion: weight of the repulsion of heads; None: their gradients stay as they are.
        beta: of SPOS; 0 is SVGD.
        penalty: weight of the Frobenius penalty on the maps of the heads.
        order: "together", or "random first": values on random attention, then, frozen, the attention.
        weighted: texts count P(y) / P(y | m) times.
        rationales: weight of the loss that draws attention to the words people marked.
    """

    name: str
    title: str = ""
    alpha: float = 1.0
    uniform: bool = False
    repulsion: float | None = None
    beta: float = 0.0
    penalty: float = 0.0
    order: str = TOGETHER
    weighted: bool = False
    rationales: float = 0.0


@dataclass(frozen=True)
class Remedy:
    """A row of the table.

    Attributes:
        name: key of its rows.
        title: what the report calls it.
        settings: of which one is chosen on validation texts.
    """

    name: str
    title: str
    settings: tuple[Training, ...]


PLAIN, UNIFORM, SPARSE, REPULSIVE, RANDOM, WEIGHTED, RATIONALES = (
    "plain", "uniform", "sparse", "repulsive", "random-first", "weighted", "rationales"
)  # fmt: skip

REMEDIES = (
    Remedy(PLAIN, "plain", (Training("plain"),)),
    Remedy(UNIFORM, "uniform attention", (Training("uniform", uniform=True),)),
    Remedy(
        SPARSE,
        "sparse attention",
        (Training("entmax", "entmax 1.5", alpha=1.5), Training("sparsemax", "sparsemax", alpha=2.0)),
    ),
    Remedy(
        REPULSIVE,
        "repulsive heads",
        (
            Training("svgd-0.01", "SVGD, w = 0.01", repulsion=0.01),
            Training("svgd-0.1", "SVGD, w = 0.1", repulsion=0.1),
            Training("spos-0.01", "SPOS, w = 0.01", repulsion=0.01, beta=0.01),
            Training("frobenius-0.01", "Frobenius, 0.01", penalty=0.01),
            Training("frobenius-0.1", "Frobenius, 0.1", penalty=0.1),
        ),
    ),
    Remedy(RANDOM, "random attention first", (Training("random-first", order=RANDOM_FIRST),)),
    Remedy(WEIGHTED, "weights P(y) / P(y | m)", (Training("weighted", weighted=True),)),
    Remedy(
        RATIONALES,
        "supervised by rationales",
        tuple(Training(f"rationales-{w:g}", f"weight {w:g}", rationales=w) for w in (0.3, 1.0, 3.0)),
    ),
)


def first_settings(remedies: tuple[Remedy, ...]) -> tuple[Remedy, ...]:
    """Return the remedies with the first setting of each alone, and two of those that have three or more.

    Example:
        >>> [len(one.settings) for one in first_settings(REMEDIES)]
        [1, 1, 1, 2, 1, 1, 2]
    """
    return tuple(Remedy(one.name, one.title, one.settings[: 2 if len(one.settings) > 2 else 1]) for one in remedies)
