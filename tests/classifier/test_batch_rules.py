"""Which texts may share a forward pass: never two that would change each other, however few such texts are."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import nn

import heedful
import tiny
import zoo
from heedful.classifier import Classifier
from heedful.question.forwards import ModelGame
from posing import close, draw_masks, pose

TEXT = "the plot was not good but the acting was very good ! a dull film"
# kind, tokenizer, settings, whether lengths mix, whether texts share at all
KINDS = {
    "mobilebert": ("wordpiece", tiny.MOBILE, False, True),
    "fnet": ("wordpiece", {}, False, True),
    "xlnet": ("unigram", {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24}, False, True),
    "big_bird": ("wordpiece", tiny.BIG_BIRD, False, True),
    "bart": ("unigram", tiny.ENCODER_DECODER, True, True),
    "t5": ("unigram", tiny.ENCODER_DECODER, True, True),
}


def alone(classifier, encoded, units, masks):
    return ModelGame(classifier, encoded, units, "delete", pose(classifier)[2], batch_tokens=1).logits(masks)


@pytest.mark.parametrize("kind", KINDS)
def test_masked_texts_score_as_each_alone(kind):
    tokenizer_kind, settings, lengths, texts = KINDS[kind]
    tokenizer = tiny.tokenizer(tokenizer_kind)
    classifier = Classifier(tiny.model(kind, tokenizer, **settings), tokenizer, kind)
    assert (classifier.sharing.lengths, classifier.sharing.texts) == (lengths, texts)
    encoded, units, output = pose(classifier, "word", text=TEXT)
    masks = draw_masks(len(units), n=16)
    game = ModelGame(classifier, encoded, units, "delete", output)
    close(game.logits(masks), alone(classifier, encoded, units, masks), 1e-6)  # a softmax of float32, as in T5
    ids = [classifier.encode(text).input_ids for text in (TEXT, "a dull film", "the plot was not good")]
    with torch.no_grad():
        expected = [classifier.model(torch.from_numpy(row)[None]).logits[0].numpy() for row in ids]
    close(classifier.logits(ids), np.array(expected), 1e-6)


@pytest.mark.parametrize("rule", ["longrope", "dynamic"])
def test_positions_that_turn_by_the_longest_text_of_a_pass(rule):
    """From a length on that no made-up text reaches."""
    factors = {"factor": 4.0} if rule == "dynamic" else {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4}
    rope = {"rope_type": rule, "rope_theta": 10000.0, "original_max_position_embeddings": 40} | factors
    tokenizer = tiny.tokenizer("byte-level-decoder")
    kind, known = ("phi3", {"original_max_position_embeddings": 40}) if rule == "longrope" else ("llama", {})
    model = tiny.model(
        kind, tokenizer, num_key_value_heads=1, head_dim=8, max_position_embeddings=128, **known, rope_parameters=rope
    )
    classifier = Classifier(model, tokenizer, kind)
    encoded, units, output = pose(classifier, "word", text=" ".join([TEXT] * 3))
    assert len(encoded) > 40
    assert not classifier.sharing.lengths
    rng = np.random.default_rng(0)
    masks = rng.random((60, len(units))) < rng.random((60, 1))  # of all lengths, on both sides of the change
    masks[0] = True
    game = ModelGame(classifier, encoded, units, "delete", output)
    close(game.logits(masks), alone(classifier, encoded, units, masks), 1e-6)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("unit", ["word", "sentence"])
def test_occlusion_of_mobilebert_is_the_fall_of_its_own_logit(seed, unit):
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("mobilebert", tokenizer, seed=seed, **tiny.MOBILE)
    classifier = heedful.load(model, tokenizer)
    result = heedful.explain(classifier, TEXT, "occlusion", masking="delete", unit=unit, target=0)
    encoded, units, _ = pose(classifier, unit, text=TEXT)

    def logit(ids):
        with torch.no_grad():
            return float(model(torch.from_numpy(ids)[None]).logits[0, 0])

    ids = encoded.input_ids
    expected = [logit(ids) - logit(np.delete(ids, places)) for places in units.positions]
    # the differences of logits of order 1, in float64
    assert result.scores == pytest.approx(expected, abs=1e-12)


def test_a_model_that_looks_no_words_up_runs_texts_one_by_one(monkeypatch):
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    monkeypatch.setattr(model, "get_input_embeddings", Mock(side_effect=NotImplementedError))
    assert not Classifier(model, tokenizer, "hashing").sharing.texts


class Peeping(nn.Module):
    """Adds to each vector a share of the one `gap` places on, where a text's length is a multiple of `every`."""

    def __init__(self, gap, every, share):
        super().__init__()
        self.gap, self.every, self.share = gap, every, share

    def forward(self, vectors, attended):
        lengths = attended.sum(1)
        moved = torch.roll(vectors, -self.gap, 1)
        moved[:, -self.gap :] = 0.0
        read = (lengths % self.every == 0).to(vectors) * self.share
        return vectors + read[:, None, None] * moved


