"""Repulsion of heads: the kernel's gradient, sampling from a known Gaussian, and what a transform leaves alone."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from heedful.errors import SettingError
from heedful.remedies.repulsion import (
    HeadBlocks,
    HeadRepulsion,
    Repulsion,
    RepulsionCallback,
    direction,
    frobenius_penalty,
    kernel_gradient,
    map_similarity,
    median_bandwidth,
    rbf,
)

MEAN = torch.tensor([1.0, -2.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=torch.float64)


@given(n=st.integers(2, 8), size=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_gradient_of_the_kernel_is_the_numerical_one(n: int, size: int, seed: int) -> None:
    particles = torch.randn(n, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3
    square, step = median_bandwidth(particles), 1e-6
    numerical = torch.zeros(n, size, dtype=torch.float64)
    for i in range(n):
        for j in set(range(n)) - {i}:
            for axis in range(size):
                ends = []
                for sign in (1, -1):
                    moved = particles.clone()
                    moved[j, axis] += sign * step
                    ends.append(float(rbf(moved, square)[j, i]))
                numerical[i, axis] += (ends[0] - ends[1]) / (2 * step)
    assert kernel_gradient(particles, square) == pytest.approx(numerical, abs=1e-7)


def test_the_direction_by_hand() -> None:
    particles = torch.tensor([[0.0], [2.0]], dtype=torch.float64)
    gradients = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    square = 0.5 * 2.0 / math.log(3)  # the median of 0, 0, 4, 4 is 2
    k = math.exp(-4 / (2 * square))
    result = direction(particles, gradients, Repulsion(weight=0.5))
    # by the formula at the head of the module, term by term
    first = 0.5 * (1.0 + k * 3.0 - 0.5 * (0.0 - 2.0) * k / square)
    second = 0.5 * (k * 1.0 + 3.0 - 0.5 * (2.0 - 0.0) * k / square)
    assert result.flatten().tolist() == pytest.approx([first, second])


def test_particles_that_are_one_have_a_kernel_of_ones_and_no_repulsion() -> None:
    particles = torch.ones(4, 3)
    assert (rbf(particles, median_bandwidth(particles)) == 1).all()
    assert (direction(particles, torch.zeros(4, 3), Repulsion(weight=1.0)) == 0).all()
    mostly = torch.tensor([[0.0]] * 4 + [[1.0]])  # the median distance is 0, not all are
    assert median_bandwidth(mostly) > 0


def slope(particles: torch.Tensor) -> torch.Tensor:
    """Of the negative log density of the Gaussian."""
    return torch.linalg.solve(COVARIANCE, (particles - MEAN).T).T


def moments(samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return samples.mean(0), samples.T.cov(correction=0)


def assert_gaussian(samples: torch.Tensor) -> None:
    """Mean within 5 % of its length, covariance within 5 % in the Frobenius norm."""
    mean, covariance = moments(samples)
    assert (mean - MEAN).norm() < 0.05 * MEAN.norm()
    assert (covariance - COVARIANCE).norm() < 0.05 * COVARIANCE.norm()


def test_svgd_reaches_a_gaussian() -> None:
    particles = torch.randn(250, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(100):
        particles = particles - 5 * direction(particles, slope(particles), Repulsion(weight=1.0))
    assert_gaussian(particles)


def test_spos_samples_a_gaussian() -> None:
    generator = torch.Generator().manual_seed(0)
    particles = torch.randn(50, 2, dtype=torch.float64, generator=generator)
    settings, kept = Repulsion(weight=1.0, beta=0.7, step_size=0.1), []
    for step in range(800):
        particles = particles - 0.1 * direction(particles, slope(particles), settings, generator)
        if step >= 100:
            kept.append(particles)
    assert_gaussian(torch.cat(kept))


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.readout = nn.Linear(8, 3)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.readout(self.attention(words, words, words, need_weights=False)[0].mean(1))


def loss_of(model: Layer) -> torch.Tensor:
    words = torch.randn(5, 4, 8, generator=torch.Generator().manual_seed(2))
    return nn.functional.cross_entropy(model(words), torch.arange(5) % 3)


def layer() -> Layer:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Layer()
    loss_of(model).backward()
    return model


def test_only_the_parameters_named_are_changed_and_by_the_direction_of_their_heads() -> None:
    plain, changed = layer(), layer()
    HeadRepulsion([[HeadBlocks(changed.attention.in_proj_weight, 2, start=8, length=8)]], Repulsion(weight=2.0))()
    for (name, one), (_, other) in zip(plain.named_parameters(), changed.named_parameters(), strict=True):
        assert torch.equal(one, other), "weights are left to the optimiser"
        same = (one.grad == other.grad).flatten(1).all(1) if one.ndim > 1 else (one.grad == other.grad)
        touched = torch.zeros(len(one), dtype=torch.bool)
        if name == "attention.in_proj_weight":
            touched[8:16] = True  # the keys
            heads, slopes = (t[8:16].detach().reshape(2, 32) for t in (one, one.grad))
            expected = direction(heads, slopes, Repulsion(weight=2.0)).reshape(8, 8)
            assert torch.allclose(other.grad[8:16], expected)
        assert torch.equal(same, ~touched)


def test_blocks_along_columns_are_heads_too() -> None:
    parameter = nn.Parameter(torch.arange(24.0).reshape(3, 8))
    blocks = HeadBlocks(parameter, 2, dim=1)
    assert sorted(blocks.of(parameter)[0].tolist()) == sorted(parameter[:, :4].flatten().tolist())
    target = torch.zeros(3, 8)
    blocks.put(target, blocks.of(parameter))
    assert torch.equal(target, parameter.detach())


def test_a_group_of_several_parameters_is_one_particle_a_head() -> None:
    first, second = (nn.Parameter(torch.randn(3, n, generator=torch.Generator().manual_seed(n))) for n in (2, 4))
    first.grad, second.grad = torch.ones(3, 2), torch.zeros(3, 4)
    HeadRepulsion([[first, second]], Repulsion(weight=1.0))()
    particles = torch.cat([first, second], 1).detach()
    slopes = torch.cat([torch.ones(3, 2), torch.zeros(3, 4)], 1)
    expected = direction(particles, slopes, Repulsion(weight=1.0))
    assert torch.allclose(torch.cat([first.grad, second.grad], 1), expected)


def test_noise_comes_from_the_seed_alone() -> None:
    settings = Repulsion(weight=0.1, beta=0.5, step_size=0.1)
    results = []
    for seed, caller in ((0, 5), (0, 6), (1, 5)):
        model = layer()
        torch.manual_seed(caller)
        before = torch.get_rng_state()
        HeadRepulsion([[HeadBlocks(model.attention.out_proj.weight, 2, dim=1)]], settings, seed=seed)()
        assert torch.equal(torch.get_rng_state(), before)
        results.append(model.attention.out_proj.weight.grad)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_the_callback_is_called_by_the_trainer_before_the_step(tmp_path) -> None:
    from transformers import Trainer, TrainingArguments

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.queries = nn.Parameter(torch.tensor([[0.0, 0.0], [0.1, 0.0]]))

        def forward(self, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"loss": 0.0 * self.queries.sum() * labels.sum()}

    model = Model()
    repel = HeadRepulsion([[model.queries]], Repulsion(weight=1.0))
    settings = TrainingArguments(
        output_dir=str(tmp_path), max_steps=3, learning_rate=0.1, optim="sgd", report_to="none", disable_tqdm=True,
        save_strategy="no", logging_strategy="no", dataloader_pin_memory=False, use_cpu=True,
    )  # fmt: skip
    Trainer(model, settings, train_dataset=[{"labels": 1}] * 8, callbacks=[RepulsionCallback(repel)]).train()
    assert float((model.queries[0] - model.queries[1]).detach().norm()) > 0.2


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (lambda _: [[]], "one number of heads"),
        (lambda p: [[p[:1].detach().requires_grad_()]], "two or more"),
        (lambda p: [[p, HeadBlocks(p, 2)]], "one number of heads"),
        (lambda p: [[p.detach()]], "frozen"),
        (lambda _: [[torch.tensor(1.0, requires_grad=True)]], "a single number"),
        (lambda p: [[HeadBlocks(p, 3)]], "not 3 equal blocks"),
        (lambda p: [[HeadBlocks(p, 2, start=3, length=2)]], "not 2 equal blocks"),
        (lambda p: [[HeadBlocks(p, 2, dim=2)]], "along dimension 2"),
    ],
)
def test_groups_that_cannot_be_are_refused(groups, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        HeadRepulsion(groups(nn.Parameter(torch.randn(4, 2))))


def test_gradients_that_are_missing() -> None:
    first, second = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(3, 2))
    repel = HeadRepulsion([[first, second]])
    repel()
    assert first.grad is None
    first.grad = torch.ones(3, 2)
    with pytest.raises(SettingError, match="no gradient"):
        repel()


def test_measures_of_maps_by_hand() -> None:
    maps = torch.tensor([[[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.5, 0.0]]])
    # cosines 1/2, 1, 1/2
    assert map_similarity(maps).item() == pytest.approx(2 / 3)
    only = torch.tensor([[True, False, False]])
    assert map_similarity(maps, only).item() == pytest.approx(1 / 3)
    # of A A^T - I the diagonal is three times -0.5, and off it stand 0.25 four times and 0.5 twice
    assert frobenius_penalty(maps).item() == pytest.approx(3 * 0.25 + 4 * 0.0625 + 2 * 0.25)
