"""Names: case does not matter where it is clear, and what is near is suggested."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heedful.errors import SettingError
from heedful.support.names import asking, choose, did_you_mean, match, near, shown
from unchecked import call

KNOWN = ("word_type", "word", "token", "sentence")


@pytest.mark.parametrize(
    ("given_", "known", "meant"),
    [
        ("word", KNOWN, "word"),
        ("WORD", KNOWN, "word"),
        ("a", ("a", "A"), "a"),
        ("A", ("a", "A"), "A"),
        ("Ab", ("ab", "AB"), None),  # either may be meant
        ("STRASSE", ("straße",), "straße"),
        ("AB", ("ab", "ab"), "ab"),  # one name twice is one name
        ("words", KNOWN, None),
        ("", KNOWN, None),
    ],
)
def test_case_matters_only_where_it_must(given_: str, known: tuple[str, ...], meant: str | None) -> None:
    assert match(given_, known) == meant


@pytest.mark.parametrize(
    ("given_", "question"),
    [
        ("wrod", "did you mean word?"),
        ("Words", "did you mean word?"),
        ("sentences", "did you mean sentence?"),
        ("letter", ""),
        ("", ""),
        ("w", ""),
        ("word" * 50, ""),
    ],
)
def test_what_is_near_is_asked_for(given_: str, question: str) -> None:
    assert did_you_mean(given_, KNOWN) == question


def test_several_are_joined() -> None:
    assert asking(["a", "b", "c"]) == "did you mean a, b or c?"
    assert asking([]) == ""


@given(st.text(max_size=80), st.lists(st.text(max_size=12), max_size=6))
def test_suggestions_are_known_names(given_: str, known: list[str]) -> None:
    assert set(near(given_, known)) <= set(known)
    assert match(given_, known) in {None, *known}


@pytest.mark.parametrize("value", [None, 3, ["word"], b"word", object(), "", "x" * 10_000, "a\x1b[31m\nb"])
def test_what_is_no_name_is_refused_in_one_short_line(value: object) -> None:
    with pytest.raises(SettingError) as refused:
        call(choose, value, KNOWN, "unit")
    message = str(refused.value)
    assert message.startswith("unknown unit ")
    assert "use one of word_type, word, token, sentence" in message
    assert len(message) < 200
    assert message.isprintable()


class Rude:
    def __repr__(self) -> str:
        raise ZeroDivisionError


def test_whatever_is_given_can_be_shown() -> None:
    assert shown(Rude()) == "an unprintable Rude"
    assert shown(10**5000) == "an unprintable int"  # more digits than Python writes
    assert shown("\u202e") == "'\\u202e'"
    assert len(shown("x" * 10_000)) == 60
