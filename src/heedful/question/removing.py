"""A question about the same text without some of its units: what any method says once words are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from heedful.classifier import Classifier
from heedful.errors import SettingError, TextError
from heedful.question.question import Question
from heedful.support.names import shown
from heedful.text.encoding import Encoded
from heedful.text.units import Units


def without(question: Question, removed: Sequence[int]) -> Question:
    """Return the question about the text with some units removed, as the question's masking removes them.

    The units that are left keep their scores' meaning: the game is the question's own with the others gone for good.
    The output is the same, of the same class, whatever the text without these units is taken for.

    Args:
        question: the question about the whole text.
        removed: indices of units.

    Raises:
        SettingError: there is no such unit; or the masking is "ignore", which changes no text.
        TextError: no token is left.

    Example:
        >>> import heedful
        >>> from heedful.question import Choices, ask
        >>> whole = ask(heedful.load("demo"), "The acting was superb.", Choices())
        >>> less = without(whole, [3])
        >>> less.units.strings, bool(np.isclose(less.prediction, whole.game()(np.arange(4)[None] != 3)[0]))
        (('The', 'acting', 'was'), True)
    """
    units, gone = question.units, sorted({int(unit) for unit in removed})
    if not gone:
        return question
    if gone[0] < 0 or gone[-1] >= len(units):
        raise SettingError(f"units are 0 to {len(units) - 1}, got {shown(list(removed))}")
    if question.masking == "ignore":
        raise SettingError("masking 'ignore' takes no word out of the text: choose another to remove words")
    left = [unit for unit in range(len(units)) if unit not in set(gone)]
    places = np.array(sorted(place for unit in gone for place in units.positions[unit]), dtype=np.int64)
    if question.masking == "delete":
        stays = np.setdiff1d(np.arange(len(question.encoded)), places)
        if not any(question.encoded.offsets[place] is not None for place in stays.tolist()):
            raise TextError("every word is removed: put one back")
        encoded, kept = _cut(question.encoded, stays), _moved(units, left, stays)
    else:
        encoded, kept = _replaced(question.encoded, places, question.classifier, question.masking), _some(units, left)
    return replace(question, encoded=encoded, units=kept, logits=question.classifier.logits_of(encoded))


def _replaced(encoded: Encoded, places: Int64[np.ndarray, " places"], classifier: Classifier, masking: str) -> Encoded:
    instead = classifier.replacement_id(masking)
    if instead is None:
        raise SettingError(f"{classifier.name} has no {masking} token: use masking 'delete'")
    ids = encoded.input_ids.copy()
    ids[places] = instead
    return replace(encoded, input_ids=ids)


def _cut(encoded: Encoded, stays: Int64[np.ndarray, " left"]) -> Encoded:
    return replace(
        encoded,
        input_ids=encoded.input_ids[stays],
        offsets=tuple(encoded.offsets[place] for place in stays.tolist()),
        type_ids=None if encoded.type_ids is None else encoded.type_ids[stays],
    )


def _some(units: Units, left: Sequence[int]) -> Units:
    return replace(
        units,
        strings=tuple(units.strings[unit] for unit in left),
        spans=tuple(units.spans[unit] for unit in left),
        positions=tuple(units.positions[unit] for unit in left),
    )


def _moved(units: Units, left: Sequence[int], stays: Int64[np.ndarray, " left"]) -> Units:
    """Units at the places that their tokens have once others are deleted."""
    place_of = {old: new for new, old in enumerate(stays.tolist())}
    some = _some(units, left)
    positions = tuple(tuple(place_of[place] for place in places) for places in some.positions)
    return replace(some, positions=positions, n_tokens=len(stays))
