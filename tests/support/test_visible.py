import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from heedful.support.visible import visible

ANYTHING = st.text(st.characters())  # lone surrogates too
ACTS_ON_DISPLAYS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
JOINERS_AND_MARKS = "\u200b\u200c\u200d\u200e\u200f\ufe0f\ufeff\u0301"


def acts(character):
    return (
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in ACTS_ON_DISPLAYS
    )


def test_no_code_point_that_acts_on_a_display_is_left_and_no_other_changes():
    everything = [chr(code) for code in range(0x110000) if chr(code) != "\n"]
    shown = visible("\n".join(everything), keep_newlines=True).split("\n")
    assert len(shown) == len(everything)
    changed = {character: picture for character, picture in zip(everything, shown, strict=True) if character != picture}
    assert {character for character in everything if acts(character)} <= set(changed)
    assert not any(acts(character) for picture in changed.values() for character in picture)
    assert all(acts(character) or unicodedata.category(character) == "Cf" for character in changed)
    assert all(changed.values())


def test_known_pictures():
    assert visible("\x00\x1b[2J\x7f\x9b\u202e\u2066") == "␀␛[2J␡[U+009B][U+202E][U+2066]"
    assert visible("a\r\nb\t") == "a␍␊b␉"
    assert visible("a\r\nb\t", keep_newlines=True) == "a␍\nb␉"
    assert visible("\ud800") == "[U+D800]"


def test_what_scripts_need_stays():
    assert visible(JOINERS_AND_MARKS) == JOINERS_AND_MARKS


@given(ANYTHING, ANYTHING)
def test_pieces_can_be_shown_one_at_a_time(one, other):
    assert visible(one) + visible(other) == visible(one + other)
    visible(one).encode("utf-8")
