"""Other classifiers: does more training, another number of heads, sparse attention or more layers change the answer?

Every variant is trained from scratch on the same data, and attention is set beside Shapley values as in `attention`.
These are exact where the classifier pools by softmax in one layer; elsewhere they are sampled by permutations. The
first variant is measured both ways, so that it can be seen what sampling does to the numbers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from heedful.classifier import Classifier
from heedful.classifier.pretrained import from_pretrained
from heedful.data import Splits
from heedful.games import exact
from heedful.methods import AttentionMean, PermutationShap
from heedful.models.presets import PRESETS, Preset
from heedful.models.training import METRICS, Sizes, train
from heedful.question import Choices, Question
from heedful.studies.attention_meets_post_hoc.attention import contrasted, means
from heedful.studies.attention_meets_post_hoc.choices import EXACT, SAMPLED
from heedful.studies.attention_meets_post_hoc.transformer import Transformer
from heedful.studies.measuring import (
    Row,
    Track,
    Vector,
    attention_of,
    batches,
    groups,
    report,
    seed_of,
    silent,
    table,
)
from heedful.studies.run import Run
from heedful.support import intervals

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

SAME = "exact, of those texts"
PAPER_SIZES = Sizes()


@dataclass(frozen=True)
class Pooling:
    """The paper's classifier in other sizes or trained otherwise.

    Attributes:
        name: of the variant, and of its folder.
        preset: how it is trained.
        sizes: of the model.
        sources: how its Shapley values are found, "exact" or "permutations", or both.
        n_permutations: for sampled ones.
    """

    data: ClassVar[str] = "corpus"

    name: str
    preset: Preset = PRESETS["default"]
    sizes: Sizes = PAPER_SIZES
    sources: tuple[str, ...] = (EXACT,)
    n_permutations: int = 60

    def train(self, splits: Splits, folder: Path, seed: int, *, progress: bool = False) -> dict[str, Any]:
        """Train it as `heedful.models.training.train` does."""
        return train(splits, folder, self.preset, sizes=self.sizes, seed=seed, progress=progress)


Variant = Pooling | Transformer


def _full() -> tuple[Variant, ...]:
    default = PRESETS["default"]
    return (
        Pooling("softmax, 6 heads", sources=(EXACT, SAMPLED)),
        Pooling("1 epoch", default.changed(epochs=1)),
        Pooling("12 epochs, the last kept", replace(default.changed(epochs=12), keep="last")),
        Pooling("1 head", sizes=Sizes(heads=1)),
        Pooling("12 heads", sizes=Sizes(heads=12)),
        Pooling("sparsemax", sizes=Sizes(normaliser="sparsemax"), sources=(SAMPLED,), n_permutations=40),
        Pooling("entmax", sizes=Sizes(normaliser="entmax"), sources=(SAMPLED,), n_permutations=40),
        # fewer texts, for their time; the second has the layers and heads of the paper's appendix
        Transformer("2-layer transformer", n_train=10_000),
        Transformer("6-layer transformer", layers=6, heads=6, hidden_size=96, n_train=10_000, n_permutations=10),
    )


def _quick() -> tuple[Variant, ...]:
    """The same questions, small enough for planted reviews and a test."""
    small = Sizes(hidden_size=16, key_size=8, value_size=8, heads=2, max_tokens=96)
    preset = replace(
        PRESETS["default"], epochs=3, min_steps=0, learning_rate=1e-2, word_dropout=0.3, min_frequency=1,
        truncation_side="right",
    )  # fmt: skip
    return (
        Pooling("softmax, 2 heads", preset, small, (EXACT, SAMPLED)),
        Pooling("9 epochs, the last kept", replace(preset, epochs=9, keep="last"), small),
        Pooling("1 head", preset, replace(small, heads=1)),
        Pooling("sparsemax", preset, replace(small, normaliser="sparsemax"), (SAMPLED,)),
        Pooling("entmax", preset, replace(small, normaliser="entmax"), (SAMPLED,)),
        Transformer(
            "2-layer transformer", heads=2, hidden_size=32, max_tokens=96, epochs=3, learning_rate=3e-3, min_frequency=1
        ),
    )


FULL, QUICK = _full(), _quick()


def trained(
    variant: Variant, splits: Splits, folder: str | Path, *, seed: int = 0, progress: bool = False
) -> Classifier:
    """Load a variant, trained on `splits.train` into `folder` unless that is done.

    The paper's classifier goes on from its last epoch after a kill, a transformer begins anew.

    Args:
        variant: what to train.
        splits: with a test split, for the accuracy.
        folder: of this variant alone: model, tokenizer and `metrics.json`.
        seed: of the training.
        progress: show progress on stderr.

    Raises:
        SettingError: the folder holds something else.
    """
    variant.train(splits, Path(folder), seed, progress=progress)
    return from_pretrained(folder, name=variant.name)


def accuracy(folder: str | Path) -> tuple[float, int]:
    """Test accuracy of a trained variant, and the number of texts it was measured on."""
    test = json.loads((Path(folder) / METRICS).read_text("utf-8"))["test"]
    return float(test["accuracy"]), int(test["n"])


def measure(
    classifier: Classifier,
    texts: Sequence[str],
    source: str = EXACT,
    n_permutations: int = 100,
    *,
    places: Sequence[int] | None = None,
    seed: int = 0,
    track: Track = silent,
) -> pa.Table:
    """`attention-mean` of the last layer against Shapley values of the predicted class's logit.

    Removed words are unknown words, in every variant.

    Args:
        classifier: the variant.
        texts: what to explain.
        source: "exact", or "permutations": `permutation-shap`, which needs no ratio game.
        n_permutations: walked, every other one in reverse; an even number.
        places: what to call the texts, such as their places in the data; None: by their numbers here.
        seed: of the permutations.
        track: progress.

    Returns:
        One row a text: text, n_units, source, std_error (largest standard error of phi as a share of the largest phi;
        0 if exact), unknown_same (whether the text with every word unknown gets the same class), and the columns of
        `attention.contrasted`.

    Raises:
        SettingError: exact values of a classifier that has none.
    """
    rows: list[Row] = []
    names = range(len(texts)) if places is None else places
    for batch in batches(classifier, texts, Choices(masking="unk"), lambda items, _: items, "variant"):
        answers = _exact(batch) if source == EXACT else _sampled(track(batch, classifier.name), n_permutations, seed)
        unknown = classifier.logits([_unknown(classifier, question) for _, question in batch]).argmax(1)
        rows += [
            {"text": names[number], "n_units": len(phi), "source": source, "std_error": error}
            | {"unknown_same": bool(verdict == question.output.target)}
            | contrasted(attention, phi)
            for (number, question), verdict, (attention, phi, error) in zip(batch, unknown, answers, strict=True)
        ]
    return table(rows)


def summary(measured: pa.Table) -> pa.Table:
    """One row a variant and source; where both were measured also of the exact values of the texts that were sampled.

    Args:
        measured: tables of `measure` put together, with the columns variant, accuracy and n_test added: see `labelled`.

    Returns:
        variant, source ("exact", "permutations", or "exact, of those texts"), accuracy, n_test, texts, std_error
        (mean), n_effective (mean), `attention.means`, and how far kendall_size and against may be off because these
        texts were drawn and not others: kendall_size_error, against_error (one standard error). Then unknown_same
        (share of texts that get their class with every word unknown, too), and against in these texts and in the
        others: against_same, against_other (null without any). Accuracy and means with their intervals over texts.
    """
    grouped = list(groups(measured, "variant", "source", "accuracy", "n_test"))
    sampled = {key["variant"]: columns["text"] for key, columns in grouped if key["source"] == SAMPLED}
    rows = []
    for key, columns in grouped:
        right = intervals.proportion(round(key["accuracy"] * key["n_test"]), key["n_test"])
        known = key | intervals.columns({"accuracy": right})
        rows.append(known | _means(columns))
        if key["source"] == EXACT and key["variant"] in sampled:
            same = np.isin(columns["text"], sampled[key["variant"]])
            rows.append(known | {"source": SAME} | _means({name: column[same] for name, column in columns.items()}))
    return report(rows)


def _means(columns: dict[str, np.ndarray]) -> Row:
    n, figures, same = len(columns["text"]), means(columns), columns["unknown_same"]
    size = columns["kendall_size"][~np.isnan(columns["kendall_size"])]
    return {
        "texts": n,
        **intervals.columns({name: intervals.mean(columns[name]) for name in ("std_error", "n_effective")}),
        **figures,
        "kendall_size_error": float(size.std(ddof=1) / np.sqrt(len(size))) if len(size) > 1 else float("nan"),
        "against_error": float(np.sqrt(figures["against"] * (1 - figures["against"]) / n)),
        **intervals.columns(
            {
                "unknown_same": intervals.share(same),
                "against_same": intervals.share(columns["against"][same]),
                "against_other": intervals.share(columns["against"][~same]),
            }
        ),
    }


def labelled(measured: pa.Table, variant: Variant, folder: str | Path) -> pa.Table:
    """The table of a variant trained into `folder`, with its name and its test accuracy in front."""
    right, n_test = accuracy(folder)
    added: dict[str, Any] = {"variant": variant.name, "accuracy": right, "n_test": n_test}
    for at, (name, value) in enumerate(added.items()):
        measured = measured.add_column(at, name, pa.array([value] * len(measured)))
    return measured


def table_name(variant: Variant) -> str:
    """Return the name of a variant's stage, table and folder; another setting has another name."""
    known = hashlib.sha256(repr(variant).encode()).hexdigest()[:6]
    return f"{re.sub('[^a-z0-9]+', '-', variant.name.lower())}-{known}"


