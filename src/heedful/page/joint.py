"""What several words do together: exactly where there is an exact engine, else by sampling, with its error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from heedful.errors import InputError, SettingError
from heedful.games import exact
from heedful.games.exact.groups import LARGEST
from heedful.page.view import number
from heedful.question import Question

MOST_SAMPLED = 5  # words whose interaction is sampled: each draw takes 2^s texts
_DRAWS = 64
Json = dict[str, Any]


def joint(question: Question, words: Sequence[int], check: Callable[[], None]) -> Json:
    """Return what some units of a question do together, and each alone.

    Args:
        question: the question.
        words: indices of its units, 2 to 8 of them; 5 where values are sampled.
        check: called between steps: raises where the time is over.

    Returns:
        together: the output lost when all are removed at once; each: when one is removed alone; value: the Shapley
        value of all as one player; values: their own Shapley values; interaction: the Shapley interaction index;
        error: by what these may be wrong (95 % margins where exact is False).

    Raises:
        SettingError: too few or too many words, or no such unit.
    """
    if not 2 <= len(words) <= LARGEST:
        raise SettingError(f"select 2 to {LARGEST} words to read their joint value, not {len(words)}")
    if words[-1] >= len(question.units) or words[0] < 0:
        raise SettingError("a selected word is no longer there: select again")
    whole, separately = _effects(question, words)
    check()
    try:
        game = question.ratio_game()
    except InputError:
        if len(words) > MOST_SAMPLED:
            raise SettingError(
                f"this model's joint values are sampled, of at most {MOST_SAMPLED} words: select fewer"
            ) from None
        known = _sampled(question, words, check)
    else:
        both, single = exact.group(game, words), exact.shapley(game)
        known = {
            "exact": True,
            "value": both.value,
            "values": [float(single.values[word]) for word in words],
            "interaction": both.interaction,
            "error": max(both.error_bound, single.error_bound),
        }
    return {"words": [question.units.strings[word] for word in words], "together": whole, "each": separately, **known}


def _effects(question: Question, words: Sequence[int]) -> tuple[float | None, list[float | None]]:
    """What removing all, and each alone, takes from the output."""
    masks = np.ones((len(words) + 2, len(question.units)), dtype=bool)
    masks[1, list(words)] = False
    masks[np.arange(2, len(words) + 2), list(words)] = False
    values = question.game()(masks)
    effects = values[0] - values[1:]
    return number(effects[0]), [number(effect) for effect in effects[1:].tolist()]


def _sampled(question: Question, words: Sequence[int], check: Callable[[], None]) -> Json:
    """Means over random subsets of the other units, their size uniform."""
    game, n = question.game(), len(question.units)
    rng = np.random.default_rng(question.seed)
    kept = np.array([*product((False, True), repeat=len(words))])
    signs = np.where((len(words) - kept.sum(1)) % 2 == 0, 1.0, -1.0)
    values, interactions, singles = list[float](), list[float](), list[Float64[np.ndarray, " words"]]()
    for _ in range(_DRAWS):
        check()
        chance = rng.random()
        masks = np.tile(rng.random(n) < chance, (len(kept), 1))
        masks[:, list(words)] = kept
        outputs = game(masks)
        values.append(float(outputs[-1] - outputs[0]))
        interactions.append(float(signs @ outputs))
        singles.append(_singles(kept, outputs, chance))
    spread = max(np.std(values, ddof=1), np.std(interactions, ddof=1), np.std(singles, axis=0, ddof=1).max())
    return {
        "exact": False,
        "value": float(np.mean(values)),
        "values": np.mean(singles, axis=0).tolist(),
        "interaction": float(np.mean(interactions)),
        "error": float(1.96 * spread / np.sqrt(_DRAWS)),
    }


def _singles(
    kept: Bool[np.ndarray, "subsets words"], outputs: Float64[np.ndarray, " subsets"], chance: float
) -> Float64[np.ndarray, " words"]:
    """Each word's mean effect when every other one is kept with this chance; over chances, its Shapley value."""
    weight = np.where(kept, chance, 1.0 - chance)
    effects = np.empty(kept.shape[1])
    for word in range(len(effects)):
        others = np.delete(weight, word, axis=1).prod(axis=1)
        effects[word] = np.where(kept[:, word], others, -others) @ outputs
    return effects
