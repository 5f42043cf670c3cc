"""A classifier for a corpus: as it is given, or loaded onto a device and in numbers of a kind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from heedful.api import load
from heedful.classifier import Classifier
from heedful.classifier.card import Room
from heedful.errors import SettingError
from heedful.runs.folder import RECORD
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


def in_same_room(classifier: Classifier, out: Path) -> Classifier:
    """Return a classifier on a card with batches of the size that the folder of a corpus was begun with, if it was.

    What is free on a card differs from time to time, and with other batches the last digits of scores do.
    """
    if classifier.device.type == "cpu":
        return classifier
    try:
        room = Room(**json.loads((out / RECORD).read_text("utf-8"))["batch"])
    except (OSError, ValueError, KeyError, TypeError):  # nothing was begun there, or something else
        return classifier
    return replace(classifier, given_room=room)


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
