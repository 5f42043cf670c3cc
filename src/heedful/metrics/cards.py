"""Card: what kind of measure a metric is; and the cards of all that are built in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Need = Literal["exact values", "rationales", "attention", "several seeds", "weights"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What kind of measure it is: a row of `heedful metrics`.

    Attributes:
        name: registered name.
        aliases: other names.
        direction: "higher" or "lower", whichever is better; "none" where neither is.
        range: smallest and largest value there can be.
        source: paper and equation.
        cost: forward passes a text, beyond those of the explanation.
        needs: what must be had beside a question and an explanation: "exact values" (which softmax pooling has),
            "rationales" (of people, in the data set), "attention", "several seeds", "weights" (of the model).

    Example:
        >>> KENDALL.direction, KENDALL.range
        ('higher', (-1.0, 1.0))
    """

    name: str
    aliases: tuple[str, ...] = ()
    direction: Literal["higher", "lower", "none"]
    range: tuple[float, float]
    source: str
    cost: str
    needs: tuple[Need, ...] = ()


_REFERENCE = "those of the reference method"

KENDALL = Card(
    name="kendall",
    aliases=("kendall-tau-b", "tau-b"),
    direction="higher",
    range=(-1.0, 1.0),
    source="Kendall 1945",
    cost=_REFERENCE,
    needs=("exact values",),
)
SPEARMAN = Card(
    name="spearman",
    direction="higher",
    range=(-1.0, 1.0),
    source="Spearman 1904",
    cost=_REFERENCE,
    needs=("exact values",),
)
TOP_K = Card(
    name="top-k-overlap",
    aliases=("top-k",),
    direction="higher",
    range=(0.0, 1.0),
    source="Krishna et al. 2022, section 3 (feature agreement)",
    cost=_REFERENCE,
    needs=("exact values",),
)
SIGN = Card(
    name="sign-agreement",
    aliases=("sign",),
    direction="higher",
    range=(0.0, 1.0),
    source="Krishna et al. 2022, section 3, over all units that both score",
    cost=_REFERENCE,
    needs=("exact values",),
)
