"""Games of one text: look-up tables and forwards play the same, and the exact engine gets it or says why not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import make_classifier
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games import Game, RatioGame, exact
from heedful.games.output import KINDS
from heedful.models import FoldedTables
from heedful.question import Choices, ask
from heedful.question.deletion import DeletionGame
from heedful.question.forwards import ModelGame
from heedful.question.tables import TableGame, exact_game, play
from heedful.text.units import Units
from posing import BERT, TEXT, by_hand, close, draw_masks, every_masking, every_unit, pose

every_output = pytest.mark.parametrize("output", KINDS)
both_paddings = pytest.mark.parametrize("attend_padding", [False, True], ids=["masked", "attended"])

PAPER = {attend: make_classifier(1, attend_padding=attend, max_position_embeddings=40) for attend in (False, True)}


@every_masking
@every_unit
@every_output
@both_paddings
def test_tables_and_forwards_play_the_same_game(masking, unit, output, attend_padding):
    classifier = PAPER[attend_padding]
    encoded, units, stated = pose(classifier, unit, output)
    game = play(classifier, encoded, units, masking, stated)
    assert isinstance(game, TableGame)
    assert isinstance(game, Game)
    masks = draw_masks(len(units))
    if masking == "ignore" and attend_padding:
        with pytest.raises(SettingError, match="attends to its padding, so it cannot ignore words: use masking 'unk'"):
            ModelGame(classifier, encoded, units, masking, stated)
        masks = masks[masks[:, units.of_token[-1]]]  # a mask can hide words in the middle from such a model
        expected = stated(np.array([by_hand(classifier, encoded, units, masking, mask) for mask in masks]))
    else:
        expected = ModelGame(classifier, encoded, units, masking, stated)(masks)
    assert game.n_units == len(units) > 1
    close(game(masks), expected)
    assert game.n_forward == 0


@every_masking
@pytest.mark.parametrize("normaliser", ["sparsemax", "entmax"])
def test_sparse_attention_is_played_by_forwards(normaliser, masking):
    classifier = make_classifier(2, normaliser=normaliser)
    encoded, units, output = pose(classifier)
    game = play(classifier, encoded, units, masking, output)
    assert isinstance(game, ModelGame)
    masks = draw_masks(len(units), n=8)
    close(game(masks), output(np.array([by_hand(classifier, encoded, units, masking, mask) for mask in masks])))


@every_masking
@every_output
@pytest.mark.parametrize("classifier", [PAPER[False], PAPER[True], BERT], ids=["paper", "attended padding", "bert"])
def test_the_full_mask_gives_the_classifiers_own_output(classifier, masking, output):
    encoded, units, stated = pose(classifier, output=output)
    with torch.no_grad():
        own = classifier.model(**classifier.tokenizer(TEXT, return_tensors="pt")).logits.numpy()
    game = play(classifier, encoded, units, masking, stated)
    close(game(np.ones((1, len(units)), dtype=bool)), stated(own))
    assert game(np.ones((0, len(units)), dtype=bool)).shape == (0,)


@pytest.mark.parametrize("masking", ["unk", "mask", "pad", "ignore"])
@pytest.mark.parametrize("output", ["logit", "logit_difference"])
@both_paddings
def test_the_exact_engine_gets_the_game_that_is_played(masking, output, attend_padding):
    classifier = PAPER[attend_padding]
    encoded, units, stated = pose(classifier, output=output)
    exact = exact_game(classifier, encoded, units, masking, [stated]).of_output(0)
    masks = draw_masks(len(units))
    assert (exact.n_units, exact.outputs) == (len(units), ())
    close(exact(masks), play(classifier, encoded, units, masking, stated)(masks))


@pytest.mark.parametrize(
    ("classifier", "masking", "output", "message"),
    [
        (BERT, "unk", "logit", "exact values need softmax pooling, which bert is not"),
        (make_classifier(normaliser="sparsemax"), "unk", "logit", "exact values need softmax attention, not sparsemax"),
        (PAPER[False], "delete", "logit", "deletion moves the words behind it"),
        (PAPER[False], "unk", "probability", "a probability has no exact values: take 'logit' or 'logit_difference'"),
    ],
    ids=["architecture", "normaliser", "masking", "output"],
)
def test_what_has_no_exact_values_is_refused_with_a_way_out(classifier, masking, output, message):
    encoded, units, stated = pose(classifier, output=output)
    with pytest.raises(SettingError, match=message) as raised:
        exact_game(classifier, encoded, units, masking, [stated])
    assert "use the sampled methods permutation-shap, kernel-shap or lime" in str(raised.value)


def test_deletion_in_several_threads(monkeypatch):
    encoded, units, output = pose(PAPER[False])
    masks = draw_masks(len(units), n=300)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    values = play(PAPER[False], encoded, units, "delete", output)(masks)
    close(values, ModelGame(PAPER[False], encoded, units, "delete", output)(masks))


def tables_of(token, position):
    """Look-up tables with these entries: one word vector a word, each a unit vector."""
    return FoldedTables(torch.eye(len(token)).double(), torch.from_numpy(token.reshape(len(token), -1).T), position)


def in_log_space(token, position, ids):
    """Mean over heads of the softmax-pooled values of the words `ids` at positions 0, 1, ..."""
    rows = token[ids] + position[: len(ids)]
    weights = np.exp(rows[..., 0] - np.logaddexp.reduce(rows[..., 0], axis=0))
    return (weights[..., None] * rows[..., 1:]).sum(0).mean(0)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0.0, 1.0, 30.0, 300.0, 700.0, 2000.0]),
    n_tokens=st.integers(1, 9),
    padding=st.booleans(),
)
def test_deletion_stands_any_spread_of_the_weights(seed, spread, n_tokens, padding):
    rng = np.random.default_rng(seed)
    token, position = rng.uniform(-1, 1, (6, 2, 3)), rng.uniform(-1, 1, (9, 2, 3))
    token[..., 0] *= spread / 2
    position[..., 0] *= spread / 2
    ids = rng.integers(0, 6, n_tokens)
    ids[0] = 0  # only there
    ids[1:] += ids[1:] == 0
    n = n_tokens - 1
    units = Units("token", ("w",) * n, ((),) * n, tuple((t,) for t in range(1, n_tokens)), n_tokens)
    game = DeletionGame(tables_of(token, position), ids, units, 5 if padding else None)
    masks = rng.random((12, n)) < 0.5
    values = game(masks)
    for mask, value in zip(masks, values, strict=True):
        left = ids[np.concatenate([[True], mask])]
        if padding:
            left = np.concatenate([left, np.full(9 - len(left), 5)])
        # log weights up to 2,000 are rounded to 2e-13, which is then the relative error of a weight
        np.testing.assert_allclose(value, in_log_space(token, position, left), rtol=0, atol=1e-11)


def test_deletion_refuses_more_tokens_than_positions():
    rng = np.random.default_rng(0)
    tables = tables_of(rng.random((3, 1, 2)), rng.random((4, 1, 2)))
    units = Units("token", (), (), (), 5)
    with pytest.raises(ValueError, match="5 tokens, but there are 4 positions"):
        DeletionGame(tables, np.zeros(5, dtype=np.int64), units)


def test_a_ratio_game_from_text_is_the_one_the_methods_use(classifier: Classifier) -> None:
    text = "the plot was not good"
    game = RatioGame.from_text(classifier, text, target=1, unit="word", masking="ignore")
    masks = np.random.default_rng(0).random((20, game.n_units)) < 0.5
    question = ask(classifier, text, Choices(target=1, unit="word", masking="ignore"))
    assert game.n_forward == 0
    assert game(masks) == pytest.approx(question.game()(masks), abs=1e-13)


@pytest.mark.parametrize("output", ["logit", "logit_difference"])
def test_a_ratio_game_of_all_classes_is_those_of_each_side_by_side(classifier: Classifier, output: str) -> None:
    choices = {"output": output, "unit": "word", "masking": "unk"}
    together = RatioGame.from_text(classifier, TEXT, target=None, **choices)
    assert together.outputs == (len(classifier.labels),)
    values = exact.shapley(together).values
    for target in range(len(classifier.labels)):
        alone = RatioGame.from_text(classifier, TEXT, target=target, **choices)
        assert values[:, target] == pytest.approx(exact.shapley(alone).values, rel=1e-9)
        assert exact.shapley(together.of_output(target)).values == pytest.approx(exact.shapley(alone).values, rel=1e-9)


@pytest.mark.parametrize("classifier", [PAPER[False], BERT], ids=["tables", "forwards"])
@pytest.mark.parametrize("shape", [(2, 3), (2, 5), (0, 3)])
def test_masks_of_another_width_are_refused(classifier, shape):
    game = ask(classifier, "the plot was good", Choices(masking="delete")).game()
    with pytest.raises(SettingError, match=r"masks must be \(n, 4\), got \("):
        game(np.ones(shape, dtype=bool))
