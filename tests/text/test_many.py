"""Texts encoded together are those encoded one by one, in everything; what is refused is refused alike."""

from __future__ import annotations

import copy
import inspect
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from factory import make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.errors import InputError, ModelError, TextError
from heedful.question import Choices, ask, ask_all
from heedful.text.encoding import Encoded
from heedful.text.template import Template

PIECES = [
    "good", "plot", "naïve café", "cafe\u0301", "unheard", "漢字", "😀", "Don’t", ", ", " ", "\n", "<br />", "\u200b",
    "!", "😀\u0301", "</s>", "[SEP]", "\u2581", "unbelievably",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("  ".join)
FAMILIES = ("bert", "roberta", "xlm-roberta", "llama", "gpt2", "paper")
LIMITED = {name: replace(zoo.make(name), limit=9) for name in FAMILIES}
LEFT = replace(zoo.make("paper"), limit=9)
LEFT.tokenizer.truncation_side = "left"


def alone(classifier: Classifier, text: object) -> Encoded | str:
    try:
        return inspect.unwrap(Classifier.encode)(classifier, text)
    except InputError as error:
        return f"{type(error).__name__}: {error}"


def same(one: Encoded | InputError, expected: Encoded | str) -> None:
    if isinstance(expected, str):
        assert f"{type(one).__name__}: {one}" == expected
        return
    assert isinstance(one, Encoded)
    for name in ("text", "offsets", "cut", "second"):
        assert getattr(one, name) == getattr(expected, name)
    for ids, wanted in ((one.input_ids, expected.input_ids), (one.type_ids, expected.type_ids)):
        assert (ids is None) == (wanted is None)
        if ids is not None:
            assert ids.dtype == wanted.dtype
            assert ids.tolist() == wanted.tolist()


@pytest.mark.parametrize("classifier", [*LIMITED.values(), LEFT], ids=[*FAMILIES, "left"])
@settings(deadline=None, max_examples=25)
@given(st.lists(st.one_of(texts, st.text(max_size=12), st.tuples(texts, texts)), min_size=2, max_size=8))
def test_texts_together_are_as_alone(classifier: Classifier, some: list) -> None:
    for text, one in zip(some, classifier.encode_each(some), strict=True):
        same(one, alone(classifier, text))


@settings(deadline=None, max_examples=12)
@given(st.lists(st.one_of(texts, st.text(max_size=12)), min_size=2, max_size=6), st.integers(1, 9))
def test_texts_in_a_template_or_under_any_limit_are_as_alone(some: list[str], limit: int) -> None:
    framed = replace(LIMITED["gpt2"], template=Template.of("It is {text} .\nIs it good ?"), limit=30)
    for classifier in (framed, replace(LIMITED["roberta"], limit=limit)):
        for text, one in zip(some, classifier.encode_each(some), strict=True):
            same(one, alone(classifier, text))


BAD = {"blank": " ", "surrogate": "good \ud800", "unknown": "xyzzy", "missing": None, "bytes": b"good", "list": ["a"]}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_text_among_good_ones_is_refused_as_alone(bad: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Classifier, "encode", inspect.unwrap(Classifier.encode))  # the shape checks would stop it
    classifier, some = LIMITED["paper"], ["the plot was good", bad, "a dull film"]
    with pytest.raises(TextError) as raised:
        inspect.unwrap(Classifier.encode_all)(classifier, some)
    expected = alone(classifier, bad)
    assert f"TextError: {raised.value}" == expected
    first, refused, last = inspect.unwrap(Classifier.encode_each)(classifier, some)
    same(first, alone(classifier, some[0]))
    same(refused, expected)
    same(last, alone(classifier, some[2]))


def test_a_text_on_which_the_tokenizer_fails_is_told_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = make_classifier()
    real = type(classifier.tokenizer)._encode_plus

    def fails(self: object, text: str | list[str], *rest: object, **settings: object) -> object:
        if "odd" in str(text):
            raise ValueError("no such token")
        return real(self, text, *rest, **settings)

    monkeypatch.setattr(type(classifier.tokenizer), "_encode_plus", fails)
    good, odd, other = classifier.encode_each(["the plot", "an odd plot", "was good"])
    assert isinstance(odd, ModelError)
    assert str(odd) == "the tokenizer of random weights fails on the text: no such token"
    assert (good.text, other.text) == ("the plot", "was good")


def test_ids_that_the_model_lacks_are_refused_as_alone() -> None:
    small = make_bert(vocab_size=5)
    some = ["the plot was not good", "music stays with you"]
    assert any(isinstance(alone(small, text), str) for text in some)
    for text, one in zip(some, small.encode_each(some), strict=True):
        same(one, alone(small, text))


def test_many_texts_are_tokenised_once_and_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = LIMITED["roberta"]
    some = ["the plot was not good but the acting was very good !", "a dull film", "the end was never dull"] * 3
    expected = [alone(classifier, text) for text in some]
    real, calls = type(classifier.tokenizer)._encode_plus, []

    def counted(self: object, text: object, *rest: object, **settings: object) -> object:
        calls.append(text)
        return real(self, text, *rest, **settings)

    monkeypatch.setattr(type(classifier.tokenizer), "_encode_plus", counted)
    for one, wanted in zip(classifier.encode_all(some), expected, strict=True):
        same(one, wanted)
    assert calls == [some]


def test_the_tokenizer_is_as_before() -> None:
    classifier = replace(LIMITED["bert"], tokenizer=copy.deepcopy(LIMITED["bert"].tokenizer))
    backend = classifier.tokenizer.backend_tokenizer
    backend.enable_padding(length=20)
    backend.enable_truncation(4)
    before = backend.to_str()
    same(classifier.encode_all(["the plot was not good", "film"])[0], alone(classifier, "the plot was not good"))
    assert backend.to_str() == before


def test_a_huge_text_is_cut_like_any_other() -> None:
    classifier, huge = make_classifier(), "the plot was not good . " * 20_000
    started = time.process_time()
    short, long = classifier.encode_all(["the plot", huge])
    assert time.process_time() - started < 10
    assert (len(short), len(long)) == (3, 64)
    assert long.cut == ((long.offsets[-1][1] + 1, len(huge) - len(" . ")),)


def test_questions_asked_together_are_those_asked_alone(classifier: Classifier) -> None:
    some = ["the plot was not good", ("a dull film", "the end was never dull"), "what a wonderful soundtrack"]
    for text, question in zip(some, ask_all(classifier, some, Choices()), strict=True):
        single = ask(classifier, text, Choices())
        same(question.encoded, single.encoded)
        assert question.units.positions == single.units.positions
        np.testing.assert_allclose(question.logits, single.logits, rtol=0, atol=1e-12)


def test_no_limit_keeps_everything() -> None:
    classifier = replace(LIMITED["llama"], limit=sys.maxsize)
    some = ["the plot " * 20, "film"]
    for text, one in zip(some, classifier.encode_all(some), strict=True):
        same(one, alone(classifier, text))
