"""Terms of softmax-pooled sums: weights, held as logarithms, and the values they weigh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray

from heedful.errors import SettingError

MOST_LOG = 1e6  # size of a log weight; of a larger one too few digits are left of the weight itself
MOST = 1e250  # size of a value; beyond, sums of products leave the range of float64

Array = Float64[np.ndarray, "..."]
Numbers = NDArray[Any] | Sequence[Any] | float | int


def floats(name: str, array: Numbers) -> Array:
    """Return a new float64 array of anything that NumPy takes as real numbers.

    Raises:
        SettingError: it does not.

    Example:
        >>> floats("weights", [1, 2])
        array([1., 2.])
    """
    try:
        given = np.asarray(array)
        if given.dtype.kind in "biuf" or (given.dtype.kind == "O" and all(isinstance(one, Real) for one in given.flat)):
            return np.array(given, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):  # ragged lists, objects, tensors on another device
        pass
    raise SettingError(f"{name} must be an array of numbers, got {type(array).__name__}")


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
        log_weight, value = floats("log_weight", self.log_weight), floats("value", self.value)
        axes = log_weight.ndim
        if axes not in (1, 2) or value.shape[:axes] != log_weight.shape or value.ndim > axes + 1:
            raise SettingError(
                f"log_weight {log_weight.shape} must be (heads, units) or (heads,), "
                f"and value {value.shape} the same shape, or with one more axis for the outputs"
            )
        there = ~np.isneginf(log_weight)
        if not (abs(log_weight[there]) <= MOST_LOG).all():
            raise SettingError(
                f"log_weight must be finite, at most {MOST_LOG:.0e} in size, or minus infinity where there is no term"
            )
        value[~there] = 0.0
        if not (abs(value) <= MOST).all():
            raise SettingError(f"value must be finite, at most {MOST:.0e} in size, wherever there is a term")
        for name, array in (("log_weight", log_weight), ("value", value)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def unchecked(cls, log_weight: Array, value: Array) -> Terms:
        """Return terms of arrays that are known to be right, read-only and nobody else's: nothing is looked at.

        They must be what `Terms(log_weight, value)` would hold.
        """
        terms = cls.__new__(cls)
        terms.__dict__.update(log_weight=log_weight, value=value)
        return terms

    @classmethod
    def none(cls, *shape: int) -> Terms:
        """Return no terms at all, e.g. `Terms.none(heads, units)` for units that vanish when they are removed.

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
        """Make one term a group of units: the logarithm of the summed weight, and the weighted mean of the values.

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
