"""Explanations that somebody else wrote: read and shown, or refused in one line; never a fault later."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import heedful
from explanations import example
from heedful.errors import InputError
from heedful.explanation import Comparison, Explanation
from heedful.render.terminal import print_comparison, print_explanation

PATIENT = example(
    predicted=0,
    predicted_name="negative",
    probability=0.75,
    unknown=1,
    cut=((9, 13),),
    details={"r2": 0.5},
    settings={
        "n_samples": 10, "windows": 3, "window_size": 8, "stride": 4, "combine": "mean", "second_text_from": 6,
        "nested": {"a": [1, None, "x"]},
    },
).to_dict()  # fmt: skip


def shown_everywhere(explanation: Explanation) -> None:
    """Show it in every way there is; a fault is one of ours."""
    other = dataclasses.replace(explanation, method="attention-mean", signed=False)
    both = Comparison(explanations=(explanation, other))
    for result, show in ((explanation, print_explanation), (both, print_comparison)):
        result.to_html()
        result._repr_html_()
        repr(result)
        hash(result)
        for colours in (None, "truecolor"):
            console = Console(file=io.StringIO(), width=70, force_terminal=colours is not None, color_system=colours)
            show(result, console)
    explanation.top()
    assert Explanation.from_json(explanation.to_json()) == explanation
    both.agreement()


# Leaves and branches that go in place of others: all kinds JSON has, at their limits.
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 20),
    st.sampled_from([10**400, -(2**63), 1e308, -0.0, "nan", "inf", "", "\x00\x1b[2J\u202e", "\ud800", "x" * 300]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.integers(-2, 14), max_size=3),
    st.lists(st.lists(st.integers(-2, 14), max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.lists(st.floats(allow_nan=False), min_size=3, max_size=3),
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The JSON of an explanation with one to three of its parts exchanged, dropped, doubled or added."""
    data = json.loads(json.dumps(PATIENT))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = data
        while isinstance(place, (dict, list)) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], (dict, list)) or not place[key] or draw(st.booleans()):
                break
            place = place[key]
        else:
            continue
        what = draw(st.sampled_from(["exchange", "exchange", "drop", "add"]))
        if what == "exchange":
            place[key] = draw(ODD)
        elif what == "drop":
            del place[key]
        elif isinstance(place, dict):
            place[draw(st.text(max_size=3))] = draw(ODD)
        else:
            place.append(draw(st.sampled_from(place)))
    return data


@settings(deadline=None, max_examples=150)
@given(mutated())
def test_whatever_is_changed_it_is_refused_or_shown_everywhere(data: dict[str, Any]) -> None:
    try:
        explanation = Explanation.from_json(json.dumps(data))
    except InputError as error:
        message = str(error)
    else:
        message = ""
        shown_everywhere(explanation)
    assert "\n" not in message
    assert len(message) < 500


