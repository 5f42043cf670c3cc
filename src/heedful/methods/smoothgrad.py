"""SmoothGrad (Smilkov et al. 2017): the gradient, averaged over noise on the word vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Lt, MultipleOf

from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.methods.gradient import SUMMARIES, Vectors, direction, note
from heedful.question import Question
from heedful.support.budget import check_budget
from heedful.support.kinds import OneOf
from heedful.support.progress import counted


@dataclass(frozen=True)
class SmoothGrad(Method):
    """A summary of the mean gradient over copies of the text with Gaussian noise on every word vector.

    Noise comes in pairs, each with its opposite: what is linear in it cancels. Scores of tokens are added up over each
    unit. Standard errors are those of the mean gradient over pairs, handed on to the summary to first order; norms of a
    noisy mean come out too large, by the squares of such errors. `mean_output` in `details` is the output under noise:
    far from the prediction, the noise drowns the text, and another output is explained. The paper's 10 to 20 % of the
    range are for pixels; word vectors have outliers (range 25 standard deviations in a small BERT), so 2 % are half a
    standard deviation.

    Args:
        n_samples: noisy copies, each a forward and a backward pass.
        noise_level: standard deviation of the noise, as a share of the range of the text's word vectors (largest
            component minus smallest).
        summary: "l2", "l1", "mean" or "gxi", as in the methods gradient-l2, -l1, -mean and -x-input.

    Raises:
        SettingError: a number is out of its range or the summary unknown.

    Example:
        >>> SmoothGrad(summary="gxi").signed, SmoothGrad().signed
        (True, False)
    """

    n_samples: Annotated[int, Ge(4), MultipleOf(2)] = 50
    noise_level: Annotated[float, Ge(0), Lt(math.inf)] = 0.02
    summary: Annotated[str, OneOf(SUMMARIES)] = "l2"

    card = cards.SMOOTHGRAD

    @property
    def signed(self) -> bool:
        """True for the summaries that can speak against the target."""
        return self.summary in ("mean", "gxi")

    def answer(self, question: Question) -> Answer:
        """Draw noise, take gradients, average."""
        look = question.look_inside()
        vectors = look.vectors()
        check_budget("smoothgrad: n_samples", self.n_samples, bytes_each=10.0 * vectors.size)
        spread = self.noise_level * float(np.ptp(vectors))
        noisy = counted(self._noisy(vectors, spread, question.seed))
        per_copy = look.gradients(question.output, noisy)
        pairs = [((v + w) / 2, (g + h) / 2) for (v, g), (w, h) in zip(per_copy, per_copy, strict=True)]
        gradients = np.stack([gradient for _, gradient in pairs])
        eps = float(torch.finfo(question.classifier.model.dtype).eps)
        along = direction(self.summary, gradients.mean(axis=0), look.input_vectors(), eps)
        draws = np.stack([question.units.add_up((gradient * along).sum(axis=1)) for gradient in gradients])
        return Answer(
            scores=draws.mean(axis=0),
            std_error=draws.std(axis=0, ddof=1) / np.sqrt(len(pairs)),
            n_forward=look.n_forward,
            settings={"aggregation": "sum over tokens"} | note(self.summary, gradients.mean(axis=0), along),
            details={
                "noise": spread,
                "mean_output": float(np.mean([value for value, _ in pairs])),
                "degrees_of_freedom": len(pairs) - 1.0,
            },
        )

    def _noisy(self, vectors: Vectors, spread: float, seed: int) -> Iterator[Vectors]:
        """Noisy copies, one opposite to the other by pairs."""
        random = np.random.default_rng(seed)
        for _ in range(self.n_samples // 2):
            with np.errstate(over="ignore"):  # what is infinite is refused where scores are
                noise = spread * random.standard_normal(vectors.shape)
            yield vectors + noise
            yield vectors - noise
