"""One text inside a pooling classifier: arrays that give the logits, gradients, divergences, flips, Shapley values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from transformers import PreTrainedModel

from heedful.games.exact import enumeration
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification
from heedful.remedies.configuration import PooledEncoderConfig
from heedful.remedies.encoders import PooledEncoderForSequenceClassification
from heedful.studies.sparse_attention import shapley as values
from heedful.studies.sparse_attention.looking import Flips, Look, Pool, divergence, entmax, entropy, flips, look, pool
from heedful.studies.sparse_attention.shapley import PoolGame, shapley

UNKNOWN = 1
IDS = np.array([2, 5, 9, 7, 5, 8])
ENCODERS = ("paper", "words", "bilstm", "self-attention")
ALPHAS = (1.0, 1.25, 1.5, 2.0)


def make(encoder: str, alpha: float) -> PreTrainedModel:
    torch.manual_seed(3)
    if encoder == "paper":
        normaliser = {"normaliser": "softmax"} if alpha == 1 else {"normaliser": "entmax", "entmax_alpha": alpha}
        config = AttentionPoolingConfig(
            vocab_size=12, hidden_size=6, key_size=4, value_size=4, num_attention_heads=1, max_position_embeddings=16,
            **normaliser,
        )  # fmt: skip
        return AttentionPoolingForSequenceClassification(config).double().eval()
    config = PooledEncoderConfig(
        vocab_size=12, hidden_size=6, state_size=8, encoder=encoder, alpha=alpha, max_position_embeddings=16
    )
    model = PooledEncoderForSequenceClassification(config).double().eval()
    model.embeddings.weight.data.mul_(15)
    model.attention.query.data.mul_(4)
    return model


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("alpha", [1.0, 1.5])
def test_scores_and_values_give_the_models_own_attention_and_logits(encoder: str, alpha: float) -> None:
    model = make(encoder, alpha)
    seen = look(model, IDS, UNKNOWN)
    with torch.no_grad():
        out = model(input_ids=torch.from_numpy(IDS)[None], output_attentions=True)
    np.testing.assert_allclose(seen.pool.weights, out.attentions[-1][0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(seen.pool.logits(seen.pool.weights[None])[0], out.logits[0], atol=1e-12)
    np.testing.assert_allclose(seen.logits, out.logits[0], atol=1e-12)
    assert seen.is_word.tolist() == [encoder != "paper", *[True] * 5]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradients_are_those_of_differences(encoder: str) -> None:
    model = make(encoder, 1.5)
    seen = look(model, IDS, UNKNOWN)
    vectors = model.get_input_embeddings().weight[torch.from_numpy(IDS)].detach()
    target, step, word = seen.predicted, 1e-6, 2

    def difference(moved: torch.Tensor) -> float:
        with torch.no_grad():
            logits = model(inputs_embeds=moved[None]).logits[0]
        return float(logits[target] - logits[1 - target])

    moves = step * torch.eye(6, dtype=torch.float64)
    slopes = []
    for move in moves:
        up, down = vectors.clone(), vectors.clone()
        up[word] += move
        down[word] -= move
        slopes.append((difference(up) - difference(down)) / (2 * step))
    place = word - int(not seen.is_word[0])
    assert seen.by_input[place] == pytest.approx(np.linalg.norm(slopes), rel=1e-6)
    same = np.allclose(seen.by_input, seen.by_state)
    assert same == (encoder == "paper")  # whose states are its word vectors


@pytest.mark.parametrize("encoder", ENCODERS)
def test_leave_one_out_is_the_divergence_with_that_word_unknown(encoder: str) -> None:
    model = make(encoder, 2.0)
    seen = look(model, IDS, UNKNOWN)
    with torch.no_grad():
        p = model(input_ids=torch.from_numpy(IDS)[None]).logits.softmax(1)[0].numpy()
        for i, place in enumerate(np.flatnonzero(seen.is_word)):
            ids = IDS.copy()
            ids[place] = UNKNOWN
            q = model(input_ids=torch.from_numpy(ids)[None]).logits.softmax(1)[0].numpy()
            assert seen.left_out[i] == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-13)


def test_divergence_of_sure_and_opposite_classes_is_log_2_and_of_equal_ones_0() -> None:
    found = divergence(np.array([[0.0, 2000.0]]), np.array([[2000.0, 0.0], [0.0, 2000.0], [0.0, 1999.0]]))
    np.testing.assert_allclose(found, [math.log(2), 0.0, 0.0], atol=1e-15)


def seen_of(scores: list[float], worth: list[float], alpha: float, bias: float = 0.0, first: bool = True) -> Look:
    """A text of two classes, worth what the second gets."""
    pooled = Pool(np.array(scores), np.stack([np.zeros(len(worth)), np.array(worth)], 1), np.array([0.0, bias]), alpha)
    words = np.array([first, *[True] * (len(scores) - 1)])
    nothing = np.zeros(int(words.sum()))
    return Look(pooled, words, pooled.logits(pooled.weights[None])[0], nothing, nothing, nothing)


def test_flips_by_hand() -> None:
    """Sparsemax of 1, 0.6, -3 is 0.7, 0.3, 0: worth 0.7 * 2 - 0.3 * 1 = 1.1 for the second class."""
    seen = seen_of([1.0, 0.6, -3.0], [2.0, -1.0, -5.0], 2.0)
    assert seen.pool.weights == pytest.approx([0.7, 0.3, 0.0])
    assert flips(seen) == Flips(most=True, other=0.0, other_attended=0.0)  # without the first -1, else 2 and 1.1
    seen = seen_of([1.0, 0.6, -3.0], [-0.3, 1.0, -5.0], 2.0)  # -0.21 + 0.3 = 0.09; without the first 1, the second -0.3
    assert flips(seen) == Flips(most=False, other=0.5, other_attended=1.0)
    alone = seen_of([9.0, 0.0, 0.0], [1.0, -2.0, -1.0], 2.0)  # one has all: without it the others share evenly
    found = flips(alone)
    assert (found.most, found.other) == (True, 0.0)
    assert math.isnan(found.other_attended)


def test_entropy_of_shares_and_where_there_is_none() -> None:
    assert entropy(np.array([2.0, 2.0, 2.0])) == pytest.approx(1.0)
    assert entropy(np.array([0.5, 0.5, 0.0])) == pytest.approx(math.log(2) / math.log(3))
    assert math.isnan(entropy(np.zeros(3)))


@pytest.mark.parametrize("encoder", ["paper", "words"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_game_of_the_control_is_the_model_on_texts_with_unknown_words(encoder: str, alpha: float) -> None:
    model = make(encoder, alpha)
    seen = look(model, IDS, UNKNOWN)
    blank = pool(model, np.where(seen.is_word, UNKNOWN, IDS))
    game = PoolGame(seen.pool, blank, seen.is_word, seen.predicted)
    masks = np.random.default_rng(0).random((20, game.n_units)) < 0.5
    stays = np.ones((20, len(IDS)), dtype=bool)
    stays[:, seen.is_word] = masks
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(np.where(stays, IDS, UNKNOWN))).logits.numpy()
    np.testing.assert_allclose(game(masks), logits[:, seen.predicted] - logits[:, 1 - seen.predicted], atol=1e-11)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.booleans())
def test_exact_values_of_the_softmax_are_those_of_enumeration(seed: int, first: bool) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(4, 6)) * 2
    seen = seen_of([*numbers[0]], [*numbers[1]], 1.0, bias=0.3, first=first)
    blank = seen_of([*numbers[2]], [*numbers[3]], 1.0, bias=0.3, first=first).pool
    if not first:  # [CLS] stays as it is
        blank.scores[0], blank.values[0] = seen.pool.scores[0], seen.pool.values[0]
    phi, error = shapley(seen, blank, 10, 0)
    game = PoolGame(seen.pool, blank, seen.is_word, seen.predicted)
    np.testing.assert_allclose(phi, enumeration.shapley(game, game.n_units), atol=1e-9)
    assert error == 0.0


def test_sampled_values_of_entmax_are_near_those_of_enumeration(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    numbers = rng.normal(size=(4, 7))
    seen = seen_of([*numbers[0]], [*numbers[1]], 1.5)
    blank = seen_of([*numbers[2]], [*numbers[3]], 1.5).pool
    exact, error = shapley(seen, blank, 10, 0)
    assert error == 0.0
    monkeypatch.setattr(values, "FEW", 3)
    sampled, error = shapley(seen, blank, 400, 0)
    assert 0 < error < 0.1
    assert np.abs(sampled - exact).max() < 5 * error * np.abs(exact).max()
    assert sampled.sum() == pytest.approx(exact.sum())  # both add up to what the words move


def test_entmax_of_rows_is_that_of_each() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 5))
    for alpha in ALPHAS:
        np.testing.assert_allclose(
            entmax(scores, alpha), np.concatenate([entmax(row[None], alpha) for row in scores]), atol=1e-12
        )
