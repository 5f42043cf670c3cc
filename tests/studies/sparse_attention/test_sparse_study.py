"""The whole study, very small: its tables, verdicts and report; known answers for what it sums up."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from heedful.data import Dataset
from heedful.errors import DataError
from heedful.runs.tables import Tables
from heedful.studies import find
from heedful.studies.sparse_attention import hypotheses, settings, summary
from heedful.studies.sparse_attention.cells import IMPORTANCES, measured, sample
from heedful.studies.sparse_attention.figures import FIGURES
from heedful.studies.sparse_attention.looking import Look, Pool
from heedful.studies.sparse_attention.recipe import CONTROL
from heedful.studies.sparse_attention.summary import MEANS, contrasts, of_texts, slopes
from heedful.studies.study import Study


def tiny() -> Study:
    """The quick study with next to nothing of everything: three classifiers, two of them the control."""
    study = find("sparse-attention")
    every = settings.recipes(
        (settings.PLANTED,), (1.0, 2.0), 1, hidden_size=6, state_size=6, max_tokens=20, min_frequency=1, epochs=1,
        batch_size=8, learning_rate=3e-2,
    )  # fmt: skip
    left_out = {("bilstm", "dot"), ("self-attention", "additive")}
    some = [one for one in every if (one.encoder, one.scorer) not in left_out]
    quick = replace(
        study.quick, recipes=tuple(some), training_texts=100, test_texts=40, texts=5, shapley_texts=3, n_permutations=4
    )
    return replace(study, quick=quick)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study") / "one"
    tiny().run(out, quick=True, processes=1)
    return out


def test_every_classifier_has_its_rows_and_the_control_its_shapley_values(folder: Path) -> None:
    tables = Tables(folder / "tables")
    for recipe in tiny().quick.recipes:
        rows = tables.rows(recipe.name)
        assert [row["text"] for row in rows] == sorted({row["text"] for row in rows})
        assert 3 <= len(rows) <= 5
        known = [not math.isnan(row["shapley_error"]) for row in rows]
        assert sum(known) == (3 if recipe.encoder in CONTROL else 0)
        if recipe.alpha == 1:
            assert all(row["support"] == row["n_words"] for row in rows)
            assert all(row["input"] == row["input_support"] for row in rows)
            assert recipe.encoder not in CONTROL or {row["shapley_error"] for row in rows[:3]} == {0.0}
    summed = tables.rows("classifiers.summary")
    assert len(summed) == len(tiny().quick.recipes)
    assert {row["trainings"] for row in summed} == {1}
    sparse = [row for one in tiny().quick.recipes if one.alpha == 2 for row in tables.rows(one.name)]
    assert any(row["support"] < row["n_words"] for row in sparse)


def test_the_report_has_the_verdicts_figures_and_numbers_of_the_tables(folder: Path) -> None:
    markdown, html = (folder / "report.md").read_text("utf-8"), (folder / "report.html").read_text("utf-8")
    tables = Tables(folder / "tables")
    for name in FIGURES:
        assert f"](figures/{name}.svg)" in markdown
        assert (folder / "figures" / f"{name}.png").is_file()
    assert html.count("<svg") == len(FIGURES)
    verdicts = {row["hypothesis"]: row["verdict"] for row in tables.rows("hypotheses.summary")}
    assert list(verdicts) == ["H1", "H2", "H3", "H4"]
    for name, verdict in verdicts.items():
        assert re.search(rf"^\| {name} \| .* \| {verdict} \|$", markdown, flags=re.MULTILINE)
    for row in tables.rows("claims.summary"):
        assert row["statement"] in markdown
    for row in tables.rows("classifiers.summary"):
        assert f"{100 * row['accuracy']:.1f} % ({100 * row['accuracy_least']:.1f} %" in markdown
    assert "quick run, on planted reviews" in markdown
    assert str(folder.parent) not in markdown + html + (folder / "run.json").read_text("utf-8")


def test_called_again_it_does_nothing_and_a_lost_table_alone_is_made_again(folder: Path) -> None:
    first, *_ = tiny().quick.recipes
    path = folder / "tables" / f"{first.name}.parquet"
    before = path.read_bytes()
    times = {file.name: file.stat().st_mtime_ns for file in (folder / "tables").glob("*.parquet")}
    trained = (folder / "models" / first.name / "metrics.json").stat().st_mtime_ns
    path.unlink()
    tiny().run(folder, quick=True, processes=1)
    assert (folder / "models" / first.name / "metrics.json").stat().st_mtime_ns == trained
    assert path.read_bytes() == before
    changed = {
        path.name for path in (folder / "tables").glob("*.parquet") if path.stat().st_mtime_ns != times[path.name]
    }
    assert changed == {path.name}


def test_no_number_of_the_report_is_typed() -> None:
    template = (Path(settings.__file__).parent / "templates" / "report.md.j2").read_text("utf-8")
    prose = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", template, flags=re.DOTALL)
    assert set(re.findall(r"(?<![H\w])\d+(?:\.\d+)?", prose)) == {"0", "1"}  # a weight above 0, weights of sum 1


def test_thresholds_are_fixed_in_the_settings_of_the_full_run() -> None:
    bounds = {
        (one.name, claim.figure, claim.least, claim.most) for one in settings.FULL.hypotheses for claim in one.claims
    }
    assert bounds == {
        ("H1", "input_state", 0.9, math.inf), ("H1", "input_state", -math.inf, 0.6),
        ("H2", "input_slope", -math.inf, 0.0), ("H3", "support_ratio", -math.inf, 0.5),
        ("H3", "entropy_change", -0.1, 0.1), ("H4", "list_gap", 0.2, math.inf),
    }  # fmt: skip
    assert {one.data for one in settings.FULL.recipes} == {"SST-2", "IMDb", "planted"}
    assert len(settings.FULL.recipes) == 3 * 3 * 6 * 5
    assert len({one.name for one in settings.FULL.recipes}) == len(settings.FULL.recipes)


def cells(alphas: tuple[float, ...] = (1.0, 1.5, 2.0), n: int = 12) -> list[pa.Table]:
    """Two classifiers of two trainings, in which tau falls by 0.2 as alpha rises by 1, and support to a third."""
    rng = np.random.default_rng(0)
    base, noise = rng.normal(0.5, 0.05, n), rng.normal(0, 0.01, n)
    tables = []
    for scorer, lift in (("dot", 0.1), ("additive", -0.1)):
        for alpha in alphas:
            for nth in (0, 1):
                tau = base + lift - 0.2 * (alpha - 1) + (1 - 2 * nth) * noise  # trainings differ, their mean does not
                row = {name: np.full(n, 0.5) for name in MEANS} | {
                    "input": tau, "state": tau, "left_out": tau, "input_state": base - 0.1, "input_support": tau + 0.3,
                    "support": np.full(n, 30 if alpha == 1 else 20 if alpha < 2 else 10), "n_words": np.full(n, 30),
                    "input_entropy": np.linspace(0.8, 0.9, n) * (1 - 0.05 * (alpha - 1)),
                }  # fmt: skip
                same = {"data": "made", "encoder": "bilstm", "scorer": scorer, "alpha": alpha, "nth": nth}
                same |= {"accuracy": 0.8 + 0.03 * (alpha == 2) + 0.01 * nth, "n_test": 100}
                tables.append(
                    pa.table({**{name: [value] * n for name, value in same.items()}, "text": np.arange(n), **row})
                )
    return tables


def test_contrasts_by_hand() -> None:
    rows = contrasts(cells(), matched=0.02).to_pylist()
    assert [(row["encoder"], row["scorer"]) for row in rows] == [
        ("mixing", "all"), ("bilstm", "all"), ("bilstm", "dot"), ("bilstm", "additive")
    ]  # fmt: skip
    for row in rows:
        for name in ("input_slope", "state_slope", "left_out_slope"):
            assert row[name] == pytest.approx(-0.2)
        assert row["support_ratio"] == pytest.approx(1 / 3)
        assert row["entropy_change"] == pytest.approx(-0.05)
        assert row["list_gap"] == pytest.approx(0.3)
        assert row["gap"] == pytest.approx(0.03)
        assert row["matched"] is False
    rng = np.random.default_rng(0)
    assert rows[0]["input_state"] == pytest.approx(rng.normal(0.5, 0.05, 12).mean() - 0.1)
    assert rows[0]["texts"] == rows[0]["input_state_n"] == 12  # two trainings and scorers of a text are one observation


def test_classifiers_are_summed_over_trainings() -> None:
    first, *_ = summary.by_classifier(cells()).to_pylist()
    assert (first["trainings"], first["texts"], first["input_n"]) == (2, 12, 12)
    assert (first["accuracy_least"], first["accuracy_most"]) == (0.8, 0.81)
    assert first["accuracy"] == pytest.approx(0.805)
    assert first["input_least"] < first["input"] < first["input_most"]
    assert first["tau_limit"] == 1  # at alpha 1 no word is at 0


def test_a_text_is_averaged_over_the_rows_where_it_is_defined() -> None:
    columns = {"text": np.array([4, 7, 4, 7]), "x": np.array([1.0, math.nan, 3.0, math.nan])}
    np.testing.assert_array_equal(of_texts(columns, "x"), [2.0, math.nan])


def test_slopes_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    alphas, values = np.array([1.0, 1.25, 1.5, 2.0]), rng.normal(size=(4, 3))
    np.testing.assert_allclose(slopes(alphas, values), np.polyfit(alphas, values, 1)[0])


@pytest.mark.parametrize(
    ("verdicts", "any_", "all_"),
    [
        (("confirmed", "confirmed"), "confirmed", "confirmed"),
        (("confirmed", "refuted"), "refuted", "not settled"),
        (("refuted", "refuted"), "refuted", "refuted"),
        (("not settled", "refuted"), "refuted", "not settled"),
    ],
)
def test_a_hypothesis_is_refuted_by_any_claim_or_by_all(verdicts: tuple[str, ...], any_: str, all_: str) -> None:
    assert hypotheses.together(verdicts) == any_
    assert hypotheses.together(verdicts, refuted_by_all=True) == all_


def test_attention_is_compared_over_all_words_and_over_its_support() -> None:
    weights = np.array([0.6, 0.4, 0.0, 0.0])
    pool = Pool(np.array([1.0, 0.8, -9.0, -9.0]), np.zeros((4, 2)), np.array([0.0, 1.0]), 2.0)
    importance = np.array([2.0, 1.0, 5.0, 4.0])
    seen = Look(pool, np.ones(4, dtype=bool), np.array([0.0, 1.0]), importance, importance[::-1], importance)
    np.testing.assert_allclose(seen.attention, weights)
    row = measured(seen, np.array([-3.0, 1.0, 0.0, 0.0]))
    assert (row["n_words"], row["support"], row["on_words"]) == (4, 2, pytest.approx(1.0))
    assert row["input_support"] == 1.0
    # of six pairs the two at 0 are tied in attention; one agrees and four do not: (1 - 4) / sqrt(5 * 6)
    assert row["input"] == pytest.approx(-3 / math.sqrt(30))
    assert row["shapley_support"] == -1.0
    assert row["shapley_size"] == pytest.approx(1.0)
    assert row["input_state"] == pytest.approx(-1.0)
    assert math.isnan(measured(seen, None)["shapley"])
    assert set(IMPORTANCES) | {f"{name}_support" for name in IMPORTANCES} <= set(row)


def test_the_same_texts_are_drawn_for_every_classifier_short_ones_left_out() -> None:
    texts = ("too short", *(f"text number {i} here" for i in range(9)))
    data = Dataset(texts, np.zeros(10, dtype=np.int64), ("no", "yes"), "made")
    assert sample(data, 4, 0) == sample(data, 4, 0)
    assert sample(data, 99, 0) == list(range(1, 10))
    with pytest.raises(DataError, match="no test text has 3 words"):
        sample(data.subset([0]), 4, 0)


def test_without_data_the_message_says_which_files_and_that_quick_does_without(tmp_path: Path) -> None:
    study = find("sparse-attention")
    with pytest.raises(DataError, match=r"sst2/train_sentences\.parquet.*imdb/test\.parquet.*--quick") as error:
        study.run(tmp_path / "out")
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=r"sst2/train_sentences\.parquet.*--quick runs without"):
        study.run(tmp_path / "out", tmp_path)
    with pytest.raises(DataError, match="give --data or --quick"):
        study.run(tmp_path / "out", tmp_path, quick=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.data
def test_the_public_data_is_cut_to_the_settings(data_folder: Path) -> None:
    texts = settings.data(settings.FULL, data_folder, 0)
    assert {name: (len(one.train), len(one.test)) for name, one in texts.items()} == {
        "SST-2": (6920, 1821), "planted": (8000, 2000), "IMDb": (8000, 2000),
    }  # fmt: skip
    assert all(0.45 < part.labels.mean() < 0.55 for one in texts.values() for part in (one.train, one.test))


def test_summaries_are_json(folder: Path) -> None:
    for path in (folder / "tables").glob("*.summary.json"):
        assert json.loads(path.read_text("utf-8"))
