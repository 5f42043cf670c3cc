"""Games of one text: on look-up tables, by forward passes, and by hand."""

import copy
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import processors
from transformers import AutoConfig, AutoModelForSequenceClassification

import zoo
from factory import make_bert, make_classifier
from heedful.classifier import MASKINGS, Classifier
from heedful.errors import ModelError, SettingError
from heedful.games import Game, Output, RatioGame, exact
from heedful.games.deletion import DeletionGame
from heedful.games.model import ModelGame
from heedful.games.output import KINDS
from heedful.games.text import TableGame, exact_game, play
from heedful.models import FoldedTables
from heedful.question import Choices, ask
from heedful.units import KINDS as UNITS
from heedful.units import Units, find

TEXT = "The plot was not good, but the acting was very good! Unheard of: a slow film. The end was dull!"

every_masking = pytest.mark.parametrize("masking", MASKINGS)
every_unit = pytest.mark.parametrize("unit", UNITS)
every_output = pytest.mark.parametrize("output", KINDS)
both_paddings = pytest.mark.parametrize("attend_padding", [False, True], ids=["masked", "attended"])


PAPER = {attend: make_classifier(1, attend_padding=attend, max_position_embeddings=40) for attend in (False, True)}
BERT = make_bert()


def pose(classifier, unit="word_type", output="logit", target=1, text=TEXT):
    encoded = classifier.encode(text)
    logits = classifier.logits([encoded.input_ids])[0]
    return encoded, find(text, encoded.offsets, unit), Output.of(output, target, logits)


def draw_masks(n_units, n=20, seed=0):
    """Random masks, the whole text first and nothing of it second."""
    masks = np.random.default_rng(seed).random((n, n_units)) < 0.5
    masks[0], masks[1] = True, False
    return masks


def by_hand(classifier, encoded, units, masking, mask):
    """Logits of one masked text: the ids edited token by token, and a forward pass of its own."""
    replacement = {"unk": 1, "mask": 3, "pad": classifier.tokenizer.pad_token_id}
    ids, attended = [], []
    for token, unit in zip(encoded.input_ids, units.of_token, strict=True):
        removed = unit >= 0 and not mask[unit]
        if masking == "delete" and removed:
            continue
        ids.append(replacement[masking] if removed and masking in replacement else token)
        attended.append(not (removed and masking == "ignore"))
    with torch.no_grad():
        out = classifier.model(torch.tensor([ids]), attention_mask=torch.tensor([attended]).long())
    return out.logits[0].numpy()


def close(found, expected, tolerance=1e-12):
    """Equal but for rounding: logits here are of order 1 to 10, and each is a sum of some hundred products."""
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


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
@every_unit
def test_forwards_of_any_classifier_are_those_of_the_edited_texts(masking, unit):
    encoded, units, output = pose(BERT, unit)
    game = play(BERT, encoded, units, masking, output)
    assert isinstance(game, ModelGame)
    masks = draw_masks(len(units), n=8)
    close(game.logits(masks), np.array([by_hand(BERT, encoded, units, masking, mask) for mask in masks]))


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


class Watch:
    """Stands in for `Classifier.logits`: notes the shape of every batch, and runs out of memory above a size."""

    def __init__(self, monkeypatch, most_rows=10**9):
        self.batches = []
        original = Classifier.logits

        def logits(classifier, ids, *rest):
            self.batches.append((len(ids), max(map(len, ids))))
            assert sys.exception() is None  # its traceback would hold the batch that was too large
            if len(ids) > most_rows:
                raise torch.OutOfMemoryError
            return original(classifier, ids, *rest)

        monkeypatch.setattr(Classifier, "logits", logits)


def test_equal_masks_are_evaluated_once(monkeypatch):
    encoded, units, output = pose(BERT)
    masks = draw_masks(len(units), n=10)
    game = ModelGame(BERT, encoded, units, "unk", output)
    alone = game(masks)
    watch = Watch(monkeypatch)
    game = ModelGame(BERT, encoded, units, "unk", output)
    order = np.random.default_rng(0).integers(0, 10, 50)
    np.testing.assert_array_equal(game(masks[order]), alone[order])
    distinct = len(np.unique(masks[order], axis=0))
    assert game.n_forward == sum(rows for rows, _ in watch.batches) == distinct <= 10
    game(masks[:3])
    assert game.n_forward == distinct + 3


