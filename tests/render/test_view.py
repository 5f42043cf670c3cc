import math

import numpy as np
import pytest
from explanations import make
from hypothesis import given
from hypothesis import strategies as st

from heedful.methods import METHODS
from heedful.render import view

SPANS = st.lists(st.lists(st.tuples(st.integers(-2, 14), st.integers(-2, 14)), min_size=1, max_size=3), max_size=5)


@given(st.text(max_size=12), SPANS, st.lists(st.tuples(st.integers(-2, 14), st.integers(-2, 14)), max_size=2))
def test_pieces_are_the_text_and_every_character_knows_its_units(text, spans, cut):
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


def test_paper_names_are_the_aliases_of_the_registry():
    aliases = {m.card.name: m.card.aliases for m in METHODS if "Lopardo" in m.card.source}
    assert {name: names[0] for name, names in aliases.items() if names} == view.PAPER_NAMES


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
    assert not {"second text", "windows"} & set(dict(view.facts([make()])))


def test_ranking_is_by_size_with_undefined_last():
    assert view.ranking(make("a b c d", scores=[1, math.nan, -3, 1])) == [2, 0, 3, 1]


def test_leading_units_have_the_best_mean_rank():
    one, other = make("a b c d", scores=[4, 3, 2, 1]), make("a b c d", scores=[1, -4, 3, 2])  # ranks 0123 and 3012
    assert view.leading([one, other], 2) == [1, 0]  # means 1.5, 0.5, 1.5, 2.5; ties keep the text's order
    assert view.leading([make("", [], scores=np.zeros(0))], 3) == []


def test_groups_are_runs_of_one_prediction():
    one, other = make(), make("something else")
    assert view.groups([one, one, other, one]) == [[one, one], [other], [one]]
