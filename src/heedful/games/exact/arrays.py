"""NumPy or torch: formulas written once run on the arrays of both, for one game or for many along leading axes."""

from __future__ import annotations

from typing import Any

import numpy as np

AnyArray = Any  # np.ndarray or torch.Tensor, which is not imported for its name


def namespace(array: AnyArray) -> Any:
    """The module whose functions take the array; the formulas keep to what both spell alike.

    Example:
        >>> namespace(np.ones(2)).__name__
        'numpy'
    """
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def reordered(array: AnyArray, order: AnyArray) -> AnyArray:
    """The array's entries along the last axis in another order, such as `argsort` finds.

    Example:
        >>> reordered(np.array([[3.0, 1.0, 2.0]]), np.array([[1, 2, 0]]))
        array([[1., 2., 3.]])
    """
    if isinstance(array, np.ndarray):
        return np.take_along_axis(array, order, -1)
    return array.take_along_dim(order, -1)
