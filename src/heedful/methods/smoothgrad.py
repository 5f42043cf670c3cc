"""SmoothGrad (Smilkov et al. 2017): the gradient, averaged over noise on the word vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from heedful.classifier import inside
from heedful.errors import SettingError
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.methods.gradient import SUMMARIES, Vectors, direction
from heedful.question import Question
from heedful.support.settings import check_whole


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
        n_samples: noisy copies, each a forward and a backward pass; an even number.
        noise_level: standard deviation of the noise, as a share of the range of the text's word vectors (largest
            component minus smallest).
        summary: "l2", "l1", "mean" or "gxi", as in the methods gradient-l2, -l1, -mean and -x-input.

    Raises:
        SettingError: a number is out of its range or the summary unknown.

    Example:
        >>> SmoothGrad(summary="gxi").signed, SmoothGrad().signed
        (True, False)
    """

    n_samples: int = 50
    noise_level: float = 0.02
    summary: str = "l2"

    card = cards.SMOOTHGRAD

    def __post_init__(self) -> None:
        check_whole("n_samples", self.n_samples, 1)
        if self.n_samples < 4 or self.n_samples % 2:
            raise SettingError(f"n_samples must be an even number of at least 4, got {self.n_samples}")
        if not 0 <= self.noise_level < np.inf:
            raise SettingError(f"noise_level must be a number of at least 0, got {self.noise_level}")
        if self.summary not in SUMMARIES:
            raise SettingError(f"unknown summary {self.summary!r}: use one of {', '.join(SUMMARIES)}")

    @property
    def signed(self) -> bool:
        """True for the summaries that can speak against the target."""
        return self.summary in ("mean", "gxi")

    def answer(self, question: Question) -> Answer:
        """Draw noise, take gradients, average."""
        classifier, encoded = question.classifier, question.encoded
        vectors = inside.own_vectors(classifier, encoded)
        spread = self.noise_level * float(np.ptp(vectors))
        found = inside.gradients(classifier, encoded, question.output, self._noisy(vectors, spread, question.seed))
        pairs = [((v + w) / 2, (g + h) / 2) for (v, g), (w, h) in zip(found, found, strict=True)]
        gradients = np.stack([gradient for _, gradient in pairs])
        eps = float(torch.finfo(classifier.model.dtype).eps)
        along = direction(self.summary, gradients.mean(axis=0), inside.input_vectors(classifier, encoded), eps)
        draws = np.stack([question.units.add_up((gradient * along).sum(axis=1)) for gradient in gradients])
        return Answer(
            scores=draws.mean(axis=0),
            std_error=draws.std(axis=0, ddof=1) / np.sqrt(len(pairs)),
            n_forward=self.n_samples + 2,  # the check of the word vectors takes two
            settings={"aggregation": "sum over tokens"},
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
            noise = spread * random.standard_normal(vectors.shape)
            yield vectors + noise
            yield vectors - noise
