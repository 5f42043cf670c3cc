"""Selectors of k words: choices, weights by hand and by law, and what the trainings leave as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.errors import DataError, SettingError
from heedful.remedies.rationales import rationale_loss
from heedful.remedies.shortcuts import (
    Reader,
    Selector,
    Texts,
    Training,
    bounded_weights,
    choose,
    given_masks,
    instance_weights,
    random_weights,
    relaxed_top_k,
    tell,
    train_reader,
    train_selector,
)
from unchecked import make


def texts(n: int = 60, tokens: int = 6, seed: int = 0) -> Texts:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(2, tokens + 1, n)
    return Texts(
        torch.tensor(draw.integers(1, 12, (n, tokens))),
        torch.tensor(np.arange(tokens) < lengths[:, None]),
        torch.tensor(draw.integers(0, 2, n)),
    )


def parts(values: str = "words") -> tuple[Selector, Reader]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Selector(12, 6, 8), Reader(12, 6, 2, 8, values)


@given(k=st.integers(1, 8), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_choices_are_k_words_that_may_be_chosen(k: int, seed: int) -> None:
    some = texts(seed=seed)
    for weights in (
        random_weights(some.attended, k, torch.Generator().manual_seed(seed)),
        choose(parts()[0], some, k),
    ):
        assert set(weights.unique().tolist()) <= {0.0, 1.0}
        assert torch.equal(weights.sum(1), some.attended.sum(1).clamp_max(k).float())
        assert not weights[~some.attended].any()
    soft = random_weights(some.attended, None, torch.Generator().manual_seed(seed))
    assert torch.allclose(soft.sum(1), torch.ones(len(some)))
    assert not soft[~some.attended].any()


def test_random_choices_are_uniform() -> None:
    attended = torch.ones(6000, 5, dtype=torch.bool)
    shares = random_weights(attended, 2, torch.Generator().manual_seed(0)).mean(0)
    assert shares.tolist() == pytest.approx([0.4] * 5, abs=4 * math.sqrt(0.4 * 0.6 / 6000))


def test_the_relaxed_choice_hardens_as_it_cools_and_follows_the_logits() -> None:
    logits = torch.tensor([[8.0, 8.0, 0.0, -math.inf]], requires_grad=True)
    cold = relaxed_top_k(logits, 50, 0.01, torch.Generator().manual_seed(0))
    assert cold[0].tolist() == pytest.approx([1.0, 1.0, 0.0, 0.0], abs=0.02)
    warm = relaxed_top_k(logits, 2, 1.0, torch.Generator().manual_seed(0))
    assert warm[0, 3] == 0
    assert (warm <= 1).all()
    warm[0, 0].backward()
    assert logits.grad[0, :2].abs().min() > 0
    assert logits.grad.isfinite().all()


def test_weights_by_hand() -> None:
    labels, given_mask = np.array([0, 0, 0, 1]), np.array([[0.75, 0.25], [0.5, 0.5], [0.01, 0.99], [0.0, 1.0]])
    # P(y) is 3/4 and 1/4
    assert bounded_weights(labels, given_mask).tolist() == pytest.approx([1.0, 1.5, 10.0, 0.25])
    assert bounded_weights(labels, given_mask, (0.5, 2.0)).tolist() == pytest.approx([1.0, 1.5, 2.0, 0.5])


def test_probabilities_are_cross_fitted() -> None:
    """On masks that know nothing of the label, what was learned from other texts knows nothing either."""
    draw = np.random.default_rng(0)
    masks, labels = np.eye(100).repeat(2, 0), draw.integers(0, 2, 200)  # each mask is shared by two texts alone
    masks, labels = np.hstack([masks, draw.random((200, 60)) < 0.5]), labels.astype(np.int64)
    probability = given_masks(masks, labels)
    right = (probability.argmax(1) == labels).mean()
    assert abs(right - 0.5) < 4 * 0.5 / math.sqrt(200)  # fitted on the same texts it is 1
    assert probability.sum(1) == pytest.approx(np.ones(200))


def test_under_the_weights_the_mask_tells_the_label_no_more() -> None:
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 3, 900)
    masks = (draw.random((900, 3)) < np.where(np.arange(3) == labels[:, None], 0.7, 0.3)).astype(np.float64)
    weights = instance_weights(masks, labels)
    for token in range(3):
        plain = [masks[labels == y, token].mean() for y in range(3)]
        balanced = [np.average(masks[labels == y, token], weights=weights[labels == y]) for y in range(3)]
        assert np.ptp(plain) > 0.3
        assert np.ptp(balanced) < 0.1


def test_a_label_too_rare_for_folds_is_refused() -> None:
    with pytest.raises(DataError, match="every label needs as many texts"):
        given_masks(np.zeros((20, 2)), np.array([0] * 17 + [1] * 3))


@pytest.mark.parametrize("kind", ["joint", "frozen", "weighted"])
def test_a_training_changes_what_it_says_and_is_reproducible(kind: str) -> None:
    some, results = texts(), []
    for caller in (0, 1):
        selector, reader = parts()
        before = [p.clone() for p in reader.parameters()]
        torch.manual_seed(caller)
        state = torch.get_rng_state()
        train_selector(selector, reader, some, Training(kind, k=2, epochs=2, batch_size=16), seed=3)
        assert torch.equal(torch.get_rng_state(), state)
        same = all(torch.equal(one, other) for one, other in zip(before, reader.parameters(), strict=True))
        assert same == (kind == "frozen")
        assert all(p.requires_grad for p in reader.parameters())
        results.append(choose(selector, some, None))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], choose(parts()[0], some, None))


def test_a_frozen_reader_is_trainable_again_after_an_exception() -> None:
    some, (selector, reader) = texts(), parts()
    reader.words.weight.requires_grad_(requires_grad=False)
    selector.logit = torch.nn.Linear(3, 1)  # of the wrong size
    with pytest.raises(RuntimeError):
        train_selector(selector, reader, some, Training("frozen", k=2))
    assert [p.requires_grad for p in reader.parameters()].count(False) == 1


def test_what_a_reader_sees() -> None:
    some = texts()
    weights = random_weights(some.attended, 2, torch.Generator().manual_seed(0))
    shifted = Texts((some.ids + 1) % 12, some.attended, some.labels)
    for values, words_matter, weights_matter in (
        ("words", True, True),
        ("positions", False, True),
        ("one", False, False),
    ):
        reader = parts(values)[1]
        with torch.no_grad():
            logits = reader(some.ids, weights)
            assert bool((reader(shifted.ids, weights) != logits).any()) == words_matter
            other = reader(some.ids, weights.roll(1, 0))
            assert torch.allclose(other, logits, atol=1e-6) == (not weights_matter)
    with pytest.raises(SettingError, match='"words", "positions" or "one"'):
        parts("nothing")


def test_where_values_are_constant_only_trained_attention_tells_the_label() -> None:
    """The shortcut exists: the reader sees positions alone, and the selector makes them speak."""
    draw = np.random.default_rng(0)
    labels = torch.tensor(draw.integers(0, 2, 240))
    ids = torch.tensor(draw.integers(3, 12, (240, 6)))
    ids[torch.arange(240), torch.tensor(draw.integers(0, 6, 240))] = 1 + labels
    some = Texts(ids, torch.ones(240, 6, dtype=torch.bool), labels)
    training = Training("joint", k=None, epochs=10, batch_size=30, learning_rate=1e-2)
    selector, reader = parts("positions")
    train_selector(selector, reader, some, training)
    assert (tell(reader, some, choose(selector, some, None)) == labels.numpy()).mean() > 0.9
    blind = parts("positions")[1]
    train_reader(blind, some, training)
    chance = random_weights(some.attended, None, torch.Generator().manual_seed(1))
    assert (tell(blind, some, chance) == labels.numpy()).mean() < 0.65


def test_texts_without_words_are_refused() -> None:
    with pytest.raises(DataError, match="text 1 has no word"):
        Texts(torch.ones(2, 3, dtype=torch.int64), torch.tensor([[True] * 3, [False] * 3]), torch.zeros(2).long())
    with pytest.raises(DataError, match="same texts"):
        make(Texts, torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 4, dtype=torch.bool), torch.zeros(2).long())


def test_the_rationale_loss_by_hand() -> None:
    attention = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], requires_grad=True)
    marks = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert rationale_loss(attention, marks).item() == pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2)
    none = rationale_loss(attention, torch.zeros(2, 3))
    none.backward()
    assert none.item() == 0
    assert rationale_loss(attention[1:], torch.tensor([[0.0, 1.0, 0.0]])).isfinite()
