"""What a model is fed: no id it has no vector for, no more tokens than positions; odd limits are one line."""

import sys

import numpy as np
import pytest
import torch
from tokenizers import processors

import heedful
import tiny
import zoo
from heedful.classifier import Classifier
from heedful.errors import InputError, ModelError
from heedful.question.forwards import ModelGame
from posing import close, draw_masks, pose

TEXT = "the unbelievably slow plot was not good"


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_padding_beyond_the_embeddings_is_never_fed(kind):
    tokenizer = tiny.tokenizer("byte-level-decoder" if kind == "gpt2" else "wordpiece")
    model = tiny.model(kind, tokenizer, **(tiny.DECODER if kind == "gpt2" else {}))
    tokenizer.add_special_tokens({"pad_token": "[new]"})
    model.config.pad_token_id = tokenizer.pad_token_id
    classifier = Classifier(model, tokenizer, kind)
    assert classifier.padding_id is None
    encoded, units, output = pose(classifier, text=TEXT)
    masks = draw_masks(len(units), n=12)
    found = ModelGame(classifier, encoded, units, "delete", output).logits(masks)
    close(found, ModelGame(classifier, encoded, units, "delete", output, batch_tokens=1).logits(masks))
    heedful.explain(classifier, TEXT, "lime:n_samples=20")
    with pytest.raises(InputError, match="has no pad token"):
        heedful.explain(classifier, TEXT, "lime:n_samples=20", masking="pad")


def test_token_types_beyond_the_models_are_refused_as_tokens_are():
    tokenizer = tiny.tokenizer("byte-level")
    tokenizer.model_input_names = ["input_ids", "attention_mask", "token_type_ids"]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    classifier = Classifier(tiny.model("roberta", tokenizer, type_vocab_size=1), tokenizer, "roberta")
    heedful.explain(classifier, TEXT, "occlusion")
    with pytest.raises(ModelError, match="the tokenizer gives token type 1, the model has 1 types; they do not"):
        heedful.explain(classifier, ("a plot", "good"), "occlusion")


LIMITED = {
    "bert": ("wordpiece", {"max_position_embeddings": 20}, 20),
    "roberta": ("byte-level", {"max_position_embeddings": 20, "type_vocab_size": 1}, 18),
    "gpt2": ("byte-level-decoder", tiny.DECODER | {"n_positions": 20}, 20),
    "ctrl": ("byte-level-decoder", tiny.DECODER | {"dff": 24, "n_positions": 20}, 20),
    "mpt": ("byte-level-decoder", {"d_model": 16, "n_heads": 2, "n_layers": 2, "max_seq_len": 20}, 20),
    "bart": ("unigram", tiny.ENCODER_DECODER | {"max_position_embeddings": 20}, 20),
}


@pytest.mark.parametrize("kind", LIMITED)
def test_the_number_of_positions_is_a_limit_under_any_name(kind):
    tokenizer_kind, settings, limit = LIMITED[kind]
    tokenizer = tiny.tokenizer(tokenizer_kind)
    model = tiny.model(kind, tokenizer, **{"max_position_embeddings": limit} | settings)
    classifier = Classifier(model, tokenizer, kind)
    assert classifier.max_tokens == limit
    encoded = classifier.encode(TEXT * 9)
    assert len(encoded) <= limit
    assert encoded.cut
    assert np.isfinite(classifier.logits_of(encoded)).all()


def bert(tokenizer=None, **configuration):
    tokenizer = tokenizer or tiny.tokenizer("wordpiece")
    model = tiny.model("bert", tokenizer)
    vars(model.config).update(configuration)
    return Classifier(model, tokenizer, "odd")


def test_where_nothing_is_known_and_the_model_fails_it_is_one_line():
    classifier = bert(max_position_embeddings=-1)
    assert classifier.max_tokens == sys.maxsize
    assert np.isfinite(classifier.logits_of(classifier.encode(TEXT))).all()
    with pytest.raises(ModelError, match=r"^odd fails on a text of \d{3} tokens: .*set tokenizer.model_max_length$"):
        heedful.explain(classifier, TEXT * 30, "lime")


@pytest.mark.parametrize("value", ["x", [512], True, float("nan")])
def test_a_configuration_without_sense_is_one_line(value):
    with pytest.raises(ModelError, match=r"odd: max_position_embeddings in its configuration is .*no number of tokens"):
        bert(max_position_embeddings=value)
    with pytest.raises(ModelError, match=r"odd: pad_token_id in its configuration is .*, which is no token id"):
        bert(pad_token_id=value)


@pytest.mark.parametrize("value", ["x", None, [512], float("nan")])
def test_a_tokenizers_limit_without_sense_is_one_line(value):
    tokenizer = tiny.tokenizer("wordpiece")
    tokenizer.model_max_length = value
    with pytest.raises(ModelError, match=r"odd: its tokenizer's model_max_length is .*, which is no number of tokens"):
        bert(tokenizer)


@pytest.mark.parametrize(("limit", "text"), [(1, TEXT), (2, TEXT), (3, (TEXT, "good")), (1, (TEXT, "good"))])
def test_a_limit_without_room_for_a_word_is_one_line(limit, text):
    tokenizer = tiny.tokenizer("wordpiece")
    tokenizer.model_max_length = limit
    with pytest.raises(ModelError, match=f"odd takes {limit} tokens, which leaves no room for a word beside"):
        bert(tokenizer).encode(text)


def test_a_limit_that_is_no_whole_number_is_rounded_down():
    tokenizer = tiny.tokenizer("wordpiece")
    tokenizer.model_max_length = 5.9
    assert bert(tokenizer).max_tokens == 5


@pytest.mark.parametrize("single", ["[CLS] $A $A [SEP]", "$A [SEP] $A", "$A $A"])
def test_a_tokenizer_that_repeats_the_text_is_one_line(single):
    tokenizer = tiny.tokenizer("wordpiece")
    ids = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair="$B $A", special_tokens=ids
    )
    with pytest.raises(ModelError, match="the tokenizer of odd repeats the text or turns it round, so its tokens have"):
        bert(tokenizer)


def test_a_tokenizer_that_turns_pairs_round_is_one_line():
    tokenizer = tiny.tokenizer("wordpiece")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$B $A")
    classifier = bert(tokenizer)
    classifier.encode(TEXT)
    with pytest.raises(ModelError, match="the tokenizer of odd repeats the text or turns it round"):
        classifier.encode((TEXT, "good"))


def test_a_side_that_tokenizers_do_not_know_is_one_line():
    tokenizer = tiny.tokenizer("wordpiece")
    tokenizer.truncation_side = "up"
    with pytest.raises(ModelError, match="the tokenizer of odd fails on the text: Unknown `direction`: `up`"):
        bert(tokenizer).encode(TEXT * 20)


def test_the_limit_of_a_model_of_two_parts_is_its_texts():
    classifier = zoo.make("llama")
    assert classifier.max_tokens == 64


def test_a_texts_positions_are_not_more_than_there_are():
    classifier = bert(max_position_embeddings=10**9)
    with pytest.raises(ModelError, match="odd fails on a text of"):
        classifier.logits([torch.arange(100).numpy()])
