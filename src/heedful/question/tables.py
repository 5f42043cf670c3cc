"""From one text to its game: on look-up tables for the paper's classifier, by forward passes for every other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games.bridge import ForOthers
from heedful.games.output import Output
from heedful.games.ratio import RatioGame, Terms
from heedful.games.terms import MOST, MOST_LOG
from heedful.models.modeling import AttentionPoolingForSequenceClassification, FoldedTables
from heedful.question.compiled import all_terms
from heedful.question.deletion import DeletionGame
from heedful.question.forwards import ModelGame
from heedful.support.parallel import in_parallel, parts
from heedful.support.progress import ran
from heedful.text.encoding import Encoded
from heedful.text.units import Units

_OUTPUTS = 16  # different outputs that share look-up tables
_TEXTS_A_THREAD = 16
_FOLDED = 32_768  # tokens a forward pass: folded, they are a few numbers each


@dataclass(frozen=True, eq=False)
class TableGame(ForOthers):
    """A game played on look-up tables: no forward pass.

    Attributes:
        scores: linear outputs (n, outputs) of masks: the output itself, or all logits.
        output: None where `scores` is the output itself; else what makes it from the logits.
    """

    scores: DeletionGame | RatioGame
    output: Output | None

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.scores.n_units

    @property
    def n_forward(self) -> int:
        """Always 0."""
        return 0

    def __call__(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, " n"]:
        """Values of the masks; True keeps a unit."""
        scores = self.scores(masks)
        ran(len(masks))
        return scores[:, 0] if self.output is None else self.output(scores)

    def logits(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n classes"]:
        """Logits of the masked texts, where the tables hold them all: for an output that is not linear.

        Raises:
            ValueError: the tables hold nothing but the output.
        """
        if self.output is None:
            raise ValueError("these tables hold the output alone, not all logits")
        ran(len(masks))
        return self.scores(masks)


def exact_game(
    classifier: Classifier, encoded: Encoded, units: Units, masking: str, outputs: Sequence[Output]
) -> RatioGame:
    """A text's ratio game, for the exact engine: its values have an axis for the outputs.

    Raises:
        SettingError: the classifier, the masking or an output makes no ratio game; the message says what to use.
    """
    model = check_exact(classifier, masking, outputs)
    return ratio_game(_tables(model, outputs), encoded, units, classifier.replacement_id(masking), _padding_id(model))


def exact_games(
    classifier: Classifier, masking: str, texts: Sequence[tuple[Encoded, Units, Output]]
) -> list[RatioGame]:
    """The ratio games of many texts, an output each: `exact_game`, the same bits, with look-up tables made once.

    Raises:
        SettingError: as `exact_game`, for the first text.
    """
    games: list[RatioGame] = []
    while len(games) < len(texts):
        known: dict[Output, int] = {}
        some: list[tuple[Encoded, Units, int]] = []
        for encoded, units, output in texts[len(games) :]:
            if output not in known:
                check_exact(classifier, masking, [output])
                if len(known) == _OUTPUTS:
                    break
                known[output] = len(known)
            some.append((encoded, units, known[output]))
        model = check_exact(classifier, masking, list(known))
        instead = classifier.replacement_id(masking), _padding_id(model)
        games += ratio_games_on(_tables(model, list(known)), some, None, instead)
    return games


def check_exact(
    classifier: Classifier, masking: str, outputs: Sequence[Output]
) -> AttentionPoolingForSequenceClassification:
    """Return the model if these outputs make ratio games.

    Raises:
        SettingError: they do not; the message says what to use.
    """
    model = classifier.paper_model
    instead = "use the sampled methods permutation-shap, kernel-shap or lime"
    if model is None:
        raise SettingError(f"exact values need softmax pooling, which {classifier.name} is not: {instead}")
    if model.config.normaliser != "softmax":
        raise SettingError(f"exact values need softmax attention, not {model.config.normaliser}: {instead}")
    if masking == "delete":
        raise SettingError(f"deletion moves the words behind it, so it has no exact values: take 'unk', or {instead}")
    for output in outputs:
        if not output.linear:
            raise SettingError(f"a {output.kind} has no exact values: take 'logit' or 'logit_difference', or {instead}")
    return model


def play(classifier: Classifier, encoded: Encoded, units: Units, masking: str, output: Output) -> ModelGame | TableGame:
    """The fastest game that gives this output of this text exactly."""
    model = classifier.paper_model
    if model is None:
        return ModelGame(classifier, encoded, units, masking, output)
    if model.config.normaliser != "softmax":
        return ModelGame(classifier, encoded, units, masking, output, _FOLDED)
    tables, padding_id = _tables(model, [output]), _padding_id(model)
    if masking == "delete":
        scores: DeletionGame | RatioGame = DeletionGame(tables, encoded.input_ids, units, padding_id)
    else:
        scores = ratio_game(tables, encoded, units, classifier.replacement_id(masking), padding_id)
    return TableGame(scores, None if output.linear else output)


def _tables(model: AttentionPoolingForSequenceClassification, outputs: Sequence[Output]) -> FoldedTables:
    """Look-up tables of the outputs themselves where all are linear in the logits, else of all logits."""
    n_classes = model.config.num_labels
    linear = all(output.linear for output in outputs)
    rows = [output.cotangent(np.zeros(n_classes)) for output in outputs] if linear else [*np.eye(n_classes)]
    return model.tables().outputs(np.stack(rows))


def _padding_id(model: AttentionPoolingForSequenceClassification) -> int | None:
    return model.config.unk_token_id if model.config.attend_padding else None


def ratio_game(
    tables: FoldedTables, encoded: Encoded, units: Units, replacement_id: int | None, padding_id: int | None = None
) -> RatioGame:
    """Ratio game of a text: removed tokens become `replacement_id` in place, or lose their weight (None).

    Its values have an axis for the outputs, all that the tables have. Tokens of no unit, [CLS] among them, and padding
    that is attended to are the fixed part.
    """
    (game,) = ratio_games_on(tables, [(encoded, units, 0)], tables.position.shape[2] - 1, (replacement_id, padding_id))
    return game


def ratio_games_on(
    tables: FoldedTables,
    texts: Sequence[tuple[Encoded, Units, int]],
    n_outputs: int | None,
    instead: tuple[int | None, int | None],
) -> list[RatioGame]:
    """Ratio games of many texts on the same tables, each the same bits as alone.

    Args:
        tables: look-up tables with columns for every output.
        texts: texts, their units, and the first of their outputs.
        n_outputs: how many outputs each has, for which the games' values have an axis; None: one, and no axis.
        instead: id that stands for removed tokens, and id of padding that is attended to; None where there is none.
    """
    extra = [-1 if one is None else one for one in instead]
    ids = np.concatenate([*(encoded.input_ids for encoded, _, _ in texts), [max(one, 0) for one in extra]])
    rows, row_of = tables.distinct(ids)
    rows_instead = tuple(int(row) if one >= 0 else -1 for one, row in zip(extra, row_of[-2:], strict=True))
    owner = np.concatenate([units.of_token for _, units, _ in texts])
    tokens = np.cumsum([0, *(len(encoded) for encoded, _, _ in texts)])
    places = np.cumsum([0, *(len(units) for _, units, _ in texts)])
    first = np.array([1 + output for _, _, output in texts])
    n_heads, size, each = rows.shape[1], int(places[-1]) * rows.shape[1], n_outputs or 1
    terms = (*(np.empty(size * n) for n in (1, each) * 2), np.empty((len(texts), n_heads, 1 + each)))

    def fill(some: slice) -> None:
        behind = slice(some.start, some.stop + 1)
        all_terms(
            (rows, row_of, owner, tokens[behind]), places[behind], tables.position, rows_instead,
            (first[some], each), (*terms[:4], terms[4][some]),
        )  # fmt: skip

    in_parallel(fill, parts(len(texts), _TEXTS_A_THREAD))
    return _as_games(terms, places, () if n_outputs is None else (n_outputs,))


def _in_range(terms: tuple[np.ndarray, ...]) -> bool:
    """Whether `Terms` would take all of them."""
    kept_log, kept_value, removed_log, removed_value, fixed = terms
    logs, fixed_logs = (np.where(np.isneginf(log), 0.0, log) for log in (removed_log, fixed[..., 0]))
    sizes = [(kept_log, MOST_LOG), (logs, MOST_LOG), (fixed_logs, MOST_LOG)]
    sizes += [(values, MOST) for values in (kept_value, removed_value, fixed[..., 1:])]
    return all(not array.size or float(np.abs(array).max()) <= most for array, most in sizes)  # false for nan


def _as_games(
    terms: tuple[np.ndarray, ...], places: Int64[np.ndarray, " _"], outputs: tuple[int, ...]
) -> list[RatioGame]:
    """Games of the terms of many texts, which lie one behind the other."""
    kept_log, kept_value, removed_log, removed_value, fixed = terms
    n_heads, n_outputs = fixed.shape[1], fixed.shape[2] - 1
    known = _in_range(terms)
    make_terms, make_game = (Terms.unchecked, RatioGame.unchecked) if known else (Terms, RatioGame)
    for array in terms:
        array.setflags(write=False)
    games = []
    for i, (first, last) in enumerate(pairwise(places.tolist())):
        shape, start, end = (n_heads, last - first), first * n_heads, last * n_heads
        values = slice(start * n_outputs, end * n_outputs)
        games.append(
            make_game(
                make_terms(kept_log[start:end].reshape(shape), kept_value[values].reshape(*shape, *outputs)),
                make_terms(removed_log[start:end].reshape(shape), removed_value[values].reshape(*shape, *outputs)),
                make_terms(fixed[i, :, 0], fixed[i, :, 1:].reshape(n_heads, *outputs)),
            )
        )
    return games