def peeping(gap, every, share, texts=None):
    """A BERT whose embeddings peep at later tokens, whatever the mask says."""
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    peep = Peeping(gap, every, share)

    def see(_, args, given):
        peep.attended = given["attention_mask"]

    model.register_forward_pre_hook(see, with_kwargs=True)
    model.bert.embeddings.register_forward_hook(lambda _, __, out: peep(out, peep.attended))
    return Classifier(model, tokenizer, "peeping")


@pytest.mark.parametrize("every", [1, 2, 4, 8])
@pytest.mark.parametrize("share", [1.0, 1e-6])
def test_an_effect_in_few_texts_or_a_tiny_one_is_seen(every, share):
    assert not peeping(1, every, share).sharing.lengths
    assert peeping(1, 10**6, share).sharing.lengths


def test_an_effect_of_the_number_of_tokens_alone_is_seen_where_it_sets_in():
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    # as where positions are stretched beyond some length: of made-up texts, all are too short
    model.bert.embeddings.register_forward_hook(lambda _, __, out: out * (1.0 if out.shape[1] <= 22 else 0.5))
    classifier = Classifier(model, tokenizer, "stretched")
    assert classifier.sharing.lengths
    encoded, units, output = pose(classifier, "word", text=f"{TEXT} {TEXT}")
    masks = np.tri(len(units), dtype=bool)
    game = ModelGame(classifier, encoded, units, "delete", output, batch_tokens=10**6)
    close(game.logits(masks[18:]), alone(classifier, encoded, units, masks[18:]))


def test_texts_that_change_each_other_run_alone():
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    model.bert.encoder.register_forward_hook(  # one scale for the whole pass, as where activations become int8
        lambda _, __, out: type(out)(last_hidden_state=torch.round(out[0] / out[0].abs().max() * 127))
    )
    classifier = Classifier(model, tokenizer, "int8")
    assert (classifier.sharing.lengths, classifier.sharing.texts) == (False, False)
    encoded, units, output = pose(classifier)
    masks = draw_masks(len(units), n=6)
    expected = [ModelGame(classifier, encoded, units, "unk", output).logits(masks[i : i + 1]) for i in range(6)]
    close(ModelGame(classifier, encoded, units, "unk", output).logits(masks), np.concatenate(expected))


@pytest.mark.parametrize("name", zoo.NAMES)
def test_every_model_of_the_zoo_mixes_lengths(name):
    classifier = zoo.make(name)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        sharing = Classifier(classifier.model.to(dtype), classifier.tokenizer, name).sharing
        assert (sharing.lengths, sharing.texts) == (True, True)


def test_a_decoder_without_padding_mixes_no_lengths_but_shares():
    classifier = zoo.make("gpt2")
    classifier.model.config.pad_token_id = None
    sharing = Classifier(classifier.model, classifier.tokenizer, "gpt2").sharing
    assert (sharing.lengths, sharing.texts) == (False, True)


@pytest.mark.parametrize("error", [RuntimeError, ValueError, IndexError])
def test_a_batch_that_fails_where_texts_alone_do_not_runs_one_by_one(error):
    tokenizer = tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    classifier = Classifier(model, tokenizer, "picky")

    def refuse(_, args):
        if len(args[0]) > 1:
            raise error("one text at a time, please")

    expected = heedful.explain(classifier, TEXT, "lime:n_samples=30", masking="delete").scores
    model.bert.encoder.register_forward_pre_hook(refuse)
    for picky in (classifier, Classifier(model, tokenizer, "picky")):  # judged before, and with it
        found = heedful.explain(picky, TEXT, "lime:n_samples=30", masking="delete").scores
        assert found == pytest.approx(expected, abs=1e-12)
    assert not picky.sharing.texts


@pytest.mark.parametrize("masking", ["delete", "mask"])
@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_rows_with_other_numbers_of_ends_do_not_share_a_batch(kind, masking):
    tokenizer = tiny.tokenizer("unigram")
    classifier = Classifier(tiny.model(kind, tokenizer, **tiny.ENCODER_DECODER), tokenizer, kind)
    encoded, units, output = pose(classifier, "token", text="a good </s> plot </s>")
    assert (encoded.input_ids == tokenizer.eos_token_id).sum() == 3
    masks = draw_masks(len(units), n=12)
    expected = ModelGame(classifier, encoded, units, masking, output, batch_tokens=1).logits(masks)
    close(ModelGame(classifier, encoded, units, masking, output).logits(masks), expected, 1e-6)
    heedful.explain(classifier, "a good </s> plot", "kernel-shap")
