import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations import make
from heedful.methods.registry import REGISTRY
from heedful.render.reaction import full_scale, reaction

# A model that hardly reacts: a change of 3.7e-05 at most, of a logit of 1.45.
SMALL = {"scores": [3.7e-05, -1e-05, 2e-06], "prediction": 1.45}


def test_a_model_that_hardly_reacts_does_not_look_as_if_it_did():
    small = make("a b c", **SMALL)
    assert reaction(small).kind == "hardly"
    assert reaction(small).largest == 3.7e-05
    assert 3.7e-05 / full_scale(small) < 0.01  # strength of the reddest word
    assert reaction(make("a b c", **SMALL, probability=0.75)).kind == "hardly"


@pytest.mark.parametrize("fields", [{"scores": [0.5, -0.2, 0.1]}, {"scores": [0.02, 0.0, 0.0], "prediction": 1.0}])
def test_other_scores_are_at_full_strength(fields):
    clear = make("a b c", **fields)
    assert reaction(clear).kind == "clear"
    assert full_scale(clear) == np.abs(clear.scores).max()


def test_many_small_scores_together_are_a_reaction():
    text = " ".join("ab" * 500)
    assert reaction(make(" ".join(text.split()[:3]), scores=[2e-4] * 3, prediction=1.0)).kind == "hardly"
    assert reaction(make(" ".join(["a"] * 500), scores=[2e-4] * 500, prediction=1.0)).kind == "clear"


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 10))
def test_a_constant_added_to_the_bias_of_a_classifier_changes_nothing(constant, size):
    scores = size * np.array([1.0, -0.5, 0.25])
    before, after = (make("a b c", scores=scores, prediction=p, probability=0.7) for p in (1.5, 1.5 + constant))
    assert reaction(before) == reaction(after)


def test_a_number_that_is_no_class_is_judged_beside_itself():
    house = {"scores": [3.0, -1.0, 1.0], "prediction": 250_000.0}
    assert reaction(make("a b c", **house)).kind == "hardly"
    assert reaction(make("a b c", **(house | {"scores": [3e4, 0.0, 0.0]}))).kind == "clear"
    assert reaction(make("a b c", **(house | {"prediction": math.nan}))).kind == "clear"
    assert reaction(make("a b c", **(house | {"prediction": 0.0}))).kind == "clear"


def test_a_probability_is_judged_beside_one():
    fields = {"output": "probability", "prediction": 1e-6, "scores": [1e-3, 0.0, 0.0]}
    assert reaction(make("a b c", **fields)).kind == "hardly"
    assert reaction(make("a b c", **(fields | {"scores": [0.1, 0.0, 0.0]}))).kind == "clear"


@given(st.floats(1e-12, 1.0), st.floats(1e-12, 1.0))
def test_rows_fade_without_a_jump(one, other):
    small, large = sorted((one, other))
    shares = [reaction(make("a b", scores=[size, 0.0], prediction=1.0)).share for size in (small, large)]
    assert 0 < shares[0] <= shares[1] <= 1
    assert reaction(make("a b", scores=[0.01 * (1 - 1e-12), 0.0], prediction=1.0)).share == pytest.approx(1)


@pytest.mark.parametrize("name", [card.name for card in REGISTRY.built_in])
def test_scores_of_zero_are_none_for_every_method_but_the_control(name):
    card = REGISTRY.card_of(name)
    for scores in ([0.0, -0.0, 0.0], [1e-12, -1e-13, 0.0]):
        zero = make("a b c", scores=scores, method=name, signed=card.signed, prediction=2.0)
        assert reaction(zero).kind == ("clear" if name == "random" else "none")
    assert full_scale(make("a b c", scores=[0, 0, 0], method=name, prediction=0.0)) == 0


@pytest.mark.parametrize("name", ["attention-mean", "gradient-mean", "gradient-l2", "smoothgrad", "somebody's"])
def test_weights_are_in_units_of_their_own(name):
    assert reaction(make("a b c", **SMALL, method=name)).kind == "clear"
    assert reaction(make("a b c", **SMALL, method=name, additive=True)).kind == "hardly"


def test_what_is_no_number_is_not_judged():
    for scores in ([np.nan] * 3, [1e-9, np.inf, 0.0], [1e-9, np.nan, 0.0]):
        assert reaction(make("a b c", scores=scores)).kind == "clear"
    assert reaction(make("", [], scores=[])).kind == "clear"
