"""Questions without some units: the same game with these gone for good, whatever the classifier and the masking."""

import numpy as np
import pytest

import heedful
from factory import make_bert
from heedful.errors import SettingError, TextError
from heedful.games import exact
from heedful.question import Choices, ask, without
from unchecked import call

TEXT = "the plot was not good but the acting was very good !"


@pytest.mark.parametrize("make", [lambda: heedful.load("demo"), make_bert])
@pytest.mark.parametrize("masking", ["unk", "pad", "delete"])
def test_the_game_is_the_whole_ones_with_these_removed(make, masking):
    whole = ask(make(), TEXT, Choices(masking=masking, output="logit_difference"))
    less = without(whole, [2, 4])
    left = [unit for unit in range(len(whole.units)) if unit not in (2, 4)]
    assert less.units.strings == tuple(whole.units.strings[unit] for unit in left)
    masks = np.random.default_rng(0).random((20, len(left))) < 0.5
    masks[0], masks[1] = True, np.arange(len(left)) == 0
    wide = np.zeros((20, len(whole.units)), dtype=bool)
    wide[:, left] = masks
    assert less.game()(masks) == pytest.approx(whole.game()(wide), abs=1e-6)
    assert less.prediction == pytest.approx(float(whole.game()(wide[:1])[0]), abs=1e-6)
    assert less.output == whole.output


def test_exact_values_are_those_of_the_restricted_game():
    whole = ask(heedful.load("demo"), TEXT, Choices())
    kept = np.arange(len(whole.units)) != 3
    expected = exact.shapley(whole.ratio_game().restricted(kept, kept)).values
    assert exact.shapley(without(whole, [3]).ratio_game()).values == pytest.approx(expected, abs=1e-9)


def test_what_cannot_be_removed_is_refused():
    whole = ask(heedful.load("demo"), "A gem", Choices(masking="delete"))
    with pytest.raises(TextError, match="put one back"):
        without(whole, [0, 1])
    with pytest.raises(SettingError, match="units are 0 to 1"):
        without(whole, [2])
    with pytest.raises(SettingError, match="ignore"):
        without(ask(heedful.load("demo"), "A gem", Choices(masking="ignore")), [0])
    assert call(without, whole, []) is whole