def stage(variant: Variant, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train a variant and measure it on some texts of the corpus."""
    name, numbers = table_name(variant), run.settings
    folder = run.folder / "models" / name
    classifier = trained(variant, run.data[variant.data], folder, seed=run.seed, progress=run.progress)
    measured = []
    for source in variant.sources:
        n = numbers.variant_texts if source == EXACT else numbers.sampled_variant_texts
        texts, places = run.texts(n), run.sample(n)
        measured.append(
            measure(classifier, texts, source, variant.n_permutations, places=places, seed=run.seed, track=run.track)
        )
    return {name: labelled(pa.concat_tables(measured), variant, folder)}


def _exact(batch: Sequence[tuple[int, Question]]) -> list[tuple[Vector, Vector, float]]:
    games = [question.ratio_game() for _, question in batch]
    results = exact.batch(exact.shapley, games)
    return [(attention_of(game), result.values, 0.0) for game, result in zip(games, results, strict=True)]


def _unknown(classifier: Classifier, question: Question) -> Int64[np.ndarray, " tokens"]:
    """The ids of the text with every word unknown."""
    ids = question.encoded.input_ids.copy()
    ids[question.units.of_token >= 0] = classifier.replacement_id("unk")
    return ids


def _sampled(batch: Any, n_permutations: int, seed: int) -> list[tuple[Vector, Vector, float]]:
    answers = []
    for number, question in batch:
        attention = AttentionMean().answer(question).scores
        answer = PermutationShap(n_permutations).answer(replace(question, seed=seed_of(seed, number)))
        size = float(np.abs(answer.scores).max())
        error = 0.0 if answer.std_error is None or size == 0 else float(answer.std_error.max()) / size
        answers.append((attention, answer.scores, error))
    return answers
