"""LIME's samples: their distribution, lime's own masks, and the weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.games.sampled.lime.neighbourhood import draw, draw_as_lime, draw_by_gain, weigh

sklearn_metrics = pytest.importorskip("sklearn.metrics.pairwise", reason="scikit-learn is in the extra 'bench'")


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_the_first_row_keeps_all_and_every_other_removes_some(n_samples: int, n_units: int, seed: int) -> None:
    for sampler in (draw, draw_as_lime):
        masks = sampler(n_samples, n_units, seed)
        assert masks.shape == (n_samples, n_units)
        assert masks[0].all()
        assert not masks[1:].all(axis=1).any()
        assert np.array_equal(masks, sampler(n_samples, n_units, seed))


def test_lime_masks_are_those_of_the_package() -> None:
    from lime.lime_text import LimeTextExplainer

    seen: list[str] = []

    def record(texts: list[str]) -> np.ndarray:
        seen.extend(texts)
        return np.zeros((len(texts), 2))

    words = ["one", "two", "three", "four", "five", "six", "seven"]
    LimeTextExplainer(random_state=11).explain_instance(" ".join(words), record, num_samples=40)
    kept = [[word in text.split() for word in words] for text in seen]
    assert np.array_equal(draw_as_lime(40, 7, 11), kept)


@pytest.mark.parametrize("n_units", [1, 2, 6])
def test_sizes_are_uniform_and_subsets_uniform_given_the_size(n_units: int) -> None:
    n = 60_000
    masks = draw(n + 1, n_units, seed=0)[1:]
    removed = (~masks).sum(axis=1)
    counts = np.bincount(removed, minlength=n_units + 1)
    assert counts[0] == 0
    # 5 standard deviations of a binomial count
    expected = n / n_units
    assert np.abs(counts[1:] - expected).max() <= 5 * np.sqrt(expected)
    for size in range(1, n_units):
        rows = masks[removed == size]
        share = (~rows).mean(axis=0)
        assert np.abs(share - size / n_units).max() < 5 * np.sqrt(0.25 / len(rows))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 1000), st.floats(0.05, 5))
def test_weights_are_the_kernel_of_the_cosine_distance(n_units: int, seed: int, width: float) -> None:
    masks = draw(30, n_units, seed)
    distance = sklearn_metrics.cosine_distances(masks.astype(float), np.ones((1, n_units))).ravel()
    assert weigh(masks, width) == pytest.approx(np.exp(-(distance**2) / (2 * width**2)), rel=1e-9, abs=1e-300)


def test_more_units_than_a_byte_counts() -> None:
    masks = np.arange(600) < np.array([[600], [300], [1]])
    expected = np.exp(-((1 - np.sqrt([1, 1 / 2, 1 / 600])) ** 2) / (2 * 0.25**2))
    assert weigh(masks, 0.25) == pytest.approx(expected, rel=1e-12)


def test_an_infinite_width_weighs_all_alike() -> None:
    assert np.array_equal(weigh(draw(20, 5, 0), np.inf), np.ones(20))


@pytest.mark.parametrize("kernel_width", [0.25, np.inf])
def test_masks_drawn_by_gain_have_the_expectations_of_limes_distribution(kernel_width: float) -> None:
    n, d = 40_000, 5
    masks, weights = draw_by_gain(n + 1, d, 3, kernel_width)
    again, same_weights = draw_by_gain(n + 1, d, 3, kernel_width)
    assert np.array_equal(masks, again)
    assert np.array_equal(weights, same_weights)
    assert masks[0].all()
    assert weights[0] == 1
    masks, weights = masks[1:], weights[1:]
    removed = (~masks).sum(axis=1)
    assert removed.min() > 0
    size = np.arange(1, d + 1)
    pi = np.exp(-((1 - np.sqrt(1 - size / d)) ** 2) / (2 * kernel_width**2))
    gain = pi * np.sqrt(size / (d - size + 1))
    found = np.array([(removed == s).sum() for s in size])
    expected = n * gain / gain.sum()
    assert (np.abs(found - expected) <= 5 * np.sqrt(expected)).all()
    assert weights == pytest.approx((pi / d / (gain / gain.sum()))[removed - 1], rel=1e-12)
    pairs = np.array([(removed == 2) & ~masks[:, i] & ~masks[:, j] for i in range(5) for j in range(i)]).sum(axis=1)
    expected = (removed == 2).sum() / 10
    assert np.abs(pairs - expected).max() < 5 * np.sqrt(expected)
