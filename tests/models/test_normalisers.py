import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heedful.models.normalisers import normalise, slope

KINDS = [("softmax", 1.0), ("sparsemax", 1.5), ("entmax", 1.5), ("entmax", 1.2), ("entmax", 2.0), ("entmax", 3.0)]
every_kind = pytest.mark.parametrize(("kind", "alpha"), KINDS)

logits = hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=2, max_side=9), elements=st.floats(-30, 30)).map(
    torch.from_numpy
)


@every_kind
@settings(deadline=None, max_examples=40)
@given(logits)
def test_weights_are_a_distribution_whatever_the_axis(kind, alpha, z):
    for dim in range(z.ndim):
        weights = normalise(z, kind, alpha, dim)
        assert (weights >= 0).all()
        # a sum of nine numbers, each rounded to 1e-16
        torch.testing.assert_close(weights.sum(dim), torch.ones_like(weights.sum(dim)), rtol=0, atol=1e-14)


@every_kind
@settings(deadline=None, max_examples=40)
@given(logits, st.data())
def test_minus_infinity_is_the_same_as_not_being_there(kind, alpha, z, data):
    z = z.flatten()
    n_gone = data.draw(st.integers(1, 4))
    places = data.draw(st.permutations([True] * len(z) + [False] * n_gone))
    there = torch.tensor(places)
    with_gone = torch.full((len(places),), -math.inf, dtype=z.dtype)
    with_gone[there] = z
    weights = normalise(with_gone, kind, alpha)
    assert (weights[~there] == 0).all()
    # above 2 the weights are a root of a distance that bisection knows to 1e-15
    rounding = 1e-13 if alpha <= 2 else 1e-7
    torch.testing.assert_close(weights[there], normalise(z, kind, alpha), rtol=rounding, atol=rounding)


@settings(deadline=None)
@given(logits.map(torch.flatten), st.sampled_from([1.2, 1.5, 1.9, 2.0]))
def test_entmax_is_a_thresholded_power(z, alpha):
    """Peters, Niculae, Martins 2019, equation 8: p = [(alpha - 1) z - tau]_+ ^ (1 / (alpha - 1)) for some tau."""
    p = normalise(z, "entmax", alpha)
    support = p > 0
    tau = (alpha - 1) * z[support] - p[support] ** (alpha - 1)
    # bisection halves an interval of length 1 fifty times, and logits of size 30 carry 4e-15 of rounding
    assert tau.max() - tau.min() < 1e-12
    assert ((alpha - 1) * z[~support] <= tau.max() + 1e-12).all()


def test_known_values():
    z = torch.tensor([1.0, 0.5, -1.0], dtype=torch.float64)
    torch.testing.assert_close(normalise(z, "softmax"), z.exp() / z.exp().sum())
    assert normalise(z, "sparsemax").tolist() == [0.75, 0.25, 0.0]
    # alpha 1.5: the square root of a weight is half its logit, less tau: 0.8 - 0.6 = (0.4 - 0) / 2
    two = torch.tensor([0.4, 0.0], dtype=torch.float64)
    torch.testing.assert_close(normalise(two, "entmax", 1.5), torch.tensor([0.64, 0.36], dtype=torch.float64))


@settings(deadline=None)
@given(logits)
def test_entmax_of_2_is_the_sparsemax_and_bisection_meets_the_closed_form(z):
    assert torch.equal(normalise(z, "entmax", 2.0), normalise(z, "sparsemax"))
    # the nearest alpha that bisection has to solve: the weights' derivative by alpha is below 1e3 here
    torch.testing.assert_close(normalise(z, "entmax", 1.5 + 1e-12), normalise(z, "entmax", 1.5), rtol=0, atol=1e-9)


@every_kind
@pytest.mark.parametrize("seed", range(3))
def test_slope_gives_the_jacobian(kind, alpha, seed):
    z = torch.randn(7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    z[-1] = -5.0  # off the support of every sparse normaliser but the flattest
    jacobian = torch.autograd.functional.jacobian(lambda x: normalise(x, kind, alpha), z)
    g = slope(normalise(z, kind, alpha), kind, alpha)
    torch.testing.assert_close(jacobian, torch.diag(g) - torch.outer(g, g) / g.sum(), rtol=1e-10, atol=1e-11)


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision_keeps_type_and_values(kind, alpha, dtype):
    z = torch.tensor([[1.5, -0.25, 0.75, -math.inf], [0.5, 0.5, -2.0, 0.0]])  # exact in both types
    weights = normalise(z.to(dtype), kind, alpha)
    assert weights.dtype == dtype
    # a few roundings: 2^-24 and 2^-9 relative to 1
    torch.testing.assert_close(weights.float(), normalise(z, kind, alpha), rtol=0, atol=16 * torch.finfo(dtype).eps)
