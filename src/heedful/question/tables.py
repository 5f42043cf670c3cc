"""From one text to its game: on look-up tables for the paper's classifier, by forward passes for every other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games.bridge import ForOthers
from heedful.games.output import Output
from heedful.games.ratio import RatioGame, Terms
from heedful.models.modeling import AttentionPoolingForSequenceClassification, FoldedTables
from heedful.question.deletion import DeletionGame
from heedful.question.forwards import ModelGame
from heedful.support.progress import ran
from heedful.text.encoding import Encoded
from heedful.text.units import Units

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
    return ratio_game(_tables(model, outputs), encoded, units, classifier.replacement_id(masking), _padding_id(model))


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

    Tokens of no unit, [CLS] among them, and padding that is attended to are the fixed part.
    """
    n_tokens, owner = len(encoded), units.of_token
    rows = tables.token(encoded.input_ids) + tables.position[:n_tokens]
    kept = _terms(rows)
    if replacement_id is None:
        removed = Terms.none(*kept.log_weight.shape)
    else:
        removed = _terms(tables.token(np.array([replacement_id])) + tables.position[:n_tokens])
    rest = [rows[owner < 0]]
    if padding_id is not None:
        rest.append(tables.token(np.array([padding_id])) + tables.position[n_tokens:])
    fixed = _terms(np.concatenate(rest))
    whole = fixed.grouped(np.zeros(fixed.log_weight.shape[1], dtype=np.int64), 1)
    return RatioGame(
        kept.grouped(owner, len(units)),
        removed.grouped(owner, len(units)),
        Terms(whole.log_weight[:, 0], whole.value[:, 0]),
    )


def _terms(rows: Float64[np.ndarray, "tokens heads columns"]) -> Terms:
    """Rows of the look-up tables as terms, heads first."""
    return Terms(rows[..., 0].T, rows[..., 1:].swapaxes(0, 1))
