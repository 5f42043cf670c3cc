"""Ratio games: the score of softmax pooling as a function of which units are kept.

A head pools by `sum(weight * value) / sum(weight)` with positive weights. Every unit contributes one term while it
is kept and another (or none) once it is removed; a fixed part always stays. All weights are held as logarithms:
trained attention spreads over more orders of magnitude than a float64 has room for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from heedful.errors import SettingError
from heedful.games.bridge import ForOthers
from heedful.games.terms import Array, Numbers, Terms, floats

__all__ = ["Array", "Number", "RatioGame", "Terms"]

_UNDERFLOW = 1e-280  # below this share of a head's largest weight, terms lost to underflow could matter
_BLOCK = 1 << 20  # masks x units handled at once

_NO_FIXED = Terms.none(0)  # stands for `Terms.none(heads)`

Number = float | int


@dataclass(frozen=True, eq=False)
class RatioGame(ForOthers):
    """A softmax-pooled score as a function of which units are kept.

    The value of a mask is the mean over heads of `sum(weight * value) / sum(weight)`, taken over the kept terms of the
    units that stay, the removed terms of the others, and the fixed terms.

    Attributes:
        kept: terms of the units while they stay, (heads, units).
        removed: terms that stand in for removed units, (heads, units); `Terms.none(heads, units)` if they vanish.
        fixed: terms that always stay, (heads,); none by default.
        empty: value of a head in which no term is left; None refuses to evaluate such a mask.

    Raises:
        SettingError: the three parts are no `Terms`, differ in heads, units or outputs, or there is no unit.

    Example:
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> game(np.array([[False, False], [True, False], [True, True]]))
        array([ 1. ,  1.5, -0.6])
    """

    kept: Terms
    removed: Terms
    fixed: Terms = _NO_FIXED
    empty: Number | Float64[np.ndarray, " outputs"] | None = None

    def __post_init__(self) -> None:
        parts = (self.kept, self.removed, self.fixed)
        if not all(isinstance(part, Terms) for part in parts):
            kinds = ", ".join(type(part).__name__ for part in parts)
            raise SettingError(f"kept, removed, fixed must be Terms, got {kinds}: arrays go to RatioGame.from_weights")
        if self.fixed.log_weight.shape == (0,):
            object.__setattr__(self, "fixed", Terms.none(len(self.kept.log_weight)))
        shapes = [terms.log_weight.shape for terms in (self.kept, self.removed, self.fixed)]
        if len(shapes[0]) != 2 or 0 in shapes[0] or shapes[1:] != [shapes[0], shapes[0][:1]]:
            given = ", ".join(str(shape) for shape in shapes)
            raise SettingError(f"kept, removed and fixed must be (heads, units), (heads, units), (heads,); got {given}")
        for name in ("removed", "fixed"):
            terms = getattr(self, name)
            if terms.outputs == self.outputs:
                continue
            if np.isfinite(terms.log_weight).any():
                raise SettingError(f"kept has outputs {self.outputs}, {name} has {terms.outputs}: they must agree")
            object.__setattr__(self, name, Terms(terms.log_weight, np.zeros(terms.log_weight.shape + self.outputs)))
        if self.empty is not None:
            empty = floats("empty", self.empty)
            if empty.shape not in ((), self.outputs) or not np.isfinite(empty).all():
                raise SettingError(f"empty must be one finite number, or one for each output {self.outputs}")
            object.__setattr__(self, "empty", empty if empty.ndim else float(empty))

    @classmethod
    def unchecked(cls, kept: Terms, removed: Terms, fixed: Terms) -> RatioGame:
        """Return the game of terms that are known to go together; see `Terms.unchecked`."""
        game = cls.__new__(cls)
        game.__dict__.update(kept=kept, removed=removed, fixed=fixed, empty=None)
        return game

    @classmethod
    def from_weights(
        cls,
        weights: Numbers,
        values: Numbers,
        *,
        fixed: tuple[Numbers, Numbers] | None = None,
        empty: Numbers | None = None,
    ) -> RatioGame:
        """Return the game of a weighted mean, as softmax pooling takes it, in which a removed unit drops out.

        The value of a set of units is `sum(weights * values) / sum(weights)` over its members, and the mean over heads
        if there are several. Attention weights and what they pool make such a game.

        Args:
            weights: (units,) or (heads, units), none negative; they need not add up to 1. A unit of weight 0 counts for
                nothing.
            values: the same shape, or one more axis for several outputs.
            fixed: weight and value of a part that always stays: numbers, or (heads,) and (heads, ...).
            empty: value of the empty set, which without a fixed part is 0 / 0: a number, or one an output.

        Raises:
            SettingError: the shapes do not match, a weight is negative or a number not finite, or neither `fixed` nor
                `empty` says what the empty set is worth.

        Example:
            >>> game = RatioGame.from_weights([1.0, 3.0], [2.0, -2.0], empty=0.0)
            >>> game(np.array([[False, False], [True, False], [True, True]]))
            array([ 0.,  2., -1.])
            >>> from heedful.games import exact
            >>> exact.shapley(game).values.round(9)
            array([ 1.5, -2.5])
            >>> exact.shapley(RatioGame.from_weights([1.0, 3.0], [2.0, -2.0], fixed=(1.0, 1.0))).values.round(9)
            array([ 0.575, -2.175])
        """
        weight, value = floats("weights", weights), floats("values", values)
        if weight.ndim == 1:
            weight, value = weight[None], value[None]
        if weight.ndim != 2 or value.shape[:2] != weight.shape or value.ndim > 3:
            raise SettingError(
                f"weights {np.shape(weights)} must be (units,) or (heads, units), "
                f"and values {np.shape(values)} the same shape, or with one more axis for the outputs"
            )
        kept = _terms(weight, value)
        shape = len(weight), *kept.outputs
        always = Terms.none(len(weight)) if fixed is None else _terms(*_pair(fixed, shape))
        if empty is None and np.isneginf(always.log_weight).any():
            raise SettingError(
                "without units the value is 0 / 0: give `empty`, what that counts as, or `fixed`, a weight and a value"
            )
        known = empty if empty is None else floats("empty", empty)
        return cls(kept, Terms.none(*weight.shape), always, known if known is None or known.ndim else float(known))

    @classmethod
    def from_text(  # the choices of `heedful.explain`
        cls,
        classifier: Any,  # a heedful.Classifier; this module knows no text
        text: str,
        *,
        target: int | str | None = "predicted",
        output: str = "logit",
        unit: str = "word_type",
        masking: str = "auto",
    ) -> RatioGame:
        """Return the game of one text and the paper's classifier; arguments as in `heedful.explain`.

        Target None takes all classes at once, an output each.

        Raises:
            TextError, TargetError: the text or the target cannot be used.
            SettingError: this is no ratio game (deletion, a probability, other attention than softmax); the message
                says what to use instead.

        Example:
            >>> import heedful
            >>> RatioGame.from_text(heedful.load("demo"), "The acting was superb.").n_units
            4
            >>> RatioGame.from_text(heedful.load("demo"), "The acting was superb.", target=None).outputs
            (2,)
        """
        from heedful.question import Choices, ask  # late: the one place where arrays and text meet

        first = 0 if target is None else target
        question = ask(classifier, text, Choices(target=first, output=output, unit=unit, masking=masking))
        others = range(1, len(question.logits)) if target is None else ()
        return question.ratio_game(*(question.output_of(output, label) for label in others))

    def of_output(self, k: int) -> RatioGame:
        """Return the game of one of several outputs, alone."""
        kept, removed, fixed = (Terms(t.log_weight, t.value[..., k]) for t in (self.kept, self.removed, self.fixed))
        empty = self.empty[k] if isinstance(self.empty, np.ndarray) and self.empty.ndim else self.empty
        return RatioGame(kept, removed, fixed, empty)

    @property
    def n_heads(self) -> int:
        """Number of heads averaged over."""
        return len(self.kept.log_weight)

    @property
    def n_units(self) -> int:
        """Number of units that can be kept or removed."""
        return len(self.kept.log_weight[0])

    @property
    def n_forward(self) -> int:
        """Texts pushed through a model: none, the arrays are all there is."""
        return 0

    @property
    def outputs(self) -> tuple[int, ...]:
        """Shape of one value: () for a single output, (outputs,) for several at once."""
        return self.kept.outputs

    def __call__(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n ..."]:
        """Values of keep masks (True: kept), one row a mask.

        Raises:
            SettingError: `masks` is not boolean of shape (n, units), or it leaves a head without any term while the
                game has no `empty` value.
        """
        masks = np.asarray(masks)
        if masks.ndim != 2 or masks.dtype != np.bool_ or masks.shape[1] != self.n_units:
            raise SettingError(f"masks must be boolean (n, {self.n_units}), got {masks.dtype} {masks.shape}")
        size = max(1, _BLOCK // self.n_units)
        starts = range(0, max(1, len(masks)), size)
        return np.concatenate([self._values(masks[start : start + size]) for start in starts])

    def restricted(self, free: Bool[np.ndarray, " units"], kept: Bool[np.ndarray, " units"]) -> RatioGame:
        """Return the game of the `free` units alone, while every other unit stays kept or removed as `kept` says.

        Raises:
            SettingError: no unit is free.
        """
        held = self.kept.log_weight[:, ~free], self.kept.value[:, ~free]
        gone = self.removed.log_weight[:, ~free], self.removed.value[:, ~free]
        stays = kept[~free]
        log_weight = np.where(stays, held[0], gone[0])
        value = np.where(stays.reshape(-1, *(1,) * len(self.outputs)), held[1], gone[1])
        rest = Terms(
            np.concatenate([log_weight, self.fixed.log_weight[:, None]], axis=1),
            np.concatenate([value, self.fixed.value[:, None]], axis=1),
        ).grouped(np.zeros(log_weight.shape[1] + 1, dtype=np.int64), 1)
        kept_terms, removed_terms = (
            Terms(terms.log_weight[:, free], terms.value[:, free]) for terms in (self.kept, self.removed)
        )
        return RatioGame(kept_terms, removed_terms, Terms(rest.log_weight[:, 0], rest.value[:, 0]), self.empty)

    def ends(self) -> tuple[Array, Array]:
        """Return the values with every unit removed, and with every unit kept."""
        nothing, everything = self(np.repeat([[False], [True]], self.n_units, axis=1))
        return np.asarray(nothing), np.asarray(everything)

    @cached_property
    def _scale(self) -> float:
        """The largest value, as a power of two: sums are relative to it, or products of tiny numbers would vanish."""
        largest = max(float(np.abs(terms.value).max()) for terms in (self.kept, self.removed, self.fixed))
        return 2.0 ** math.frexp(largest)[1]

    @cached_property
    def _columns(self) -> tuple[Array, Array, Array]:
        """Kept, removed, fixed: columns (weight, weight * values) head by head, relative to a head's largest weight."""
        tops = [self.kept.log_weight.max(1), self.removed.log_weight.max(1), self.fixed.log_weight]
        top = np.maximum.reduce(tops)
        top = np.where(np.isneginf(top), 0.0, top)

        def columns(log_weight: Array, value: Array) -> Array:
            weight = np.exp(log_weight - top[:, None])
            value = value.reshape(*weight.shape, -1) / self._scale
            both = np.concatenate([weight[..., None], weight[..., None] * value], axis=-1)
            return np.ascontiguousarray(np.moveaxis(both, 0, 1).reshape(weight.shape[1], -1))

        fixed = columns(self.fixed.log_weight[:, None], self.fixed.value[:, None])
        kept, removed = (columns(terms.log_weight, terms.value) for terms in (self.kept, self.removed))
        return kept, removed, fixed[0]

    def _values(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n ..."]:
        kept, removed, fixed = self._columns
        # two products of non-negative weights, not one with their difference: nothing cancels in the denominator
        sums = masks.astype(np.float64) @ kept + fixed
        if removed.any():
            sums += (~masks).astype(np.float64) @ removed
        sums = sums.reshape(len(masks), self.n_heads, len(fixed) // self.n_heads)
        lost = sums[..., 0] < _UNDERFLOW
        for head in np.flatnonzero(lost.any(0)).tolist():
            sums[lost[:, head], head] = self._sums_in_logs(masks[lost[:, head]], head)
        values: Array = (sums[..., 1:] / sums[..., :1]).mean(1) * self._scale
        return values.reshape(len(masks), *self.outputs)

    def _sums_in_logs(self, masks: Bool[np.ndarray, "n units"], head: int) -> Float64[np.ndarray, "n sums"]:
        """Denominator and numerators of one head, relative to each mask's own largest weight."""
        kept, removed, fixed = self.kept, self.removed, self.fixed
        log_weight = np.where(masks, kept.log_weight[head], removed.log_weight[head])
        top = np.maximum(log_weight.max(1), fixed.log_weight[head])
        gone = np.isneginf(top)
        if gone.any() and self.empty is None:
            raise SettingError("a mask leaves no term at all: its value is undefined, give the game an `empty` value")
        top[gone] = 0.0
        weight, fixed_weight = np.exp(log_weight - top[:, None]), np.exp(fixed.log_weight[head] - top)
        of_kept, of_removed = (terms.value[head].reshape(self.n_units, -1) for terms in (kept, removed))
        numerators = (weight * masks) @ of_kept + (weight * ~masks) @ of_removed
        numerators += fixed_weight[:, None] * fixed.value[head].reshape(1, -1)
        sums = np.column_stack([weight.sum(1) + fixed_weight, numerators / self._scale])
        sums[gone, 0], sums[gone, 1:] = 1.0, 0.0 if self.empty is None else np.asarray(self.empty) / self._scale
        return sums


def _terms(weight: Array, value: Array) -> Terms:
    """Return terms of weights that are not logarithms."""
    if not ((weight >= 0) & (weight < np.inf)).all():
        raise SettingError("weights must be finite, and none negative")
    with np.errstate(divide="ignore"):
        return Terms(np.log(weight), value)


def _pair(fixed: tuple[Numbers, Numbers], shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return weight and value of the fixed part, (heads,) and (heads, ...)."""
    try:
        weight, value = fixed
        return np.broadcast_to(floats("fixed", weight), shape[:1]), np.broadcast_to(floats("fixed", value), shape)
    except (TypeError, ValueError):
        raise SettingError(f"fixed must be a weight and a value, numbers or arrays {shape[:1]} and {shape}") from None
