import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations import make
from heedful.render import view


@st.composite
def texts_with_spans(draw):
    text = draw(st.text(max_size=12))
    place = st.integers(0, len(text))
    span = st.tuples(place, place).map(sorted).map(tuple)
    return text, draw(st.lists(st.lists(span, min_size=1, max_size=3), max_size=5)), draw(st.lists(span, max_size=2))


@given(texts_with_spans())
def test_pieces_are_the_text_and_every_character_knows_its_units(drawn):
    text, spans, cut = drawn
    found = view.pieces(make(text, spans, cut=tuple(cut)))
    assert "".join(piece.text for piece in found) == text
    owners = [piece.units for piece in found for _ in piece.text]
    gone = [piece.cut for piece in found for _ in piece.text]
    for place in range(len(text)):
        owning = tuple(j for j, own in enumerate(spans) if any(start <= place < end for start, end in own))
        assert owners[place] == owning
        assert gone[place] == (not owning and any(start <= place < end for start, end in cut))


def test_labels_tell_settings_apart():
    heads = [make(method="attention-head", settings={"head": head, "aggregation": "sum"}) for head in (0, 3)]
    assert view.labels([*heads, make()]) == ["attention-head (head=0)", "attention-head (head=3)", "lime"]
    assert view.labels([make(), make()]) == ["lime #1", "lime #2"]
    assert view.columns([make(method="attention-mean"), make()]) == ["alpha-avg", "lime"]


def test_paper_names_are_those_of_its_table():
    assert view.PAPER_NAMES == {
        "attention-mean": "alpha-avg",
        "attention-max": "alpha-max",
        "gradient-mean": "G-avg",
        "gradient-l1": "G-l1",
        "gradient-l2": "G-l2",
        "gradient-x-input": "GxI",
    }


def test_the_middle_of_a_very_long_text_is_left_out_and_counted():
    gap, unit = "x" * 10_000_000, "y" * 30_000
    text = f"good {gap} bad {unit}"
    spans = [[(0, 4)], [(len(gap) + 6, len(gap) + 9)], [(len(gap) + 10, len(text))]]
    shown = [view.shown(piece) for piece in view.pieces(make(text, spans))]
    assert shown[0::2] == ["good", "bad", "y" * 10_000 + "[… 10,000 characters left out …]" + "y" * 10_000]
    assert shown[1] == f" {'x' * 999}[… 9,998,002 characters left out …]{'x' * 999} "
    assert view.shown(view.Piece("z" * 2_000, (), False)) == "z" * 2_000


def test_of_very_many_pieces_those_in_the_middle_are_left_out_and_counted():
    one = make("a b c d e f")  # eleven pieces
    assert [piece.text for piece in view.pieces(one, 4)] == [
        "a", " ", "[… 7 characters with 4 scores left out …]", " ", "f"
    ]  # fmt: skip
    assert view.pieces(one, 11) == view.pieces(one)


def test_agreement_goes_by_name():
    weights, signed = make("a b c", scores=[3, 2, 1], signed=False), make("a b c", scores=[-3, 2, -1])
    mixed = {table.name: table.values[0, 1] for table in view.agreements([weights, signed])}
    assert mixed == {"Signed agreement": pytest.approx(-1 / 3), "Unsigned agreement": 1}
    assert [table.name for table in view.agreements([signed, signed])] == ["Signed agreement"]
    assert [table.name for table in view.agreements([weights, weights])] == ["Unsigned agreement"]
    assert view.agreements([signed]) == []


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.23619, True, "+0.236"),
        (-3.333, True, "-3.33"),
        (0.138, False, "0.138"),
        (-0.0, True, "0"),
        (math.nan, True, "undefined"),
        (math.inf, True, "+inf"),
        (None, True, "none"),
    ],
)
def test_numbers(value, signed, text):
    assert view.number(value, signed=signed) == text


def test_facts_say_what_was_cut():
    found = dict(
        view.facts([make("one two three", [[(0, 3)]], cut=((4, 13),)), make(masking="unk"), make(masking="pad")])
    )
    assert found["cut"] == "9 of 13 characters, which the classifier never saw"
    assert found["masking"] == "unk, pad"
    assert "cut" not in dict(view.facts([make()]))


def test_facts_say_where_a_second_text_begins_and_what_windows_were_combined():
    pair = make("who?\none\ntwo", [[(0, 3)]], settings={"second_text_from": 5})
    assert dict(view.facts([pair]))["second text"] == "from “one two” on"
    windows = {"windows": 5, "window_size": 64, "stride": 31, "combine": "max"}
    assert dict(view.facts([make(settings=windows)]))["windows"] == "5 of 64 tokens, one every 31; max of their outputs"
    assert not {"second text", "windows", "not in the vocabulary"} & set(dict(view.facts([make()])))
    assert dict(view.facts([make("a b", unknown=1)]))["not in the vocabulary"] == "1 of 2"


def test_ranking_is_by_size_with_undefined_last():
    assert view.ranking(make("a b c d", scores=[1, math.nan, -3, 1])) == [2, 0, 3, 1]


def test_leading_units_have_the_best_mean_rank():
    one, other = make("a b c d", scores=[4, 3, 2, 1]), make("a b c d", scores=[1, -4, 3, 2])  # ranks 0123 and 3012
    assert view.leading([one, other], 2) == [1, 0]  # means 1.5, 0.5, 1.5, 2.5; ties keep the text's order
    assert view.leading([make("", [], scores=np.zeros(0))], 3) == []


def test_groups_are_runs_of_one_prediction():
    one, other = make(), make("something else")
    assert view.groups([one, one, other, one]) == [[one, one], [other], [one]]
