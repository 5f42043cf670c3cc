"""LIME for text (Ribeiro, Singh, Guestrin 2016): the algorithm of the lime package, on any masking, unit and output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from heedful.errors import SettingError
from heedful.games.memo import Memo
from heedful.methods.base import Answer, Card, Method
from heedful.methods.neighbourhood import SAMPLERS, sample
from heedful.methods.ridge import WeightedMasks
from heedful.methods.stopping import Stop, check_precision, relative_error
from heedful.question import Question

SELECTIONS = ("auto", "forward_selection", "highest_weights", "none")
_ROWS = 100  # samples before a standard error is trusted


@dataclass(frozen=True)
class Lime(Method):
    """Weighted ridge regression of the output on which units were kept, over random removals.

    With `sampler="lime"`, unit "word_type" and masking "delete" the result is lime 0.2.0.1's own for the same seed,
    wherever both split the text into the same words.

    Args:
        n_samples: masked texts, the whole text among them; with a precision, at most.
        kernel_width: width of the sample weights on the cosine distance; lime's 25 is 0.25 here.
        ridge: penalty of the final fit.
        n_features: how many units get a score; None: all.
        selection: how these are chosen: lime's "auto" is "forward_selection" up to 6 and "highest_weights" above.
        sampler: "fast"; "lime" for lime's own masks, of the same distribution; or "balanced", which estimates the same
            coefficients from about half as many samples, see `draw_balanced`.
        precision: stop once the largest standard error is at most this share of the largest absolute score, and fit
            the samples drawn so far, with their share of the penalty; None takes all samples.

    Raises:
        SettingError: a number is out of its range or a name unknown.

    Example:
        >>> Lime(n_samples=1000).settings()["kernel_width"]
        0.25
    """

    n_samples: int = 5000
    kernel_width: float = 0.25
    ridge: float = 1.0
    n_features: int | None = None
    selection: str = "auto"
    sampler: str = "fast"
    precision: float | None = None

    card = Card(
        "lime",
        (),
        "perturbation",
        True,
        "outputs",
        "n_samples forwards",
        "Ribeiro, Singh, Guestrin 2016; Mardaoui, Garreau 2021",
        removes=True,
        random=True,
    )

    def __post_init__(self) -> None:
        if self.n_samples < 1:
            raise SettingError(f"n_samples must be at least 1, got {self.n_samples}")
        if not self.kernel_width > 0:
            raise SettingError(f"kernel_width must be above 0, got {self.kernel_width}")
        if not 0 <= self.ridge < np.inf:
            raise SettingError(f"ridge must be a number of at least 0, got {self.ridge}")
        if self.n_features is not None and self.n_features < 1:
            raise SettingError(f"n_features must be at least 1, got {self.n_features}")
        if self.selection not in SELECTIONS:
            raise SettingError(f"unknown selection {self.selection!r}: use one of {', '.join(SELECTIONS)}")
        if self.sampler not in SAMPLERS:
            raise SettingError(f"unknown sampler {self.sampler!r}: use one of {', '.join(SAMPLERS)}")
        check_precision(self.precision)

    def answer(self, question: Question) -> Answer:
        """Draw masks, evaluate them, fit."""
        game = question.game()
        # a few units have few masks, which come again at every look
        memo = Memo(game) if self.precision is not None and 1 << game.n_units <= self.n_samples else game
        masks, weights = sample(self.sampler, self.n_samples, game.n_units, question.seed, self.kernel_width)
        values, done = np.empty(self.n_samples), 0
        stop = Stop(self.precision, max(_ROWS, 4 * (game.n_units + 1)))
        for look in stop.looks(self.n_samples):
            values[done:look] = memo(masks[done:look])
            done = look
            moments = WeightedMasks(masks[:done], weights[:done], values[:done])
            chosen = self._choose(moments, game.n_units)
            # as much penalty a sample as the whole run has, or a shorter one would shrink the scores
            fit = moments.fit(chosen, self.ridge * (done / self.n_samples))
            if precise := stop.reached(done, fit.coefficients[chosen], fit.std_error[chosen]):
                break
        details = {"local_prediction": fit.local_prediction, "r2": fit.r2, "n_evaluations": float(done)}
        if self.precision is not None:
            error = relative_error(fit.coefficients[chosen], fit.std_error[chosen])
            details |= {"relative_error": error, "precision_reached": float(precise)}
        return Answer(
            scores=fit.coefficients,
            base_value=fit.intercept,
            std_error=fit.std_error,
            n_forward=game.n_forward,
            details=details,
        )

    def _choose(self, moments: WeightedMasks, n_units: int) -> Int64[np.ndarray, " chosen"]:
        if self.selection == "none" or self.n_features is None:
            return np.arange(n_units)
        forward = self.n_features <= 6 if self.selection == "auto" else self.selection == "forward_selection"
        return moments.forward_selection(self.n_features) if forward else moments.highest_weights(self.n_features)
