"""Units: words and sentences of the caller's own text, matched to tokens by offsets."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.errors import SettingError
from heedful.text.units import KINDS, find, sentences, words


def cut(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[a:b] for a, b in spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't stop", ["don't", "stop"]),
        ("well-known, 3.5 snake_case", ["well", "known", "3.5", "snake_case"]),
        ("e\u0301te\u0301 nai\u0308ve", ["e\u0301te\u0301", "nai\u0308ve"]),  # combining marks stay with their letters
        ("שלום עולם", ["שלום", "עולם"]),
        ("日本", ["日", "本"]),
        ("👩‍👩‍👧 👍🏽 🇩🇪!", ["👩‍👩‍👧", "👍🏽", "🇩🇪"]),  # joined pictographs and flags are one word
        ("a\u200bb", ["a", "b"]),
        ("<b>bold</b> \x1b[0m", ["b", "bold", "b", "0m"]),
        ("... !? —", []),
        ("© #1 *ab*™", ["1", "ab"]),  # signs that count as pictographs, but are punctuation here
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert cut(text, words(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three", ["One.", "Two!", "Three"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("a line\nanother line", ["a line", "another line"]),
        ("version 3.5 is out... really?!", ["version 3.5 is out...", "really?!"]),
        ("مرحبا؟ हाँ। oui… fin", ["مرحبا؟", "हाँ।", "oui…", "fin"]),
        ("本。「猫！」犬？ 鳥", ["本。", "「猫！」", "犬？", "鳥"]),  # no white space between sentences
        ("...", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert cut(text, sentences(text)) == expected


@given(st.text(max_size=60))
def test_words_and_sentences_ascend_and_never_overlap(text: str) -> None:
    for spans in (words(text), sentences(text)):
        flat = [i for span in spans for i in span]
        assert flat == sorted(flat)
        assert all(a < b for a, b in spans)


@st.composite
def tokenised(draw: st.DrawFn) -> tuple[str, list[tuple[int, int] | None]]:
    """A text and offsets as tokenizers give them: adjacent or with gaps, some empty, special tokens around."""
    pieces = st.sampled_from(["a ", "ab ", "b'a", "a", ".", "! ", "\n"])
    text = "".join(draw(st.lists(pieces, min_size=4, max_size=15)))
    edges = sorted(draw(st.lists(st.integers(0, len(text)), min_size=5, max_size=20)))
    offsets = [span for span in pairwise([0, *edges, len(text)]) if draw(st.integers(0, 4))]
    return text, [None, *offsets, *([None] if draw(st.booleans()) else [])]


@given(tokenised(), st.sampled_from(KINDS))
def test_every_unit_has_tokens_and_every_token_at_most_one_unit(sample: tuple, kind: str) -> None:
    text, offsets = sample
    units = find(text, offsets, kind)
    places = [t for positions in units.positions for t in positions]
    assert len(places) == len(set(places))
    assert all(units.positions)
    assert all(offsets[t] is not None for t in places)
    for j, (string, spans, positions) in enumerate(zip(units.strings, units.spans, units.positions, strict=True)):
        assert all(text[a:b] == string for a, b in spans)
        assert list(positions) == sorted(positions)
        assert all(units.of_token[t] == j for t in positions)
        for t in positions:
            start, end = offsets[t]
            assert any(a < end and start < b for a, b in spans)


@given(tokenised(), st.sampled_from(KINDS))
def test_adding_up_loses_nothing_inside_units(sample: tuple, kind: str) -> None:
    text, offsets = sample
    units = find(text, offsets, kind)
    scores = np.arange(1.0, len(offsets) + 1)
    inside = scores[units.of_token >= 0].sum()
    assert units.add_up(scores).shape == (len(units),)
    assert units.add_up(scores).sum() == pytest.approx(inside)


@given(tokenised())
def test_word_types_are_the_words_grouped(sample: tuple) -> None:
    text, offsets = sample
    singles, types = find(text, offsets, "word"), find(text, offsets, "word_type")
    assert list(dict.fromkeys(singles.strings)) == list(types.strings)
    assert sorted(s for spans in types.spans for s in spans) == [spans[0] for spans in singles.spans]
    assert sorted(sum(types.positions, ())) == list(sum(singles.positions, ()))


def test_word_types_tell_upper_from_lower_case_as_lime_does() -> None:
    text = "Good or good"
    units = find(text, [None, (0, 4), (5, 7), (8, 12)], "word_type")
    assert units.strings == ("Good", "or", "good")


def test_subword_tokens_belong_to_their_word() -> None:
    text = "unbelievable film"
    units = find(text, [None, (0, 2), (2, 9), (9, 12), (13, 17), None], "word")
    assert units.positions == ((1, 2, 3), (4,))


def test_words_that_share_a_token_are_one_unit() -> None:
    weather = find("今天天气很好", [None, (0, 2), (2, 4), (4, 6), None], "word_type")
    assert weather.strings == ("今天", "天气", "很好")
    assert weather.positions == ((1,), (2,), (3,))
    assert find("日本 日曜", [(0, 2), (3, 5)], "word_type").strings == ("日本", "日曜")
    # a token over the end of one merged word and the start of the next joins both
    assert find("abc 今天气", [(0, 3), (4, 6), (5, 7)], "word").strings == ("abc", "今天气")


@given(tokenised(), st.sampled_from(KINDS))
def test_every_word_a_token_covers_is_in_a_unit_and_tokens_reach_into_no_other(sample: tuple, kind: str) -> None:
    text, offsets = sample
    units = find(text, offsets, kind)
    owned = {place for spans in units.spans for span in spans for place in range(*span)}
    for span, unit in zip(offsets, units.of_token, strict=True):
        if span is None or span[0] == span[1]:
            continue
        assert all(
            place in owned for start, end in words(text) for place in range(start, end) if span[0] <= place < span[1]
        )
        others = [s for j, spans in enumerate(units.spans) if j != unit for s in spans]
        assert kind == "token" or not any(start < span[1] and span[0] < end for start, end in others)


def test_words_that_were_cut_off_are_no_units() -> None:
    assert find("seen unseen", [None, (0, 4)], "word").strings == ("seen",)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_without_characters_belong_to_no_unit(kind: str) -> None:
    units = find("good", [(0, 0), (0, 4), (2, 2)], kind)
    assert (units.strings, units.positions) == (("good",), ((1,),))


def test_unknown_kind_names_the_known() -> None:
    with pytest.raises(SettingError, match="word_type, word, token, sentence"):
        find("a", [(0, 1)], "letter")


PREMISE, HYPOTHESIS = [None, (0, 3), (4, 8), (9, 12), (13, 16)], [None, (17, 20), (21, 25), None]
PAIR = "the cast was the\nthe cast"


@pytest.mark.parametrize("kind", KINDS)
def test_no_unit_is_in_both_texts_of_a_pair(kind: str) -> None:
    units = find(PAIR, [*PREMISE, *HYPOTHESIS], kind, second=17)
    for spans in units.spans:
        assert len({start >= 17 for start, _ in spans}) == 1
    first = find(PAIR[:16], PREMISE, kind)
    second = find(PAIR[17:], [None, (0, 3), (4, 8), None], kind)
    assert units.strings == (*first.strings, *second.strings)
    assert units.positions == (*first.positions, *(tuple(t + 5 for t in places) for places in second.positions))


def test_word_types_of_a_pair_are_those_of_each_text() -> None:
    units = find(PAIR, [*PREMISE, *HYPOTHESIS], "word_type", second=17)
    assert units.strings == ("the", "cast", "was", "the", "cast")
    assert units.spans[0] == ((0, 3), (13, 16))
    assert find(PAIR, [*PREMISE, *HYPOTHESIS], "word_type").strings == ("the", "cast", "was")


@given(tokenised(), tokenised(), st.sampled_from(KINDS))
def test_units_of_a_pair_are_those_of_either_text(one: tuple, other: tuple, kind: str) -> None:
    (first, ahead), (second, behind) = one, other
    start = len(first) + 1
    offsets = [*ahead, *(None if span is None else (span[0] + start, span[1] + start) for span in behind)]
    both = find(f"{first}\n{second}", offsets, kind, second=start)
    parts = find(first, ahead, kind), find(second, behind, kind)
    assert both.strings == parts[0].strings + parts[1].strings
    moved = tuple(tuple(t + len(ahead) for t in places) for places in parts[1].positions)
    assert both.positions == parts[0].positions + moved
