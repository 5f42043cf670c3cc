"""The largest tau-b that sparse attention can have: reached by scores of the same order, and never exceeded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.metrics.agreement import kendall_tau_b
from heedful.studies.sparse_attention.summary import tau_limits


@given(n_words=st.integers(2, 12), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_scores_of_the_same_order_reach_the_limit_and_none_exceed_it(n_words: int, share: float, seed: int) -> None:
    support = max(1, round(share * n_words))
    attention = np.array([*range(support, 0, -1), *[0.0] * (n_words - support)]) / n_words
    limit = tau_limits(np.array([support]), np.array([n_words]))[0]
    assert kendall_tau_b(attention, np.arange(n_words, 0.0, -1)) == pytest.approx(limit, abs=1e-12)
    assert kendall_tau_b(attention, np.random.default_rng(seed).permutation(n_words).astype(float)) <= limit + 1e-12


def test_one_word_has_no_limit() -> None:
    assert np.isnan(tau_limits(np.array([1]), np.array([1]))).all()