@every_masking
@pytest.mark.parametrize("batch_tokens", [1, 60, 200, 10**6])
def test_batches_are_bounded_by_tokens_and_change_nothing(monkeypatch, masking, batch_tokens):
    encoded, units, output = pose(BERT)
    masks = draw_masks(len(units), n=30)
    expected = ModelGame(BERT, encoded, units, masking, output)(masks)
    watch = Watch(monkeypatch)
    game = ModelGame(BERT, encoded, units, masking, output, batch_tokens)
    watch.batches.clear()
    close(game(masks), expected)
    assert all(rows == 1 or rows * width <= batch_tokens for rows, width in watch.batches)
    if masking != "delete":  # equal lengths: no batch could have been longer
        full = max(1, batch_tokens // len(encoded))
        assert [rows for rows, _ in watch.batches][:-1] == [full] * (len(watch.batches) - 1)
    else:  # texts of similar length go together
        widths = [width for _, width in watch.batches]
        assert (np.diff(widths) < 0).sum() == (batch_tokens > 1)  # the shortest again, alone


def test_a_batch_too_large_for_the_memory_is_halved(monkeypatch):
    encoded, units, output = pose(BERT)
    masks = draw_masks(len(units), n=30)
    expected = ModelGame(BERT, encoded, units, "delete", output)(masks)
    watch = Watch(monkeypatch, most_rows=4)
    game = ModelGame(BERT, encoded, units, "delete", output)
    close(game(masks), expected)
    assert game.n_forward == 30 + 1  # the shortest again, alone
    assert watch.batches[0][0] > 4
    Watch(monkeypatch, most_rows=0)
    with pytest.raises(torch.OutOfMemoryError):
        ModelGame(BERT, encoded, units, "delete", output)(masks)


def test_in_single_precision_a_text_alone_scores_as_in_a_batch():
    classifier = Classifier(make_bert().model.float(), BERT.tokenizer, "bert")
    encoded, units, output = pose(classifier)
    masks = draw_masks(len(units))
    alone = ModelGame(classifier, encoded, units, "delete", output, batch_tokens=1)(masks)
    close(ModelGame(classifier, encoded, units, "delete", output)(masks), alone, 1e-5)


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


def test_a_masked_text_without_finite_logits_is_an_error(monkeypatch):
    encoded, units, output = pose(BERT)
    game = ModelGame(BERT, encoded, units, "delete", output)
    monkeypatch.setattr(Classifier, "logits", lambda _, ids, *__: np.full((len(ids), 3), np.nan))
    with pytest.raises(ModelError, match="bert gives NaN or infinite logits once words are removed: try another"):
        game(draw_masks(len(units)))


def without_special_tokens(name, **ends):
    """A classifier whose tokenizer adds nothing to the words, as those of GPT-2 and Qwen2."""
    classifier = zoo.make(name)
    tokenizer = copy.deepcopy(classifier.tokenizer)
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    for end, token in ends.items():
        setattr(tokenizer, end, token)
    return Classifier(classifier.model, tokenizer, name)


@pytest.mark.parametrize(
    ("ends", "token"),
    [
        ({}, "<s>"),
        ({"bos_token": None}, "</s>"),
        ({"bos_token": None, "eos_token": None}, "<pad>"),
    ],
    ids=["bos", "eos", "pad"],
)
@pytest.mark.parametrize("name", ["qwen2", "gpt2"])
def test_an_empty_text_is_one_token_where_the_tokenizer_adds_none(name, ends, token):
    classifier = without_special_tokens(name, **ends)
    encoded, units, output = pose(classifier, "word", text="the plot was not good")
    assert (units.of_token >= 0).all()
    game = ModelGame(classifier, encoded, units, "delete", output)
    stub = np.array([classifier.tokenizer.convert_tokens_to_ids(token)])
    empty = np.zeros((1, len(units)), dtype=bool)
    close(game.logits(empty), classifier.logits([stub]))
    one = np.eye(len(units), dtype=bool)[:1]
    close(game.logits(np.concatenate([one, empty]))[1:], classifier.logits([stub]))  # in a batch as alone


def test_an_ignored_text_keeps_one_attended_token():
    classifier = without_special_tokens("modernbert")
    encoded, units, output = pose(classifier, "word", text="the plot was not good")
    ids = encoded.input_ids.copy()
    ids[0] = classifier.tokenizer.bos_token_id
    masks = draw_masks(len(units), n=4)
    found = ModelGame(classifier, encoded, units, "ignore", output).logits(masks)
    close(found[1:2], classifier.logits([ids], [np.arange(len(ids)) == 0]))
    close(found[2:3], classifier.logits([encoded.input_ids], [masks[2][units.of_token]]))


@pytest.mark.parametrize("masking", ["delete", "ignore"])
def test_no_token_for_an_empty_text_is_refused(masking):
    classifier = without_special_tokens("gpt2", bos_token=None, eos_token=None, pad_token=None)
    encoded, units, output = pose(classifier, "word", text="the plot was not good")
    with pytest.raises(SettingError, match="gpt2 has no bos, eos or pad token to stand for the empty text: use"):
        ModelGame(classifier, encoded, units, masking, output)


def minds_padding(name, **sizes):
    """A classifier whose logits depend on the padding behind a text, whatever the attention mask says."""
    tokenizer = zoo.make_tokenizer("wordpiece" if name == "fnet" else "unigram")
    config = AutoConfig.for_model(
        name, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, num_labels=3, **sizes
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Classifier(AutoModelForSequenceClassification.from_config(config).double(), tokenizer, name)


MINDS_PADDING = {
    "xlnet": minds_padding("xlnet", d_model=16, n_layer=2, n_head=2, d_inner=24),
    "fnet": minds_padding(
        "fnet", hidden_size=16, num_hidden_layers=2, intermediate_size=24, max_position_embeddings=64
    ),
}


@pytest.mark.parametrize("most_rows", [10**9, 4], ids=["in memory", "halved"])
@pytest.mark.parametrize("name", MINDS_PADDING)
def test_lengths_are_not_mixed_where_padding_changes_logits(monkeypatch, name, most_rows):
    classifier = MINDS_PADDING[name]
    encoded, units, output = pose(classifier)
    masks = draw_masks(len(units), n=30)
    alone = ModelGame(classifier, encoded, units, "delete", output, batch_tokens=1)
    expected = alone.logits(masks)
    assert alone.n_forward == 30
    seen = []
    watch = Watch(monkeypatch, most_rows)
    hook = classifier.model.register_forward_hook(lambda *args: seen.append(len(args[-1].logits)))
    game = ModelGame(classifier, encoded, units, "delete", output)
    try:
        close(game.logits(masks), expected)
    finally:
        hook.remove()
    assert game.n_forward == sum(seen) > 31
    assert max(rows for rows, _ in watch.batches) > 1
    before = game.n_forward
    close(game.logits(masks), expected)
    assert game.n_forward == before + 30  # the verdict is kept


def test_low_precision_is_no_reason_to_keep_lengths_apart():
    for dtype in (torch.float32, torch.bfloat16):
        classifier = Classifier(make_bert().model.to(dtype), BERT.tokenizer, "bert")
        encoded, units, output = pose(classifier)
        game = ModelGame(classifier, encoded, units, "delete", output)
        game(draw_masks(len(units), n=30))
        assert game.n_forward == 31


REFUSED = {
    "pad": {"roberta", "xlm-roberta", "llama", "qwen2", "gpt2"},  # positions or the readout go by the padding's id
    "ignore": {"llama", "qwen2", "gpt2"},  # the readout is a word's
}


@pytest.mark.parametrize("name", [name for name in zoo.NAMES if name != "paper"])
@pytest.mark.parametrize("masking", REFUSED)
def test_a_masking_that_would_move_or_read_words_is_refused(masking, name):
    classifier = zoo.make(name)
    encoded, units, output = pose(classifier, text="the plot was not good")
    if name in REFUSED[masking]:
        with pytest.raises(SettingError, match=f"^{name} .*: use masking '"):
            ModelGame(classifier, encoded, units, masking, output)
    else:
        seen = []
        classifier.model.register_forward_hook(lambda *args: seen.append(len(args[-1].logits)))
        game = ModelGame(classifier, encoded, units, masking, output)
        game(draw_masks(len(units), n=6))
        assert game.n_forward == sum(seen)


def test_a_model_that_heeds_no_mask_cannot_ignore_words():
    classifier = MINDS_PADDING["fnet"]
    encoded, units, output = pose(classifier)
    with pytest.raises(SettingError, match=r"fnet reads ignored words all the same, .* use masking 'delete' or 'unk'"):
        ModelGame(classifier, encoded, units, "ignore", output)


@pytest.mark.parametrize("name", zoo.NAMES)
def test_batches_are_each_text_alone_in_every_architecture(name):
    classifier = zoo.make(name)
    encoded, units, output = pose(classifier, text="the plot was not good but the acting was")
    masks = draw_masks(len(units), n=12)
    alone = ModelGame(classifier, encoded, units, "delete", output, batch_tokens=1).logits(masks)
    game = ModelGame(classifier, encoded, units, "delete", output)
    close(game.logits(masks), alone, 1e-5)  # some models take a softmax in float32
    assert game._mixes  # so they were batches
    rows = [classifier.encode(text).input_ids for text in ("a dull film", "the plot was not good")]
    close(classifier.logits(rows), np.concatenate([classifier.logits([row]) for row in rows]), 1e-5)
