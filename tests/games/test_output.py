import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heedful.errors import SettingError
from heedful.games import Output
from heedful.games.output import KINDS

every_kind = pytest.mark.parametrize("kind", KINDS)
rows = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 5)), elements=st.floats(-20, 20))
always = settings(deadline=None)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


@always
@given(rows, st.data())
def test_values_are_what_their_names_say(logits, data):
    target = data.draw(st.integers(0, logits.shape[1] - 1))
    whole = logits[0]
    best_other = max((x, -c) for c, x in enumerate(whole) if c != target)
    logit, probability, difference = (Output.of(kind, target, whole) for kind in KINDS)
    np.testing.assert_array_equal(logit(logits), logits[:, target])
    np.testing.assert_allclose(probability(logits), [softmax(row)[target] for row in logits], rtol=1e-13)
    # the other class is chosen on the whole text and held fixed for every other row
    np.testing.assert_allclose(difference(logits), logits[:, target] - logits[:, -best_other[1]], rtol=0, atol=1e-14)


@every_kind
@always
@given(rows, st.data())
def test_cotangent_is_the_gradient_by_the_logits(kind, logits, data):
    output = Output.of(kind, data.draw(st.integers(0, logits.shape[1] - 1)), logits[0])
    step = 1e-5
    for row in logits:
        bumped = row + step * np.vstack([np.eye(len(row)), -np.eye(len(row))])
        above, below = np.split(output(bumped), 2)
        # central differences: step^2 times a third derivative below 1, and 20 x 1e-16 of rounding over the step
        np.testing.assert_allclose(output.cotangent(row), (above - below) / (2 * step), rtol=0, atol=1e-9)


@every_kind
@always
@given(rows)
def test_linear_outputs_are_their_cotangent_times_the_logits(kind, logits):
    output = Output.of(kind, 0, logits[0])
    assert output.linear == (kind != "probability")
    if output.linear:
        np.testing.assert_array_equal(output(logits), logits @ output.cotangent(np.zeros(logits.shape[1])))


def test_probability_survives_logits_beyond_the_range_of_the_exponential():
    output = Output("probability", 1)
    logits = np.array([[0.0, 1e4], [1e4, 0.0], [-1e4, -1e4], [1e4, 1e4 + np.log(3.0)]])
    np.testing.assert_allclose(output(logits), [1.0, 0.0, 0.5, 0.75], rtol=1e-11)
    np.testing.assert_allclose(output.cotangent(logits[2]), [-0.25, 0.25], rtol=1e-15)


def test_a_single_class():
    one = np.array([np.log(3.0)])
    assert Output.of("logit", 0, one)(one[None]) == one
    assert Output.of("probability", 0, one, exclusive=False)(one[None]) == pytest.approx([0.75], rel=1e-15)
    with pytest.raises(SettingError, match="at least two classes that exclude each other: use 'logit'"):
        Output.of("logit_difference", 0, one, exclusive=False)


def test_classes_that_do_not_exclude_each_other_have_a_sigmoid_each():
    logits = np.array([[0.0, np.log(3.0), -800.0], [800.0, -np.log(3.0), 5.0]])
    assert Output.of("probability", 1, logits[0], exclusive=False)(logits) == pytest.approx([0.75, 0.25], rel=1e-15)
    assert Output("probability", 0, exclusive=False)(logits).tolist() == [0.5, 1.0]
    slope = Output("probability", 1, exclusive=False).cotangent(logits[0])
    assert slope == pytest.approx([0.0, 0.1875, 0.0], rel=1e-15)
    with pytest.raises(SettingError, match="exclude each other"):
        Output.of("logit_difference", 1, logits[0], exclusive=False)


@always
@given(st.text())
def test_unknown_kinds_are_refused_and_the_known_ones_named(kind):
    if kind not in KINDS:
        with pytest.raises(SettingError, match="logit, probability, logit_difference"):
            Output.of(kind, 0, np.zeros(2))
