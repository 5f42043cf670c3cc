"""A classifier for a corpus: as it is given, or loaded onto a device and in numbers of a kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from heedful.api import load
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.support.names import shown

DTYPES = ("float32", "bfloat16", "float16")


def classifier_of(model: Classifier | str | Path, device: str | None = None, dtype: str | None = None) -> Classifier:
    """Return a classifier as it is given, or load it, onto a device and in numbers of a kind.

    Raises:
        SettingError: device or dtype of a classifier that is loaded already, or no such dtype.
        ModelError: as `heedful.load`.
    """
    if not isinstance(model, Classifier):
        return in_numbers(load(model, device=device), dtype)
    if device is not None or dtype is not None:
        raise SettingError("device and dtype are for a model that is loaded here: give its folder or hub id")
    return model


def in_numbers(classifier: Classifier, dtype: str | None) -> Classifier:
    """Return a classifier of ours whose model computes with these numbers; None: as it is.

    Raises:
        SettingError: no such numbers.
    """
    if dtype is None:
        return classifier
    if dtype not in DTYPES:
        raise SettingError(f"dtype is one of {', '.join(DTYPES)}, got {shown(dtype)}")
    return replace(classifier, model=classifier.model.to(getattr(torch, dtype)))
