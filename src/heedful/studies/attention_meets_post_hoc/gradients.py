"""The gradient's closed form against automatic differentiation, at every position of every text."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float64
from torch import Tensor

from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.studies.attention_meets_post_hoc.choices import POSITIVE
from heedful.studies.measuring import Row, Track, groups, report, silent, table
from heedful.studies.run import Run
from heedful.support import intervals
from heedful.text.encoding import Encoded

if TYPE_CHECKING:
    from heedful.studies.attention_meets_post_hoc.settings import Numbers

PLACES = ("words", "[CLS]", "[CLS] as in the paper")
_TOGETHER = 32  # texts

Gradients = Float64[Tensor, "texts tokens size"]


def measure(classifier: Classifier, texts: Sequence[str], *, track: Track = silent) -> pa.Table:
    """Largest difference between closed form and automatic differentiation, both in double precision.

    Of the positive class's logit, by the vectors e_t = E[token] + P[t] of the text's tokens.

    Args:
        classifier: the paper's classifier, with softmax attention; a copy of it in double precision is measured.
        texts: what to take the gradient at.
        track: progress.

    Returns:
        One row a text and place: text (number), n_tokens, place (one of `PLACES`: all positions but the first; the
        first, with the term by which the query moves; the first without it, as the paper has it), difference (largest
        absolute difference of a component there), gradient (largest absolute component there, by differentiation).

    Raises:
        SettingError: another classifier.

    Example:
        >>> import heedful
        >>> result = measure(heedful.load("demo"), ["The plot was dull."])
        >>> [bool(difference < 1e-12) for difference in result["difference"].to_pylist()]
        [True, True, False]
    """
    model = classifier.paper_model
    if model is None or model.config.normaliser != "softmax":
        raise SettingError(f"the paper's gradient is of softmax pooling, which {classifier.name} is not")
    double = Classifier(copy.deepcopy(model).double(), classifier.tokenizer, classifier.name)
    form = ClosedForm(double)
    rows: list[Row] = []
    for start in track(range(0, len(texts), _TOGETHER), "gradients"):
        encoded = [double.encode(text) for text in texts[start : start + _TOGETHER]]
        closed, by_query = form(encoded)
        truth = differentiated(double, encoded)
        for i, (one, formula, exact) in enumerate(zip(encoded, closed, truth, strict=True)):
            n = len(one)
            compared = (
                (formula[1:n], exact[1:n]), (formula[:1] + by_query[i], exact[:1]), (formula[:1], exact[:1])
            )  # fmt: skip
            rows += [
                {
                    "text": start + i,
                    "n_tokens": n,
                    "place": place,
                    "difference": float((gradient - expected).abs().max()),
                    "gradient": float(expected.abs().max()),
                }
                for place, (gradient, expected) in zip(PLACES, compared, strict=True)
            ]
    return table(rows)


def summary(measured: pa.Table) -> pa.Table:
    """One row a place.

    Returns:
        place, texts, positions (compared in all texts), difference (the largest of all), relative (largest share of the
        text's largest component there), median_relative (over texts, with its interval).
    """
    rows = []
    for key, columns in groups(measured, "place"):
        relative = columns["difference"] / columns["gradient"]
        positions = int((columns["n_tokens"] - 1).sum()) if key["place"] == PLACES[0] else len(relative)
        rows.append(
            key
            | {
                "texts": len(relative),
                "positions": positions,
                "difference": float(columns["difference"].max()),
                "relative": float(relative.max()),
            }
            | intervals.columns({"median_relative": intervals.quantile(relative)})
        )
    return report(rows)


@dataclass(frozen=True)
class ClosedForm:
    """The paper's formula for many texts at once (section 4), from the folded weights.

    d f / d e_t = mean over heads of alpha_t W_v^T W_l^T + alpha_t (c_t - F) W_k^T q / sqrt(d_att): see
    `heedful.methods.gradient`, which has the same for one text.
    """

    classifier: Classifier

    def __call__(self, encoded: Sequence[Encoded]) -> tuple[Gradients, Float64[Tensor, "texts size"]]:
        """The formula at every position, and what has to be added at the first one."""
        model = self.classifier.model
        config, heads = model.config, model.config.num_attention_heads
        ids, attended = _padded(encoded, config.pad_token_id)
        if config.attend_padding:
            missing = config.max_position_embeddings - ids.shape[1]
            ids = torch.nn.functional.pad(ids.masked_fill(~attended, config.unk_token_id), (0, missing))
            ids[:, ids.shape[1] - missing :] = config.unk_token_id
            attended = torch.ones_like(ids, dtype=torch.bool)
        with torch.no_grad():
            cotangent = np.eye(config.num_labels)[[POSITIVE]]
            by_score, by_value = model.tables().outputs(cotangent).probe.reshape(heads, 2, -1).unbind(1)
            vectors = model.embeddings(ids) + model.positions[: ids.shape[1]]
            logits = (vectors @ by_score.T).masked_fill(~attended[..., None], -torch.inf)
            alpha, values = logits.softmax(1), vectors @ by_value.T
            pull = alpha * (values - (alpha * values).sum(1, keepdim=True))
            keys = torch.einsum("kad,bkd->bka", model.key, pull.mT @ vectors)
            by_query = torch.einsum("kad,bka->bd", model.query, keys) * config.key_size**-0.5
            return (alpha @ by_value + pull @ by_score) / heads, by_query / heads


def differentiated(classifier: Classifier, encoded: Sequence[Encoded]) -> Gradients:
    """The gradient by autograd."""
    ids, attended = _padded(encoded, classifier.model.config.pad_token_id)
    with classifier.undisturbed(), torch.enable_grad():
        vectors = classifier.model.get_input_embeddings()(ids).detach().requires_grad_()
        logits = classifier.model(inputs_embeds=vectors, attention_mask=attended.long()).logits
        (gradients,) = torch.autograd.grad(logits[:, POSITIVE].sum(), vectors)
    return gradients


def stage(run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Measure texts of the corpus."""
    measured = measure(run.classifier(), run.texts(run.settings.gradients), track=run.track)
    return {"gradients": measured, "gradients.summary": summary(measured)}


def _padded(encoded: Sequence[Encoded], filler: int) -> tuple[Tensor, Tensor]:
    """Ids (texts, tokens), filled up on the right, and where they are the text's own."""
    lengths = torch.tensor([len(one) for one in encoded])
    attended = torch.arange(int(lengths.max())) < lengths[:, None]
    ids = torch.full(attended.shape, filler)
    ids[attended] = torch.from_numpy(np.concatenate([one.input_ids for one in encoded]))
    return ids, attended
