import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.render.colour import (
    AGREEMENT,
    BLACK,
    HUES,
    HUES_ON_DARK,
    SIGNED,
    UNSIGNED,
    WHITE,
    Shade,
    contrast,
    full_scale,
    shade,
)

NUMBERS = st.floats(allow_nan=False)


def test_red_speaks_for_blue_against_and_zero_is_white():
    assert shade(2.0, 2.0, SIGNED).rgb == HUES["for"]
    assert shade(-2.0, 2.0, SIGNED).rgb == HUES["against"]
    assert shade(0.0, 2.0, SIGNED).rgb == shade(-0.0, 2.0, SIGNED).rgb == WHITE
    red, _, blue = HUES["for"]
    assert red > blue
    red, _, blue = HUES["against"]
    assert blue > red


def test_half_the_score_is_half_the_way_to_white():
    assert shade(1.0, 2.0, SIGNED).rgb == tuple(round((255 + channel) / 2) for channel in HUES["for"])


@given(NUMBERS, st.floats(0, allow_nan=False))
def test_symmetric_around_zero(value, scale):
    one, other = shade(value, scale, SIGNED), shade(-value, scale, SIGNED)
    assert one.strength == other.strength
    assert 0 <= one.strength <= 1
    assert (one.kind == other.kind) == (value == 0)
    assert shade(value, scale, UNSIGNED) == shade(-value, scale, UNSIGNED)


@given(NUMBERS, NUMBERS, st.floats(0, exclude_min=True, allow_infinity=False))
def test_larger_scores_are_never_paler(one, other, scale):
    small, large = sorted((abs(one), abs(other)))
    assert shade(small, scale, SIGNED).strength <= shade(large, scale, SIGNED).strength


def test_scores_that_are_no_numbers():
    assert shade(math.nan, 1.0, SIGNED) == Shade("undefined", 0.0)
    assert shade(math.nan, 1.0, SIGNED).rgb == WHITE
    assert shade(-math.inf, 0.0, SIGNED) == Shade("against", 1.0)
    assert full_scale(np.array([math.nan, math.inf, -3.0])) == 3.0
    assert full_scale(np.array([math.nan])) == full_scale(np.array([])) == 0.0


@pytest.mark.parametrize("kind", HUES)
def test_text_can_be_read_on_every_shade(kind):
    for step in range(101):
        tint = Shade(kind, step / 100)
        ink = WHITE if tint.dark else BLACK
        assert contrast(tint.rgb, ink) >= 4.5  # WCAG 2.2, level AA
        assert contrast(tint.rgb, ink) == max(contrast(tint.rgb, WHITE), contrast(tint.rgb, BLACK))
    assert contrast(HUES_ON_DARK[kind], WHITE) >= 4.5
    assert set(HUES_ON_DARK) == set(HUES) == {*SIGNED, *UNSIGNED, *AGREEMENT}


def test_known_contrasts():
    assert contrast(WHITE, BLACK) == contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast((118, 118, 118), WHITE) == pytest.approx(4.54, abs=0.005)  # the lightest grey that passes AA
