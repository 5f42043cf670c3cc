"""Classes by name and index: what a configuration calls them, and which of them a caller means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import regex

from heedful.errors import ModelError, TargetError
from heedful.support.names import did_you_mean, match, shown

_SHOWN = 20  # classes that a message lists


def names_of(config: Any, model_name: str) -> tuple[str, ...]:
    """Return class names by index from a configuration's `id2label`: a mapping from 0 up, or a list.

    Raises:
        ModelError: there are none, or numbers are missing or given twice.
    """
    given = getattr(config, "id2label", None)
    if isinstance(given, Sequence) and not isinstance(given, str):
        given = dict(enumerate(given))
    named = list(given.items()) if isinstance(given, Mapping) else []
    by_index = {_index(key): str(name) for key, name in named}
    if not named or set(by_index) != set(range(len(named))):
        raise ModelError(
            f"{model_name}: the model has no labels from 0 up: set model.config.id2label to one name a logit, such as "
            "{0: 'negative', 1: 'positive'}"
        )
    return tuple(by_index[i] for i in range(len(by_index)))


def _index(wanted: object) -> int | None:
    """The whole number that this is, or spells; None if it is something else."""
    if isinstance(wanted, (int, np.integer)) and not isinstance(wanted, bool):
        return int(wanted)
    return int(wanted) if isinstance(wanted, str) and regex.fullmatch("-?[0-9]{1,9}", wanted) else None


def index_of(wanted: object, labels: Sequence[str], predicted: int) -> int:
    """Return the index of the class that is meant.

    Case does not matter where it is clear. A number is an index and may be a name too, and it makes no difference
    whether it comes as 1 or "1". So it is refused where it could mean two classes, as is a name that two classes have;
    "#1" is the index and nothing else.

    Args:
        wanted: an index, a name, or "predicted".
        labels: names by index.
        predicted: index of the predicted class.

    Raises:
        TargetError: no class, or more than one; the message says which there are.

    Example:
        >>> index_of("yes", ("no", "yes"), 0), index_of(1, ("no", "yes"), 0), index_of("#2", ("3", "2", "1"), 0)
        (1, 1, 2)
    """
    if wanted == "predicted" and wanted not in labels:
        return predicted
    if wanted == "predicted":
        if labels[predicted] == wanted and labels.count(wanted) == 1:
            return predicted
        raise TargetError(
            f"target 'predicted' could be the predicted class, {predicted}, or the one of that name: use an index, "
            f"written '#{predicted}' or '#{labels.index('predicted')}'"
        )
    number = _index(wanted)
    name = wanted if isinstance(wanted, str) or number is None else str(number)
    meant = {i for i, label in enumerate(labels) if isinstance(name, str) and label == name}
    if isinstance(wanted, str) and number is None and not meant:
        near = match(wanted, [*labels, "predicted"])
        if near == "predicted":
            return predicted
        meant = {i for i, label in enumerate(labels) if label == near}
        number = _index(wanted[1:]) if wanted.startswith("#") else None
    if number is not None and 0 <= number < len(labels):
        meant.add(number)
    if len(meant) == 1:
        return meant.pop()
    given = shown(wanted) if number is None or meant else f"{number}"
    if meant:
        raise TargetError(
            f"target {given} could be class {_listed(labels, sorted(meant), ' or ')}: "
            f"use its index, written {' or '.join(repr(f'#{i}') for i in sorted(meant)[:_SHOWN])}"
        )
    others = "" if number is not None else ", or 'predicted'"
    asked = did_you_mean(wanted, labels) if isinstance(wanted, str) and number is None else ""
    listed = f"{_listed(labels, range(len(labels)), ', ')}{others}"
    raise TargetError(f"no class {given}; the classes are {listed}{asked and f'; {asked}'}")


def _listed(labels: Sequence[str], some: Sequence[int], between: str) -> str:
    """Indices and names of some classes, of the first few if they are many."""
    listed = between.join(f"{i} {labels[i]!r}" for i in some[:_SHOWN])
    return listed if len(some) <= _SHOWN else f"{listed}, ... ({len(some)} in all)"
