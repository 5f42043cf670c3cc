"""Sparse attention as a part of any encoder: weights by hand, padding, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.errors import SettingError
from heedful.remedies.sparse import SCORERS, SparseAttention

ALPHAS = (1.0, 1.25, 1.5, 1.75, 2.0)


def make(scorer: str = "dot", alpha: float = 1.5, size: int = 4) -> SparseAttention:
    torch.manual_seed(0)
    return SparseAttention(size, scorer=scorer, alpha=alpha).double()


def test_weights_of_two_states_by_hand() -> None:
    """Two scores a distance d apart: sparsemax gives (1 + d) / 2; entmax-1.5 solves p^(1/2) - (1 - p)^(1/2) = d / 2."""
    states = torch.tensor([[[1.0], [0.0]]], dtype=torch.float64)
    for gap in (0.0, 0.3, 0.8, 5.0):
        sparse, middle, soft = (SparseAttention(1, scorer="dot", alpha=alpha).double() for alpha in (2.0, 1.5, 1.0))
        for part in (sparse, middle, soft):
            part.query.data.fill_(gap)
        assert sparse.weights(states)[0, 0].item() == pytest.approx(min((1 + gap) / 2, 1.0), abs=1e-12)
        p = middle.weights(states)[0, 0].item()
        assert p == 1.0 if gap >= 2 else math.sqrt(p) - math.sqrt(1 - p) == pytest.approx(gap / 2, abs=1e-12)
        assert soft.weights(states)[0, 0].item() == pytest.approx(1 / (1 + math.exp(-gap)), abs=1e-12)


def test_scores_are_as_written_in_the_head_of_the_module() -> None:
    states = torch.randn(2, 3, 4, dtype=torch.float64)
    dot, additive = make("dot"), make("additive")
    torch.testing.assert_close(dot.scores(states), (states * dot.query).sum(-1) / 2)
    inner = torch.tanh(states @ additive.mix.weight.T + additive.mix.bias)
    torch.testing.assert_close(additive.scores(states), (inner * additive.query).sum(-1))


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("alpha", ALPHAS)
@settings(deadline=None, max_examples=15)
@given(st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 99))
def test_padding_is_as_if_it_were_not_there(scorer: str, alpha: float, there: list[bool], seed: int) -> None:
    part, states = make(scorer, alpha), torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(seed)).double()
    attended = torch.tensor([there])
    pooled, weights = part(states, attended)
    assert (weights[~attended] == 0).all()
    if not any(there):
        assert (pooled == 0).all()
        return
    alone, of_alone = part(states[:, attended[0]])
    torch.testing.assert_close(pooled, alone, rtol=0, atol=1e-9)  # bisection ends at 1e-15 of the threshold
    torch.testing.assert_close(weights[attended][None], of_alone, rtol=0, atol=1e-9)
    assert weights.sum().item() == pytest.approx(1.0)


def test_a_larger_alpha_gives_fewer_states_weight() -> None:
    states = torch.randn(20, 30, 4, dtype=torch.float64)
    sizes = []
    for alpha in ALPHAS:
        part = make("dot", alpha)
        part.query.data.mul_(2)
        sizes.append((part.weights(states) > 0).sum(1).double().mean().item())
    assert sizes[0] == 30
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 15


@pytest.mark.parametrize("alpha", ALPHAS)
def test_gradients_are_those_of_differences(alpha: float) -> None:
    part = make("additive", alpha)
    states = torch.randn(1, 4, 4, dtype=torch.float64, requires_grad=True)
    attended = torch.tensor([[True, True, True, False]])
    assert torch.autograd.gradcheck(lambda given: part(given, attended)[0], states, atol=1e-6)
    states.grad = None
    part(states, attended)[0].sum().backward()
    assert (states.grad[0, 3] == 0).all()


@pytest.mark.parametrize(
    ("settings_", "what"),
    [
        ({"alpha": 0.5}, "alpha of entmax goes from 1"),
        ({"alpha": 2.5}, "alpha of entmax goes from 1"),
        ({"alpha": float("nan")}, "alpha of entmax goes from 1"),
        ({"alpha": True}, "alpha of entmax goes from 1"),
        ({"scorer": "dott"}, "did you mean"),
        ({"scorer_size": 0}, "scorer_size"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(settings_: dict[str, object], what: str) -> None:
    with pytest.raises(SettingError, match=what) as error:
        SparseAttention(4, **settings_)
    assert "\n" not in str(error.value)
