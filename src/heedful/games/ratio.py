"""Ratio games: the score of softmax pooling as a function of which units are kept.

A head pools by `sum(weight * value) / sum(weight)` with positive weights. Every unit contributes one term while it
is kept and another (or none) once it is removed; a fixed part always stays. All weights are held as logarithms:
trained attention spreads over more orders of magnitude than a float64 has room for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int

from heedful.errors import SettingError
from heedful.games.bridge import ForOthers

_UNDERFLOW = 1e-280  # below this share of a head's largest weight, terms lost to underflow could matter
_BLOCK = 1 << 20  # masks x units handled at once
_MOST_LOG = 1e6  # size of a log weight; of a larger one too few digits are left of the weight itself
_MOST = 1e250  # size of a value; beyond, sums of products leave the range of float64

Array = Float64[np.ndarray, "..."]
Number = float | int


@dataclass(frozen=True, eq=False)
class Terms:
    """Weights and values that enter a softmax-pooled sum.

    Attributes:
        log_weight: natural logarithm of the weights, (heads, units), or (heads,) for the fixed part; minus infinity
            where there is no such term.
        value: what is pooled: the same shape, or one more axis for several outputs. Ignored where there is no term.

    Raises:
        SettingError: the shapes do not match, or a log weight or a value is not a number, infinite or far too large.
    """

    log_weight: Float64[np.ndarray, "heads ..."]
    value: Float64[np.ndarray, "heads ..."]

    def __post_init__(self) -> None:
        log_weight = np.array(self.log_weight, dtype=np.float64)
        value = np.array(self.value, dtype=np.float64)
        axes = log_weight.ndim
        if axes not in (1, 2) or value.shape[:axes] != log_weight.shape or value.ndim > axes + 1:
            raise SettingError(
                f"log_weight {log_weight.shape} must be (heads, units) or (heads,), "
                f"and value {value.shape} the same shape, or with one more axis for the outputs"
            )
        there = ~np.isneginf(log_weight)
        if not (abs(log_weight[there]) <= _MOST_LOG).all():
            raise SettingError(
                f"log_weight must be finite, at most {_MOST_LOG:.0e} in size, or minus infinity where there is no term"
            )
        value[~there] = 0.0
        if not (abs(value) <= _MOST).all():
            raise SettingError(f"value must be finite, at most {_MOST:.0e} in size, wherever there is a term")
        for name, array in (("log_weight", log_weight), ("value", value)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def none(cls, *shape: int) -> Terms:
        """No terms at all, e.g. `Terms.none(heads, units)` for units that vanish when they are removed.

        Example:
            >>> Terms.none(1, 2).log_weight
            array([[-inf, -inf]])
        """
        return cls(np.full(shape, -np.inf), np.zeros(shape))

    @property
    def outputs(self) -> tuple[int, ...]:
        """Shape of one value: () for a single output, (outputs,) for several at once."""
        return self.value.shape[self.log_weight.ndim :]

    def grouped(self, owner: Int[np.ndarray, " units"], n_groups: int) -> Terms:
        """One term a group of units: the logarithm of the summed weight, and the weighted mean of the values.

        Args:
            owner: group of each unit; -1 leaves the unit out.
            n_groups: number of groups; one without members has no term.

        Raises:
            SettingError: `owner` does not name one group a unit.

        Example:
            >>> tokens = Terms(np.log([[1.0, 3.0, 5.0]]), np.array([[0.0, 4.0, 7.0]]))
            >>> words = tokens.grouped(np.array([0, 0, 1]), 2)
            >>> np.exp(words.log_weight).round(9), words.value
            (array([[4., 5.]]), array([[3., 7.]]))
        """
        if self.log_weight.ndim != 2 or owner.shape != self.log_weight.shape[1:]:
            raise SettingError(f"owner {owner.shape} must name a group for each unit of {self.log_weight.shape}")
        if owner.size and not -1 <= owner.min() <= owner.max() < n_groups:
            raise SettingError(f"owner must lie in -1..{n_groups - 1}, got {owner.min()}..{owner.max()}")
        order = np.argsort(owner, kind="stable")
        order = order[np.searchsorted(owner[order], 0) :]
        groups, starts = np.unique(owner[order], return_index=True)
        log_weight = np.full((len(self.log_weight), n_groups), -np.inf)
        value = np.zeros((*log_weight.shape, *self.outputs))
        if groups.size:
            log_weight[:, groups], value[:, groups] = _pool(self.log_weight[:, order], self.value[:, order], starts)
        return Terms(log_weight, value)


def _pool(log_weight: Array, value: Array, starts: Int[np.ndarray, " groups"]) -> tuple[Array, Array]:
    """Pool runs of neighbouring terms, the k-th starting at starts[k], each relative to its own largest weight."""
    top = np.maximum.reduceat(log_weight, starts, axis=1)
    top = np.where(np.isneginf(top), 0.0, top)
    weight = np.exp(log_weight - np.repeat(top, np.diff(starts, append=log_weight.shape[1]), axis=1))
    total = np.add.reduceat(weight, starts, axis=1)
    with np.errstate(divide="ignore"):
        log_total = top + np.log(total)
    outputs = (1,) * (value.ndim - 2)
    share = weight.reshape(*weight.shape, *outputs) * value
    return log_total, np.add.reduceat(share, starts, axis=1) / np.where(total > 0, total, 1.0).reshape(
        *total.shape, *outputs
    )


@dataclass(frozen=True, eq=False)
class RatioGame(ForOthers):
    """A softmax-pooled score as a function of which units are kept.

    The value of a mask is the mean over heads of `sum(weight * value) / sum(weight)`, taken over the kept terms of the
    units that stay, the removed terms of the others, and the fixed terms.

    Attributes:
        kept: terms of the units while they stay, (heads, units).
        removed: terms that stand in for removed units, (heads, units); `Terms.none(heads, units)` if they vanish.
        fixed: terms that always stay, (heads,); `Terms.none(heads)` if there are none.
        empty: value of a head in which no term is left; None refuses to evaluate such a mask.

    Raises:
        SettingError: the three parts differ in heads, units or outputs, or there is no unit.

    Example:
        >>> kept = Terms(np.log([[1.0, 3.0]]), np.array([[2.0, -2.0]]))
        >>> game = RatioGame(kept, Terms.none(1, 2), Terms(np.zeros(1), np.ones(1)))
        >>> game(np.array([[False, False], [True, False], [True, True]]))
        array([ 1. ,  1.5, -0.6])
    """

    kept: Terms
    removed: Terms
    fixed: Terms
    empty: Number | Float64[np.ndarray, " outputs"] | None = None

    def __post_init__(self) -> None:
        shapes = [terms.log_weight.shape for terms in (self.kept, self.removed, self.fixed)]
        if len(shapes[0]) != 2 or 0 in shapes[0] or shapes[1:] != [shapes[0], shapes[0][:1]]:
            found = ", ".join(str(shape) for shape in shapes)
            raise SettingError(f"kept, removed and fixed must be (heads, units), (heads, units), (heads,); got {found}")
        for name in ("removed", "fixed"):
            terms = getattr(self, name)
            if terms.outputs == self.outputs:
                continue
            if np.isfinite(terms.log_weight).any():
                raise SettingError(f"kept has outputs {self.outputs}, {name} has {terms.outputs}: they must agree")
            object.__setattr__(self, name, Terms(terms.log_weight, np.zeros(terms.log_weight.shape + self.outputs)))
        if self.empty is not None and (
            np.shape(self.empty) not in ((), self.outputs) or not np.isfinite(self.empty).all()
        ):
            raise SettingError(f"empty must be one finite number, or one for each output {self.outputs}")

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
        """The game of one text and the paper's classifier; arguments as in `heedful.explain`.

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
        """The game of one of several outputs, alone."""
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
        if masks.ndim != 2 or masks.dtype != np.bool_ or masks.shape[1] != self.n_units:
            raise SettingError(f"masks must be boolean (n, {self.n_units}), got {masks.dtype} {masks.shape}")
        size = max(1, _BLOCK // self.n_units)
        starts = range(0, max(1, len(masks)), size)
        return np.concatenate([self._values(masks[start : start + size]) for start in starts])

    def restricted(self, free: Bool[np.ndarray, " units"], kept: Bool[np.ndarray, " units"]) -> RatioGame:
        """The game of the `free` units alone, while every other unit stays kept or removed as `kept` says.

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
        """Values with every unit removed, and with every unit kept."""
        nothing, everything = self(np.repeat([[False], [True]], self.n_units, axis=1))
        return np.asarray(nothing), np.asarray(everything)

    @cached_property
    def _columns(self) -> tuple[Array, Array, Array]:
        """Kept, removed, fixed: columns (weight, weight * values) head by head, relative to a head's largest weight."""
        tops = [self.kept.log_weight.max(1), self.removed.log_weight.max(1), self.fixed.log_weight]
        top = np.maximum.reduce(tops)
        top = np.where(np.isneginf(top), 0.0, top)

        def columns(log_weight: Array, value: Array) -> Array:
            weight = np.exp(log_weight - top[:, None])
            value = value.reshape(*weight.shape, -1)
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
        values: Array = (sums[..., 1:] / sums[..., :1]).mean(1)
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
        sums = np.column_stack([weight.sum(1) + fixed_weight, numerators])
        sums[gone, 0], sums[gone, 1:] = 1.0, 0.0 if self.empty is None else self.empty
        return sums
