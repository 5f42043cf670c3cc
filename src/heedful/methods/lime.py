"""LIME for text (Ribeiro, Singh, Guestrin 2016): the algorithm of the lime package, on any masking, unit and output."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt
from jaxtyping import Int64

from heedful.errors import SettingError
from heedful.games.memo import Memo
from heedful.games.protocol import Game
from heedful.games.sampled.lime.adjusted import AdjustedMasks
from heedful.games.sampled.lime.neighbourhood import SAMPLERS, draw_all, sample
from heedful.games.sampled.lime.ridge import Fit, Masks, PerMask, WeightedMasks
from heedful.games.sampled.stopping import FEW, Stop, relative_error
from heedful.methods import cards
from heedful.methods.base import Answer, Method
from heedful.methods.budget import check_masks
from heedful.question import Question
from heedful.support.kinds import OneOf

SELECTIONS = ("auto", "forward_selection", "highest_weights", "none")
_LIGHTEST = 1e-9  # weight of all masks but the whole text's, which is 1
_ROWS = 100  # samples before a standard error is trusted


@dataclass(frozen=True)
class Lime(Method):
    """Weighted ridge regression of the output on which units were kept, over random removals.

    With `sampler="lime"`, unit "word_type" and masking "delete" the result is lime 0.2.0.1's own for the same seed,
    for texts within the classifier's limit whose words both split alike.

    The other samplers draw nothing where the text has up to 12 units and n_samples reaches 2^d: every mask is evaluated
    once, and weighs what so many samples give it in expectation.

    Args:
        n_samples: masked texts, the whole text among them; with a precision, at most.
        kernel_width: width of the sample weights on the cosine distance; lime's 25 is 0.25 here.
        ridge: penalty of the final fit.
        n_features: how many units get a score; None: all.
        selection: how these are chosen: lime's "auto" is "forward_selection" up to 6 and "highest_weights" above.
        sampler: "fast"; "lime" for lime's own masks, of the same distribution; or "adjusted", which estimates the same
            coefficients from fewer samples: sizes are drawn as they are of use, and what a kernel regression knows of
            the values is not left to chance; see `heedful.games.sampled.lime.adjusted`, and
            docs/results/speed.md for how many. Its standard errors are some 10 % too small for 200 samples of 10 units.
        precision: stop once the largest standard error is at most this share of the largest absolute score, and fit
            the samples drawn so far, with their share of the penalty; None takes all samples.

    Raises:
        SettingError: a number is out of its range or a name unknown; when answering, the kernel is so narrow that no
            mask but the whole text has any weight to speak of.

    Example:
        >>> Lime(n_samples=1000).settings()["kernel_width"]
        0.25
    """

    n_samples: Annotated[int, Ge(1)] = 5000
    kernel_width: Annotated[float, Gt(0)] = 0.25
    ridge: Annotated[float, Ge(0), Lt(math.inf)] = 1.0
    n_features: Annotated[int, Ge(1)] | None = None
    selection: Annotated[str, OneOf(SELECTIONS)] = "auto"
    sampler: Annotated[str, OneOf(SAMPLERS)] = "fast"
    precision: Annotated[float, Gt(0), Lt(math.inf)] | None = None

    card = cards.LIME

    def answer(self, question: Question) -> Answer:
        """Draw masks, or list all of them; evaluate, fit."""
        game, precise = question.game(), False
        d = game.n_units
        listed = self.sampler != "lime" and d <= FEW and 1 << d <= self.n_samples
        # a few units have few masks, which come again at every look
        memo = Memo(game) if self.precision is not None and 1 << d <= self.n_samples else game
        if self.precision is not None or not listed:
            most = 1 << d if listed else self.n_samples
            by_masks = self.sampler != "adjusted" and self.n_features is None  # see `WeightedMasks`
            check_masks("lime: n_samples", most, question, bytes_a_unit=4.0, side=min(d, most) if by_masks else d)
            fit, details, precise = self._sampled(memo, most, question.seed)
        if listed and not precise:
            fit, details = self._enumerated(memo)
        return Answer(
            scores=fit.coefficients,
            base_value=fit.intercept,
            std_error=fit.std_error,
            n_forward=game.n_forward,
            details={"local_prediction": fit.local_prediction, "r2": fit.r2, **details},
        )

    def _sampled(self, game: Game, most: int, seed: int) -> tuple[Fit, dict[str, float], bool]:
        """A fit of at most so many of the samples, what to tell of it, and whether it is as precise as requested."""
        with np.errstate(over="ignore"):  # of a width near 0
            masks, weights = sample(self.sampler, most, game.n_units, seed, self.kernel_width)
        self._check_weights(weights, game.n_units)
        values, done = np.empty(most), 0
        stop = Stop(self.precision, max(_ROWS, 4 * (game.n_units + 1)))
        for look in stop.looks(most):
            values[done:look] = game(masks[done:look])
            done = look
            moments = self._moments(masks[:done], weights[:done], values[:done])
            chosen = self._choose(moments, game.n_units)
            # as much penalty a sample as the whole run has, or a shorter one would shrink the scores
            fit = moments.fit(chosen, self.ridge * (done / self.n_samples))
            if precise := stop.reached(done, fit.coefficients[chosen], fit.std_error[chosen]):
                break
        details = {"n_evaluations": float(done), "enumerated": 0.0, "degrees_of_freedom": float(max(0, fit.n_free))}
        if self.precision is not None:
            error = relative_error(fit.coefficients[chosen], fit.std_error[chosen])
            details |= {"relative_error": error, "precision_reached": float(precise)}
        return fit, details, precise

    def _moments(self, masks: Masks, weights: PerMask, values: PerMask) -> WeightedMasks:
        if self.sampler == "adjusted":
            return AdjustedMasks(masks, weights, values, self.kernel_width)
        return WeightedMasks(masks, weights, values)

    def _enumerated(self, game: Game) -> tuple[Fit, dict[str, float]]:
        """The fit to the moments that so many samples have in expectation, and what to tell of it."""
        with np.errstate(over="ignore"):
            masks, weights = draw_all(self.n_samples, game.n_units, self.kernel_width)
        self._check_weights(weights, game.n_units)
        moments = WeightedMasks(masks, weights, game(masks))
        fit = moments.fit(self._choose(moments, game.n_units), self.ridge)
        details = {"n_evaluations": float(len(masks)), "enumerated": 1.0, "degrees_of_freedom": math.inf}
        if self.precision is not None:
            details |= {"relative_error": 0.0, "precision_reached": 1.0}
        return replace(fit, std_error=np.zeros(game.n_units)), details

    def _check_weights(self, weights: PerMask, n_units: int) -> None:
        """Raise SettingError if all masks but the whole text together weigh next to nothing beside it.

        Nothing can be learnt from the whole text alone, and its weight of 1 leaves the others as many digits as theirs
        have of it.
        """
        if len(weights) > 1 and weights[1:].sum() < _LIGHTEST:
            width = f"kernel_width {self.kernel_width}"
            raise SettingError(f"lime: {width} leaves masks of {n_units} units no weight: use a larger one")

    def _choose(self, moments: WeightedMasks, n_units: int) -> Int64[np.ndarray, " chosen"]:
        if self.selection == "none" or self.n_features is None:
            return np.arange(n_units)
        forward = self.n_features <= 6 if self.selection == "auto" else self.selection == "forward_selection"
        return moments.forward_selection(self.n_features) if forward else moments.highest_weights(self.n_features)
