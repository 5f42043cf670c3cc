"""Explanation: frozen, honest round trips, views that change nothing."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from explanations import example, field_values, make
from heedful.errors import InputError, SettingError
from heedful.explanation import Comparison, Explanation
from heedful.explanation.checks import OPTIONAL


@settings(deadline=None)
@given(field_values())
def test_json_round_trip_is_exact(values: dict[str, Any]) -> None:
    explanation = Explanation(**values)
    again = Explanation.from_json(explanation.to_json())
    assert again == explanation
    assert hash(again) == hash(explanation)
    assert np.array_equal(again.scores, explanation.scores, equal_nan=True)
    assert again.to_json() == explanation.to_json()
    assert Explanation.from_json(explanation.to_json(indent=2)) == explanation


def test_json_is_strict_and_keeps_text_readable() -> None:
    text = example(text="good, not bad né 👍", scores=np.array([np.nan, np.inf, 1.0])).to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert "né 👍" in text
    assert "né 👍" in Comparison(explanations=(example(model="né 👍"),)).to_json()


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Explanation)])
def test_nothing_can_be_changed_and_every_field_counts(field: str) -> None:
    explanation = example(predicted=0, predicted_name="negative", probability=0.75, unknown=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(explanation, field, None)
    data = explanation.to_dict()
    del data[field]
    if field in OPTIONAL:
        assert Explanation.from_dict(data) == dataclasses.replace(explanation, **{field: None})
        return
    with pytest.raises(InputError, match=field):
        Explanation.from_dict(data)


def test_what_is_not_known_is_left_out_as_in_files_from_before_there_was_a_field_for_it() -> None:
    before = (
        "format text units spans scores target target_name output prediction base_value method settings signed "
        "additive unit masking std_error error_bound n_forward seconds seed versions model cut details"
    )
    assert list(example().to_dict()) == before.split()


def test_scores_are_the_objects_own() -> None:
    scores, settings_ = np.array([1.0, 2.0, 3.0]), {"n_samples": 10}
    explanation = example(scores=scores, settings=settings_)
    scores[0], settings_["n_samples"] = 9, 99
    assert explanation.scores[0] == 1
    assert explanation.settings == {"n_samples": 10}


COPIES = {
    "built": lambda e: e,
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
    "pickled": lambda e: pickle.loads(pickle.dumps(e)),  # noqa: S301 - our own
    "pickled long ago": lambda e: pickle.loads(pickle.dumps(e, protocol=0)),  # noqa: S301 - our own
    "replaced": dataclasses.replace,
    "read": lambda e: Explanation.from_json(e.to_json()),
}


@pytest.mark.parametrize("name", COPIES)
def test_no_copy_can_be_written_to_and_all_are_equal(name: str) -> None:
    explanation = example(scores=np.array([-0.0, np.nan, 1.0]))
    again = COPIES[name](explanation)
    for array in (again.scores, again.std_error):
        assert array.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9
    assert again == explanation
    assert hash(again) == hash(explanation)
    both = COPIES[name](Comparison(explanations=(explanation,))) if name not in ("read", "replaced") else None
    assert both is None or both == Comparison(explanations=(explanation,))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"scores": np.array([0.0, 1.0, 2.0])}, {"scores": np.array([-0.0, 1.0, 2.0])}),
        ({"settings": {"a": 1, "b": 2}}, {"settings": {"b": 2, "a": 1}}),
        ({"settings": {"a": 1}}, {"settings": {"a": 1.0}}),
        ({"settings": {"a": (1, 2)}}, {"settings": {"a": [1, 2]}}),
        ({"prediction": 0.0}, {"prediction": -0.0}),
        ({"prediction": np.nan}, {"prediction": float("nan")}),
        ({"scores": np.array([np.nan, 1, 2])}, {"scores": np.array([-np.nan, 1, 2])}),
    ],
)
def test_equal_content_is_equal_and_hashes_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert example(**one) == example(**other)
    assert hash(example(**one)) == hash(example(**other))
    assert len({example(**one), example(**other)}) == 1


def test_equal_only_if_every_field_is() -> None:
    assert example() == example()
    assert example() != example(scores=np.array([1.0, -3.0, 2.0]))
    assert example() != example(seed=1)
    assert example() != "good, not bad"


def test_iterates_over_units_with_their_scores() -> None:
    assert list(example()) == [("good", 1.0), ("not", -3.0), ("bad", 3.0)]
    assert dict(example())["bad"] == 3
    assert list(make("", [], scores=[])) == []


def test_a_list_of_them_prints_short() -> None:
    assert repr(example()) == "<Explanation of 'positive' by lime: 'not' -3, 'bad' +3, 'good' +1>"
    assert repr(make("", [], scores=[], signed=False)) == "<Explanation of 'positive' by lime: no units>"
    long = make("x" * 10_000 + " so", target_name="y" * 500, method="z" * 500, signed=False)
    assert len(repr(long)) < 200
    assert repr(make("a b c d e", scores=[1, 2, 3, 4, 5], signed=False)).endswith("'e' 5, 'd' 4, 'c' 3, ...>")
    assert "\x1b" not in repr(example(target_name="\x1b[2J", method="\x1b[2J", units=("\x1b[2J", "a", "b")))
    assert repr(Comparison(explanations=(example(), example(method="random")))) == (
        "<Comparison of 'positive' by lime, random>"
    )


def test_top_sorts_by_size_and_keeps_the_texts_order_in_ties() -> None:
    assert example().top(2) == [("not", -3.0), ("bad", 3.0)]
    assert len(example().top(99)) == 3
    with pytest.raises(SettingError):
        example().top(0)


def test_parts_must_belong_together() -> None:
    for change in ({"scores": np.zeros(2)}, {"spans": (((0, 4),),)}, {"units": ("good",)}):
        with pytest.raises(InputError, match="differ in length"):
            example(**({"std_error": None} | change))


def test_a_misused_view_says_what_it_wants() -> None:
    """Without the shape checks of the tests, which would say so themselves."""
    code = """
