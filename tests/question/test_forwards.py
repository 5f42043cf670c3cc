"""ModelGame: forwards of any classifier are those of the edited texts, whatever the batches and the architecture."""

import copy
import sys

import numpy as np
import pytest
import torch
from tokenizers import processors
from transformers import AutoConfig, AutoModelForSequenceClassification

import zoo
from factory import make_bert
from heedful.classifier import Classifier
from heedful.errors import ModelError, SettingError
from heedful.question.forwards import ModelGame
from heedful.question.tables import play
from posing import BERT, by_hand, close, draw_masks, every_masking, every_unit, pose


@every_masking
@every_unit
def test_forwards_of_any_classifier_are_those_of_the_edited_texts(masking, unit):
    encoded, units, output = pose(BERT, unit)
    game = play(BERT, encoded, units, masking, output)
    assert isinstance(game, ModelGame)
    masks = draw_masks(len(units), n=8)
    close(game.logits(masks), np.array([by_hand(BERT, encoded, units, masking, mask) for mask in masks]))


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
        assert (np.diff(widths) < 0).sum() == (batch_tokens > 1)  # one again, alone


def test_a_batch_too_large_for_the_memory_is_halved(monkeypatch):
    encoded, units, output = pose(BERT)
    masks = draw_masks(len(units), n=30)
    expected = ModelGame(BERT, encoded, units, "delete", output)(masks)
    watch = Watch(monkeypatch, most_rows=4)
    game = ModelGame(BERT, encoded, units, "delete", output)
    close(game(masks), expected)
    assert game.n_forward == 30 + 1  # one again, alone
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
    assert game.n_forward == sum(seen) == 30  # none in vain: it is known before
    assert max(rows for rows, _ in watch.batches) > 1


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
    assert classifier.sharing.lengths  # so they were batches
    rows = [classifier.encode(text).input_ids for text in ("a dull film", "the plot was not good")]
    close(classifier.logits(rows), np.concatenate([classifier.logits([row]) for row in rows]), 1e-5)