def test_the_patient_is_in_good_health() -> None:
    shown_everywhere(Explanation.from_dict(PATIENT))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"std_error": [0.1]}, "scores and std_error differ in length: 3, 1"),
        ({"std_error": []}, "differ in length"),
        ({"settings": {"windows": 3}}, "settings: windows"),
        ({"settings": {"windows": 3, "window_size": "a", "stride": 1, "combine": "mean"}}, "window_size"),
        ({"settings": {"windows": 3, "window_size": 8, "stride": 1, "combine": None}}, "combine"),
        ({"settings": {"second_text_from": "0"}}, "second_text_from"),
        ({"settings": {"second_text_from": 99}}, "second_text_from"),
        ({"spans": [[], [[6, 9]], [[10, 13]]]}, "every unit needs a place"),
        ({"spans": [[[0, 99]], [[6, 9]], [[10, 13]]]}, "no place in a text of 13 characters"),
        ({"spans": [[[4, 0]], [[6, 9]], [[10, 13]]]}, "no place"),
        ({"spans": [[[-4, 0]], [[6, 9]], [[10, 13]]]}, "check spans"),
        ({"cut": [[13, 14]]}, "no place"),
        ({"target": True}, "check target"),
        ({"target": -1}, "check target"),
        ({"target": 10**400}, "check target"),
        ({"prediction": "1.5"}, "check prediction"),
        ({"prediction": 10**400}, "check prediction"),
        ({"scores": [1, 2, None]}, "check scores"),
        ({"scores": [1, True, 2]}, "check scores"),
        ({"scores": [[1], [2], [3]]}, "check scores"),
        ({"versions": {"numpy": 2}}, "check versions"),
        ({"details": {"r2": "high"}}, "check details"),
        ({"explanations": []}, "a comparison"),
    ],
)
def test_what_would_be_a_fault_later_is_refused_on_reading(change: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Explanation.from_dict(example().to_dict() | change)


def nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 200_000,
        "9" * 5_000,
        json.dumps({"explanations": []}) + "9",
        b"\xff\xfe\x00",
        b"\x80",
        json.dumps(example().to_dict() | {"settings": {"deep": nested(500)}}),
        json.dumps(example().to_dict()).replace("1.5", "9" * 5_000),
    ],
    ids=["lists", "objects", "digits", "behind", "half", "bytes", "settings", "a number"],
)
@pytest.mark.parametrize("kind", [Explanation, Comparison])
def test_text_that_overflows_is_refused(kind: type, text: str | bytes) -> None:
    with pytest.raises(InputError) as error:
        kind.from_json(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_what_plain_json_cannot_hold_is_refused() -> None:
    for value in (object(), {1: 2}, {"a": object()}, np.zeros(2), nested(500), {"a": 1j}):
        with pytest.raises(InputError, match="check settings"):
            Explanation.from_dict(example().to_dict() | {"settings": {"a": value}})


def test_the_names_in_an_error_are_short_and_act_on_nothing() -> None:
    data = example().to_dict() | {"\x1b[2J" + "x" * 9_999: 1} | {f"field {i}": 1 for i in range(99)}
    with pytest.raises(InputError) as error:
        Explanation.from_dict(data)
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 500


WRONG: dict[str, object] = {f.name: [5] for f in dataclasses.fields(Explanation)} | {
    "settings": [["n_samples", 10]], "details": "ab", "scores": "ab", "std_error": 1.0, "units": "abc",
    "spans": [1, 2, 3], "cut": [[1.5, 2]], "target": "1",
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [*WRONG.items(), ("spans", [[[0]], [[6]], [[10]]]), ("scores", "123")])
def test_fields_of_another_type_are_refused(field: str, value: object) -> None:
    data = example().to_dict() | {field: value}
    for read in (
        lambda: Explanation.from_dict(data),
        lambda: Explanation.from_json(json.dumps(data)),
        lambda: Comparison.from_json(json.dumps({"explanations": [data]})),
    ):
        with pytest.raises(InputError, match=f": check {field}$"):
            read()


@pytest.mark.parametrize("change", [{"format": "heedful.explanation/2"}, {"colour": "red"}])
def test_other_formats_and_unknown_fields_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(InputError, match="not an explanation of format"):
        Explanation.from_dict(example().to_dict() | change)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', "null", "not json", "5", '"ab"', "[5]"])
def test_other_json_is_refused_in_one_line(text: str) -> None:
    for kind in (Explanation, Comparison):
        with pytest.raises(InputError) as error:
            kind.from_json(text)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["text", "target_name", "method", "model", "units"])
def test_half_a_character_is_refused_on_reading(name):
    data = heedful.explain(heedful.load("demo"), "a good film", "occlusion").to_dict()
    data[name] = ["a", "\ud800", "film"] if name == "units" else "\ud800"
    with pytest.raises(InputError, match=f"check {name}"):
        heedful.Explanation.from_dict(data)