import sys; sys.path.insert(0, {tests!r})
from dataclasses import replace
from explanations import example
from heedful.explanation import Comparison, Explanation
both = Comparison(explanations=(example(), example(method="random")))
for misuse in (
    lambda: example().top(None), lambda: example().top(1.5), lambda: example().save(None), lambda: example().save(5),
    lambda: both.save(b"x.json"), lambda: both.agreement(None), lambda: both.agreement("kendall", signed="yes"),
    lambda: Explanation.from_json(None), lambda: Comparison.from_json(5), lambda: Explanation.load(None),
    lambda: Explanation.from_dict(None), lambda: Comparison.load(()), lambda: replace(example(), spans=(5, 5, 5)),
    lambda: replace(example(), scores=[[1.0], [2.0], [3.0]]), lambda: example(std_error=[0.5]),
):
    try:
        misuse()
    except ValueError as error:
        assert type(error).__module__ == "heedful.errors", error
        assert "\\n" not in str(error)
    else:
        raise AssertionError("taken")
"""
    tests = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code.format(tests=tests)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_frame_has_a_row_a_unit() -> None:
    pytest.importorskip("pandas", reason="pandas is in the extra 'frame'")
    frame = example().to_frame()
    assert frame["unit"].tolist() == ["good", "not", "bad"]
    assert frame["score"].tolist() == [1, -3, 3]
    assert frame["std_error"].tolist() == [0.1, 0.2, 0.3]


def test_frame_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install 'heedful\[frame\]'"):
        example().to_frame()


class TestToShap:
    """shap comes with the first test that needs it: it takes seconds to load."""

    def test_holds_the_same_numbers(self) -> None:
        mine = example()
        theirs = mine.to_shap()
        assert np.array_equal(theirs.values, mine.scores)
        assert np.array_equal(theirs.error_std, mine.std_error)
        assert theirs.base_values == mine.base_value
        assert list(theirs.feature_names) == list(mine.units)
        assert theirs.output_names == mine.target_name
        theirs.values[0] = 9.0
        assert mine.scores[0] == 1
        assert example(base_value=None, std_error=None).to_shap().base_values == 0.0

    def test_data_are_the_text_where_units_follow_each_other(self) -> None:
        text = "  Good, not bad!"
        spans = (((2, 6),), ((8, 11),), ((12, 15),))
        pieces = example(text=text, units=("Good", "not", "bad"), spans=spans).to_shap().data.tolist()
        assert pieces == ["  Good, ", "not ", "bad!"]
        assert "".join(pieces) == text

    @pytest.mark.parametrize(
        "spans",
        [
            (((0, 4), (16, 20)), ((6, 9),), ((10, 13),)),  # a word type that occurs twice
            (((6, 9),), ((0, 4),), ((10, 13),)),
        ],
    )
    def test_data_are_the_units_where_they_do_not(self, spans: tuple) -> None:
        theirs = example(text="good, not bad - good", spans=spans).to_shap()
        assert theirs.data.tolist() == ["good ", "not ", "bad "]

    def test_their_text_plot_shows_it(self) -> None:
        import shap

        page = shap.plots.text(example().to_shap(), display=False)
        assert all(unit in page for unit in ("good, ", "not ", "bad"))
        assert "-3.0" in page
        assert example().target_name in page
        many = shap.plots.text(example(units=("a<b", "x", "y")).to_shap(), num_starting_labels=3, display=False)
        assert "<b" not in many.replace("<br", "").replace("<body", "")

    def test_without_shap_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "shap", None)
        with pytest.raises(InputError, match=r"to_shap\(\) needs shap: pip install 'heedful\[oracles\]'"):
            example().to_shap()

    def test_without_units_there_is_nothing_to_hand_over(self) -> None:
        with pytest.raises(InputError, match="no unit"):
            make("", [], scores=[]).to_shap()


def test_import_and_help_load_no_torch() -> None:
    code = "import sys, heedful, heedful.cli; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_optional_libraries_are_not_needed() -> None:
    optional = "pandas datasets lime captum sklearn shap shapiq matplotlib"
    block = f"import sys; sys.modules |= dict.fromkeys('{optional}'.split())\n"
    names = "[getattr(heedful, n) for n in heedful.__all__]"
    code = f"{block}import heedful; {names}; import heedful.cli, heedful.models.builtin"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
