"""Comparison: explanations of one prediction, found by position and by every name they have."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import heedful
from explanations import example, field_values, make
from heedful import methods
from heedful.errors import InputError
from heedful.explanation import Comparison, Explanation


def several(*names: str, **fields: Any) -> Comparison:
    return Comparison(explanations=tuple(example(method=name, **fields) for name in names))


@settings(deadline=None)
@given(field_values(), field_values())
def test_comparison_round_trip(values: dict[str, Any], other: dict[str, Any]) -> None:
    first = Explanation(**values)
    shared = {name: getattr(first, name) for name in ("text", "units", "spans", "target", "output", "model")}
    second = Explanation(**(other | shared | {"scores": first.scores, "std_error": None}))
    comparison = Comparison(explanations=(first, second))
    assert Comparison.from_json(comparison.to_json()) == comparison


@pytest.mark.parametrize("parts", [5, "ab", [], [5], ["ab"], [[]], None, {"a": 1}])
def test_comparisons_of_something_else_are_refused(parts: object) -> None:
    with pytest.raises(InputError):
        Comparison.from_json(json.dumps({"explanations": parts}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "good, nor bad"),
        ("units", ("good", "not", "Bad")),
        ("spans", (((0, 4),), ((6, 9),), ((10, 12),))),
        ("target", 0),
        ("output", "probability"),
        ("model", "n"),
    ],
)
def test_comparison_only_of_the_same_prediction(field: str, value: object) -> None:
    with pytest.raises(InputError, match=f"lime and random do not explain the same: {field}$"):
        Comparison(explanations=(example(), example(method="random", **{field: value})))


def test_comparison_needs_an_explanation() -> None:
    with pytest.raises(InputError, match="at least one"):
        Comparison(explanations=())


def test_found_by_position() -> None:
    comparison = several("lime", "random", "occlusion")
    assert len(comparison) == 3
    assert [e.method for e in comparison] == ["lime", "random", "occlusion"]
    assert comparison[0].method == "lime"
    assert comparison[-1].method == "occlusion"
    with pytest.raises(IndexError):
        comparison[3]


@pytest.mark.parametrize("card", [m.card for m in methods.METHODS], ids=lambda card: card.name)
def test_found_by_every_name_there_is(card: methods.Card) -> None:
    comparison = several("no-method", card.name)
    for name in (card.name, *card.aliases, card.name.upper(), *(alias.lower() for alias in card.aliases)):
        assert comparison[name] is comparison[1]


def test_found_by_settings_and_by_label() -> None:
    few, many = (example(settings={"n_samples": n, "ridge": 1.0, "sampler": "fast", "x": None}) for n in (10, 1000))
    comparison = Comparison(explanations=(few, many))
    assert comparison["lime"] is few
    for name in ("lime:n_samples=1000", "LIME:n_samples=1e3,ridge=1,sampler=Fast,x=none", "lime (n_samples=1000)"):
        assert comparison[name] is many
    twice = Comparison(explanations=(few, few))
    assert twice["lime #2"] is twice[1]


@pytest.mark.parametrize("name", ["shap", "", "lime:n_samples=11", "lime:n=10", "alpha-max", "attention", ":"])
def test_what_is_not_there_is_a_key_error_that_names_what_is(name: str) -> None:
    with pytest.raises(KeyError, match="there are: lime, random"):
        several("lime", "random")[name]


def test_the_names_of_the_readme(classifier: heedful.Classifier) -> None:
    comparison = heedful.compare(classifier, "the plot was good", ["alpha-avg", "lime:n_samples=50", "occlusion"])
    assert comparison["alpha-avg"].method == "attention-mean"
    assert comparison["lime:n_samples=50"].method == "lime"


def test_comparison_agrees_by_the_measure_asked_for() -> None:
    comparison = Comparison(explanations=(example(), example(method="random", scores=np.array([3.0, -1.0, 2.0]))))
    default, kendall, spearman = (comparison.agreement(*m)[0, 1] for m in ([], ["kendall"], ["spearman"]))
    assert default == kendall != spearman


def test_agreement_with_signs_and_without() -> None:
    weights = make("a b c", scores=[3, 2, 1], method="attention-mean", signed=False)
    comparison = Comparison(explanations=(weights, make("a b c", scores=[-3, 2, -1])))
    assert comparison.agreement()[0, 1] == comparison.agreement(signed=False)[0, 1] == 1
    assert comparison.agreement(signed=True)[0, 1] == pytest.approx(-1 / 3)


def test_frame_has_a_column_a_method() -> None:
    pytest.importorskip("pandas", reason="pandas is in the extra 'frame'")
    frame = several("lime", "unit", "lime").to_frame()
    assert list(frame.columns) == ["unit", "spans", "lime #1", "unit", "lime #3"]
    assert frame.iloc[:, 0].tolist() == ["good", "not", "bad"]
    assert frame["lime #3"].tolist() == frame.iloc[:, 3].tolist() == [1, -3, 3]


def test_notebooks_show_fragments_with_every_method() -> None:
    comparison = Comparison(explanations=(example(), example(method="random")))
    assert "<html" not in example()._repr_html_() + comparison._repr_html_()
    assert all(e.method in comparison._repr_html_() for e in comparison)
