"""Words found the quick way, for ASCII and around it, are those of the one pattern that reads every script."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.text.units import find, words

SEGMENT = regex.compile(r"(?wV1).+?\b", regex.DOTALL)
WORDLIKE = regex.compile(r"[\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}--[#*©®™]]", regex.V1)

ascii_texts = st.text(st.characters(max_codepoint=127), max_size=40)
joined = st.text(st.sampled_from("aqAQ19_'.:,;\"- \n"), max_size=14)  # what joins letters and digits, and what does not
latin = st.text(st.sampled_from("aq1_'., é—’…©\u2024\u2028\x85\n"), max_size=14)
odd = st.text(st.sampled_from("aq1_'., \u0301\u200d\u00ad👩🏽🇩é—’\u2019日א״\n\t\r"), max_size=14)


def segmented(text: str) -> list[tuple[int, int]]:
    return [m.span() for m in SEGMENT.finditer(text) if WORDLIKE.search(m.group())]


@settings(max_examples=400, deadline=None)
@given(st.one_of(ascii_texts, joined, latin, odd, st.text(max_size=30)))
def test_quick_words_are_the_segments_with_a_letter_or_digit(text: str) -> None:
    assert words(text) == segmented(text)


@settings(max_examples=200, deadline=None)
@given(st.one_of(joined, latin, odd), st.one_of(joined, latin, odd), st.data())
def test_what_lies_behind_the_last_token_changes_no_unit(kept: str, behind: str, data: st.DataObject) -> None:
    text = kept + behind
    edges = sorted(data.draw(st.lists(st.integers(0, len(kept)), min_size=2, max_size=8)))
    offsets = [None, *zip(edges[::2], edges[1::2], strict=False)]
    every = find(text, [*offsets, (len(text), len(text))], "word")  # an empty token at the end: all is read
    assert find(text, offsets, "word").spans == every.spans
    assert find(text, offsets, "word").positions == every.positions


def test_underscores_alone_are_no_word_and_long_runs_of_them_take_no_time() -> None:
    assert words("_ __a __ 1_ _'a") == [(2, 5), (9, 11), (13, 15)]
    assert words("_" * 2_000_000) == []
    assert words("'." * 1_000_000) == []


@pytest.mark.data
def test_the_same_in_reviews(data_folder: Path) -> None:
    table = pyarrow.parquet.read_table(data_folder / "imdb" / "test.parquet", columns=["text"])
    for text in table["text"].slice(0, 200).to_pylist():
        assert words(text) == segmented(text)
