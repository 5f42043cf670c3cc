"""From text to tokens: what is refused, what is cut, and where every token stands in the caller's text."""

import copy
import inspect
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.errors import ModelError, TextError
from heedful.text import encoding

LIMIT = 6
WORDS = ("café été a\u0302ge good film plot 漢 😀 don't",)

SHORT = {side: make_classifier(texts=WORDS, max_position_embeddings=LIMIT) for side in ("left", "right")}
for side, short in SHORT.items():
    short.tokenizer.truncation_side = side
LONG = make_classifier(texts=WORDS, max_position_embeddings=1000)

PIECES = [
    "good", "CAFÉ", "e\u0301te\u0301", "A\u0302GE", "unheard", "漢字", "😀", "Don’t", ", ", " ", "\n", "<br />",
    "\u200b", "!", "😀\u0301",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=20).map(lambda parts: " ".join(["film", *parts]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n\t\u2003", "empty"),
        ("\u200b", "no word of the text is in the vocabulary of random weights"),
        ("xyzzy plugh", "no word of the text is in the vocabulary"),
        ("...", "no word of the text is in the vocabulary"),
        ("good \ud800 film", "not valid Unicode: lone surrogate at character 5"),
        (None, r"the text is missing \(None\): leave it out"),
        (b"good", "give a text, or a pair as a tuple: got bytes"),
        (["good"], "give a text, or a pair as a tuple: got list"),
    ],
)
def test_texts_that_cannot_be_explained_are_refused_in_one_line(text, message):
    with pytest.raises(TextError, match=message) as raised:
        inspect.unwrap(Classifier.encode)(LONG, text)  # the shape checks of the tests would stop what is no text
    assert "\n" not in str(raised.value)


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_encoded_or_refused(text):
    if any("\ud800" <= character <= "\udfff" for character in text):
        with pytest.raises(TextError, match="surrogate"):
            LONG.encode("film " + text)
        return
    encoded = LONG.encode("film " + text)
    assert encoded.text == "film " + text
    spans = [span for span in encoded.offsets if span is not None]
    assert all(0 <= start < end <= len(encoded.text) for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@settings(deadline=None)
@given(texts)
def test_spans_hold_all_characters_of_their_token_and_no_other(text):
    encoded = LONG.encode(text)
    tokens = LONG.tokenizer.convert_ids_to_tokens(encoded.input_ids.tolist())
    assert (tokens[0], encoded.offsets[0], encoded.cut) == ("[CLS]", None, ())
    for token, (start, end) in zip(tokens[1:], encoded.offsets[1:], strict=True):
        read = unicodedata.normalize("NFC", text[start:end]).lower().replace("’", "'")
        assert token == (read if read in LONG.tokenizer.get_vocab() else "[UNK]")


@pytest.mark.parametrize("side", ["left", "right"])
@settings(deadline=None)
@given(texts)
def test_kept_and_cut_tokens_together_are_all(side, text):
    whole, kept = LONG.encode(text), SHORT[side]
    if side == "left" and set(whole.input_ids[1:][-(LIMIT - 1) :]) == {LONG.tokenizer.unk_token_id}:
        return  # nothing known is left: refused, as tested above
    kept = kept.encode(text)
    n_words = len(whole) - 1
    first = slice(1, LIMIT) if side == "right" else slice(1 + max(0, n_words - LIMIT + 1), None)
    assert kept.input_ids[1:].tolist() == whole.input_ids[first].tolist()
    assert kept.offsets[1:] == whole.offsets[first]
    lost = [span for span in whole.offsets[1:] if span not in kept.offsets]
    assert kept.cut == (((lost[0][0], lost[-1][1]),) if lost else ())


def test_no_limit_at_all_keeps_everything():
    classifier = make_bert()
    classifier.tokenizer.model_max_length = int(1e30)  # transformers' way of saying that there is none
    assert classifier.max_tokens == 64
    classifier.model.config.max_position_embeddings = -1
    assert classifier.max_tokens == sys.maxsize
    encoded = classifier.encode("good " * 1000)
    assert (len(encoded), encoded.cut) == (1001, ())
    classifier.tokenizer.model_max_length = 10
    assert classifier.max_tokens == 10


@pytest.mark.parametrize("token", ["[CLS]", "[PAD]", "[MASK]", "[UNK]"])
def test_markup_of_the_tokenizer_in_a_text_is_plain_text(token):
    encoded = LONG.encode(f"{token} good")
    assert [encoded.text[a:b] for a, b in encoded.offsets[1:]] == [token[1:-1], "good"]
    assert encoded.input_ids[1] == LONG.tokenizer.unk_token_id


@pytest.mark.parametrize("text", ["[PAD]", "[CLS] [CLS]", "[MASK] xyzzy"])
def test_a_text_of_control_tokens_alone_has_no_known_word(text):
    bert = make_bert()
    bert.tokenizer.split_special_tokens = False  # as most tokenizers
    assert bert.tokenizer.tokenize("[MASK]") == ["[MASK]"]
    for classifier in (bert, LONG):
        with pytest.raises(TextError, match="no word of the text is in the vocabulary"):
            classifier.encode(text)


def test_threads_that_share_a_tokenizer_cut_as_one_does_and_leave_it_as_it_was():
    tokenizer = make_classifier(texts=WORDS).tokenizer
    backend = tokenizer.backend_tokenizer
    texts = [(6, "film plot"), (6, "film plot good " * 9), (5, ("film " * 9, "plot")), (100, "film " * 50)]
    backend.enable_truncation(3)
    backend.enable_padding(length=40)
    before = backend.to_str()

    def encoded(i):
        limit, text = texts[i % 4]
        one = encoding.encode(tokenizer, text, limit, "shared")
        return one.input_ids.tolist(), one.offsets, one.cut

    expected = [encoded(i) for i in range(4)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(encoded, range(400))) == expected * 100
    assert backend.to_str() == before


def test_a_text_within_the_limit_sets_nothing_in_a_tokenizer_that_others_use():
    real = LONG.tokenizer.backend_tokenizer
    real.no_truncation()
    real.no_padding()
    backend = Mock(wraps=real, truncation=None, padding=None, encode_special_tokens=real.encode_special_tokens)
    tokenizer = copy.copy(LONG.tokenizer)
    tokenizer._tokenizer = backend
    found = encoding.encode(tokenizer, "film plot", 100, "shared")
    np.testing.assert_array_equal(found.input_ids, LONG.encode("film plot").input_ids)
    assert not backend.enable_truncation.called
    assert not backend.no_truncation.called


class PanicException(BaseException):
    """As what libraries in Rust raise, which is no `Exception`."""


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (PanicException("not yet implemented"), ModelError, "fails on the text: not yet implemented"),
        (ValueError("no such token"), ModelError, "fails on the text: no such token"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_a_tokenizer_that_fails_is_one_line_unless_people_stop_it(error, raised, message, monkeypatch):
    tokenizer = make_classifier(texts=WORDS).tokenizer
    monkeypatch.setattr(type(tokenizer), "_encode_plus", Mock(side_effect=error))
    with pytest.raises(raised, match=message):
        encoding.encode(tokenizer, "film plot", 100, "odd")
