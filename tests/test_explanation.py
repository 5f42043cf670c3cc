"""Explanation and Comparison: frozen, honest round trips, views that change nothing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heedful.errors import InputError, SettingError
from heedful.explanation import Comparison, Explanation

REAL = st.floats(allow_nan=True, allow_infinity=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def field_values(draw: st.DrawFn) -> dict[str, Any]:
    # Built into an Explanation outside the strategy: the shape checks sample container items at random.
    n = draw(st.integers(0, 4))
    spans = tuple(tuple((i, i + 1) for i in range(draw(st.integers(1, 2)))) for _ in range(n))
    return dict(
        text=draw(TEXT),
        units=tuple(draw(TEXT) for _ in range(n)),
        spans=spans,
        scores=np.array([draw(REAL) for _ in range(n)]),
        target=draw(st.integers(0, 5)),
        target_name=draw(TEXT),
        output="logit",
        prediction=draw(REAL),
        base_value=draw(st.none() | REAL),
        method="lime",
        settings=draw(st.dictionaries(TEXT, st.none() | st.integers() | st.booleans() | TEXT, max_size=3)),
        signed=draw(st.booleans()),
        additive=draw(st.booleans()),
        unit="word",
        masking=draw(st.none() | st.just("unk")),
        std_error=draw(st.none() | st.just(np.full(n, np.nan)) | st.just(np.arange(float(n)))),
        error_bound=draw(st.none() | REAL),
        n_forward=draw(st.integers(0, 10)),
        seconds=draw(st.floats(0, 10)),
        seed=draw(st.none() | st.integers(0, 2**63)),
        versions={"heedful": "0"},
        model=draw(TEXT),
        cut=((0, 1),) if draw(st.booleans()) else (),
        details=draw(st.dictionaries(TEXT, REAL, max_size=2)),
    )


def example(**changes: object) -> Explanation:
    base = Explanation(
        text="good, not bad",
        units=("good", "not", "bad"),
        spans=(((0, 4),), ((6, 9),), ((10, 13),)),
        scores=np.array([1.0, -3.0, 3.0]),
        target=1,
        target_name="positive",
        output="logit",
        prediction=1.5,
        base_value=0.5,
        method="lime",
        settings={"n_samples": 10},
        signed=True,
        additive=False,
        unit="word_type",
        masking="unk",
        std_error=np.array([0.1, 0.2, 0.3]),
        error_bound=None,
        n_forward=1,
        seconds=0.1,
        seed=0,
        versions={"heedful": "0"},
        model="m",
    )
    return dataclasses.replace(base, **changes)


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


@settings(deadline=None)
@given(field_values(), field_values())
def test_comparison_round_trip(values: dict[str, Any], other: dict[str, Any]) -> None:
    first = Explanation(**values)
    shared = {name: getattr(first, name) for name in ("text", "units", "spans", "target", "output", "model")}
    second = Explanation(**(other | shared | {"scores": first.scores, "std_error": None}))
    comparison = Comparison(explanations=(first, second))
    assert Comparison.from_json(comparison.to_json()) == comparison


def test_json_is_strict_and_keeps_text_readable() -> None:
    text = example(text="né 👍", scores=np.array([np.nan, np.inf, 1.0])).to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert "né 👍" in text
    assert "né 👍" in Comparison(explanations=(example(text="né 👍"),)).to_json()


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Explanation)])
def test_nothing_can_be_changed_and_every_field_counts(field: str) -> None:
    explanation = example()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(explanation, field, None)
    data = explanation.to_dict()
    del data[field]
    with pytest.raises(InputError, match=field):
        Explanation.from_dict(data)


def test_scores_are_the_objects_own() -> None:
    scores = np.array([1.0, 2.0, 3.0])
    explanation = example(scores=scores)
    scores[0] = 9
    assert explanation.scores[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        explanation.scores[0] = 9


@pytest.mark.parametrize("change", [{"format": "heedful.explanation/2"}, {"colour": "red"}])
def test_other_formats_and_unknown_fields_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(InputError, match="not an explanation of format"):
        Explanation.from_dict(example().to_dict() | change)


@pytest.mark.parametrize("parts", [5, "ab", [], [5], ["ab"], [[]], None, {"a": 1}])
def test_comparisons_of_something_else_are_refused(parts: object) -> None:
    with pytest.raises(InputError):
        Comparison.from_json(json.dumps({"explanations": parts}))


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


def test_equal_only_if_every_field_is() -> None:
    assert example() == example()
    assert example() != example(scores=np.array([1.0, -3.0, 2.0]))
    assert example() != example(seed=1)
    assert example() != "good, not bad"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', "null", "not json", "5", '"ab"', "[5]"])
def test_other_json_is_refused_in_one_line(text: str) -> None:
    for kind in (Explanation, Comparison):
        with pytest.raises(InputError) as error:
            kind.from_json(text)
        assert "\n" not in str(error.value)


def test_top_sorts_by_size_and_keeps_the_texts_order_in_ties() -> None:
    assert example().top(2) == [("not", -3.0), ("bad", 3.0)]
    assert len(example().top(99)) == 3
    with pytest.raises(SettingError):
        example().top(0)


def test_lengths_must_agree() -> None:
    for change in ({"scores": np.zeros(2)}, {"spans": (((0, 4),),)}, {"units": ("good",)}):
        with pytest.raises(InputError, match="differ in length"):
            example(std_error=None, **change)


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


@pytest.mark.parametrize("suffix", [".json", ".html"])
def test_save_writes_whole_files(tmp_path, suffix: str) -> None:
    path, explanation = tmp_path / f"result{suffix}", example(target_name="né 👍")
    path.write_text("old", "utf-8")
    with path.open() as reader:
        assert explanation.save(path) == path
        assert reader.read() == "old"  # who has the old file open keeps it
    assert Comparison(explanations=(example(),)).save(tmp_path / f"two{suffix}").stat().st_size
    assert len(list(tmp_path.iterdir())) == 2
    content = path.read_text("utf-8")
    assert "né 👍" in content
    if suffix == ".json":
        assert content.endswith("\n}\n")
        assert Explanation.from_json(content) == explanation


def test_save_refuses_what_it_cannot_write(tmp_path) -> None:
    with pytest.raises(SettingError, match=r"\.json or \.html"):
        example().save(tmp_path / "result.pkl")
    with pytest.raises(InputError, match="cannot write"):
        example().save(tmp_path / "missing" / "result.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    for name in ("folder.json", "file/x.html", "x" * 300 + ".html", "a\0.html"):
        with pytest.raises(InputError, match="cannot write"):
            example().save(tmp_path / name)
    with pytest.raises(InputError, match=r"cannot write .*x\.json: .*surrogates not allowed"):
        example(model="\ud800").save(tmp_path / "x.json")
    assert {path.name for path in tmp_path.iterdir()} == {"folder.json", "file"}


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


def test_comparison_finds_by_method() -> None:
    comparison = Comparison(explanations=(example(), example(method="random")))
    assert comparison["random"].method == "random"
    assert [e.method for e in comparison] == ["lime", "random"]
    with pytest.raises(KeyError, match="lime, random"):
        comparison["shap"]


def test_comparison_agrees_by_the_measure_asked_for() -> None:
    comparison = Comparison(explanations=(example(), example(method="random", scores=np.array([3.0, -1.0, 2.0]))))
    default, kendall, spearman = (comparison.agreement(*m)[0, 1] for m in ([], ["kendall"], ["spearman"]))
    assert default == kendall != spearman


def test_notebooks_show_fragments_with_every_method() -> None:
    comparison = Comparison(explanations=(example(), example(method="random")))
    assert "<html" not in example()._repr_html_() + comparison._repr_html_()
    assert all(e.method in comparison._repr_html_() for e in comparison)


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
