"""The study of remedies from data to headline: choice of settings, corpora, hypotheses, and a run that is killed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import heedful
from heedful.data import Dataset
from heedful.errors import DataError
from heedful.runs.imports import Sources
from heedful.runs.record import Record
from heedful.runs.tables import Tables
from heedful.studies import explained as explaining
from heedful.studies import find
from heedful.studies.explained import explained, explanations
from heedful.studies.measuring import table
from heedful.studies.remedies import choosing, hypotheses, sections, settings, summary, tasks
from heedful.studies.remedies.columns import COLUMNS
from heedful.studies.remedies.hypotheses import Bounds
from heedful.studies.remedies.loop import Fit
from heedful.studies.remedies.trainings import PLAIN, REMEDIES, SPARSE, Remedy
from heedful.studies.run import Run
from heedful.studies.stage import run_stages

TEXTS = Dataset(("A dull plot.", "Superb acting, superb film."), np.array([0, 1]), ("negative", "positive"), "here")


def test_explanations_of_a_corpus_are_those_of_explain(tmp_path: Path) -> None:
    demo = heedful.load("demo")
    corpus = explained(demo, TEXTS, ["attention-mean", "shapley-exact"], tmp_path / "c" / "one", output="logit")
    for method in ("attention-mean", "shapley-exact"):
        read = explanations(corpus, TEXTS.texts, method, TEXTS.label_names)
        for one, text in zip(read, TEXTS.texts, strict=True):
            expected = heedful.explain(demo, text, method)
            assert np.array_equal(one.scores, expected.scores)
            names = ("units", "spans", "target", "target_name", "output", "signed", "unit", "cut", "method")
            assert [getattr(one, name) for name in names] == [getattr(expected, name) for name in names]
            assert one.prediction == pytest.approx(expected.prediction)
    with pytest.raises(DataError, match="no explanations by lime"):
        next(explanations(corpus, TEXTS.texts, "lime", TEXTS.label_names))


def test_rows_are_kept_until_what_they_are_made_of_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo, folder, made = heedful.load("demo"), tmp_path / "one", []
    rmtree = explaining.shutil.rmtree
    monkeypatch.setattr(explaining.shutil, "rmtree", lambda path, **_: (made.append(path), rmtree(path, True)))

    def again(texts: Dataset = TEXTS, method: str = "occlusion", seed: int = 0) -> int:
        before = len(made)
        corpus = explained(demo, texts, [method], folder, output="logit", seed=seed)
        assert len(corpus) == len(texts)
        corpus.check()
        return len(made) - before

    assert again() == 1
    assert again() == 0
    assert again(method="lime:n_samples=20") == 1
    assert again(method="lime:n_samples=20", seed=1) == 1
    assert again(TEXTS.subset([0]), method="lime:n_samples=20", seed=1) == 1
    monkeypatch.setattr(explaining, "_code", lambda: "edited")
    assert again(TEXTS.subset([0]), method="lime:n_samples=20", seed=1) == 1


def fitted(accuracies: dict[str, list[float]], taus: dict[str, list[float]], data: str = "d") -> list[pa.Table]:
    remedies = {one.name: remedy.name for remedy in REMEDIES for one in remedy.settings}
    return [
        table(
            {"data": data, "remedy": remedies[name], "setting": name, "nth": nth}
            | {"accuracy": accuracies[name][nth], "tau_sizes": taus[name][nth]}
            for name in accuracies
        )
        for nth in range(2)
    ]


def test_the_rule_of_choice_by_hand() -> None:
    remedies = tuple(one for one in REMEDIES if one.name in (PLAIN, SPARSE, "rationales"))
    accuracies = {
        "plain": [0.80, 0.90], "entmax": [0.84, 0.84], "sparsemax": [0.80, 0.87],
        "rationales-0.3": [0.70, 0.80], "rationales-1": [0.78, 0.80], "rationales-3": [0.6, 0.6],
    }  # fmt: skip
    taus = {
        "plain": [0.1, 0.1], "entmax": [0.2, 0.4], "sparsemax": [0.9, 0.9],
        "rationales-0.3": [0.9, 0.9], "rationales-1": [0.1, 0.1], "rationales-3": [0.9, math.nan],
    }  # fmt: skip
    rows = {row["setting"]: row for row in choosing.chosen(fitted(accuracies, taus), remedies, 0.01).to_pylist()}
    assert [row["chosen"] for row in rows.values()] == [True, True, False, False, True, False]
    assert rows["entmax"]["by"] == "attention"  # 0.84 is within a point of 0.85, and 0.835 is not
    assert rows["entmax"]["tau_sizes"] == pytest.approx(0.3)
    assert rows["rationales-1"]["by"] == "accuracy"
    assert rows["rationales-3"]["tau_sizes"] == pytest.approx(0.9)  # over the seeds that say something
    assert not rows["sparsemax"]["admitted"]


def test_settings_are_chosen_before_test_texts_are_looked_at() -> None:
    study = find("remedies")
    stages = {stage.name: stage for stage in study.stages(study.full)}
    assert all(need.startswith("fit.") for need in stages["choice"].needs)
    assert len([name for name in stages if name.startswith("fit.")]) == 15
    assert all("choice" in stages[name].needs for name in stages if name.startswith("texts."))
    package = Path(heedful.__file__).parent
    reached = {one.relative_to(package).as_posix() for one in Sources().closure(*stages["texts.movies.0"].files)}
    assert {"studies/remedies/loop.py", "auditing/figures.py", "corpus/run.py"} <= reached
    assert not {"studies/remedies/figures.py", "auditing/report.py"} & reached


def tables_of(tmp_path: Path, rises: dict[str, dict[str, tuple]], seeds: int = 5, faithful: int = 0) -> Tables:
    """Tables of two remedies: of each data set the rise of tau-b and the change of accuracy, both with an interval."""
    (tmp_path / "tables").mkdir(exist_ok=True)
    tables = Tables(tmp_path / "tables")
    rows, gains = [], []
    for data, remedies in rises.items():
        for remedy in (PLAIN, *remedies):
            figures = {f"{one.name}{end}": 0.25 for one in COLUMNS for end in ("", "_low", "_high")}
            counts = {"faithful": faithful, "map": seeds - faithful, "misleading": 0, "undecided": 0}
            about = {"data": data, "remedy": remedy, "title": f"the {remedy}", "setting": "", "seeds": seeds}
            rows.append(about | figures | counts | {"exact": True})
        for remedy, (tau, price, p) in remedies.items():
            for column, (value, low, high) in (("tau_sizes", tau), ("accuracy", price)):
                key = {"data": data, "remedy": remedy, "column": column, "gain": value}
                gains.append(key | {"gain_low": low, "gain_high": high, "p": p, "p_holm": p})
    tables.write("remedies.summary", table(rows))
    tables.write("gains.summary", table(gains))
    return tables


UP, FLAT, OPEN = (0.3, 0.2, 0.4), (0.0, -0.05, 0.05), (0.1, -0.1, 0.3)
NO_PRICE, PRICE = (0.0, -0.005, 0.005), (-0.05, -0.06, -0.04)


def test_the_headline_says_who_and_at_what_price(tmp_path: Path) -> None:
    rises = {"x": {"a": (UP, PRICE, 0.001), "b": (FLAT, NO_PRICE, 0.9)}, "y": {"a": (UP, NO_PRICE, 0.001)}}
    said = sections.headline(tables_of(tmp_path, rises), Bounds())
    assert "by 0.30 to 0.30 in tau-b, on 2 data sets: the a (on all of them)." in said[0]
    assert said[1].startswith("On x the largest rise is by the a: tau-b 0.25 to 0.25, by 0.30 [0.20, 0.40]; ")
    assert said[1].endswith("accuracy changes by -5.0 points [-6.0, -4.0].")
    assert said[3] == "The audit's rule finds the attention of none of 25 classifiers faithful."


def test_the_headline_where_none_does(tmp_path: Path) -> None:
    tables = tables_of(tmp_path, {"x": {"a": (FLAT, NO_PRICE, 0.9), "b": (FLAT, PRICE, 0.9)}}, faithful=2)
    said = sections.headline(tables, Bounds())
    assert said[0].startswith("None of the 2 trainings makes attention explain: ")
    assert said[1] == "On x none does: no interval reaches a rise of 0.1."
    assert said[2].startswith("The audit's rule finds attention faithful in 6 of 15 classifiers: the plain on x, ")


@pytest.mark.parametrize("rise", [(OPEN, 0.001), (UP, 0.2), ((0.1, None, None), None)])
def test_the_headline_where_seeds_do_not_decide(tmp_path: Path, rise: tuple) -> None:
    tau, p = rise
    said = sections.headline(tables_of(tmp_path, {"x": {"a": (tau, NO_PRICE, p), "b": (FLAT, PRICE, 0.9)}}), Bounds())
    assert said[0] == "Whether any of the 2 trainings makes attention explain is not decided by 5 seeds."
    assert said[1] == "On x it is not decided by 5 seeds: the a may."


@pytest.mark.parametrize(
    ("tau", "price", "verdict"),
    [
        (UP, NO_PRICE, "confirmed"), (UP, PRICE, "refuted"), (FLAT, NO_PRICE, "refuted"),
        (OPEN, NO_PRICE, "not settled"),
        (UP, (0.0, -0.02, 0.02), "not settled"),
    ],
)  # fmt: skip
def test_a_gain_without_a_price(tmp_path: Path, tau: tuple, price: tuple, verdict: str) -> None:
    (row,) = hypotheses.free_gains(tables_of(tmp_path, {"x": {"a": (tau, price, 0.01)}}), Bounds())
    assert row["verdict"] == verdict
    assert (row["tau_low"], row["price_high"]) == (tau[1], price[2])


def test_gains_are_paired_and_adjusted_over_the_table() -> None:
    draw = np.random.default_rng(0)
    plain = {one.name: draw.random((3, 20)) for one in COLUMNS}
    other = {name: values + 0.1 + 0.01 * draw.random((3, 20)) for name, values in plain.items()}
    rows = summary.gains("d", {PLAIN: plain, "a": other, "b": plain})
    assert len(rows) == 2 * sum(one.compared for one in COLUMNS)
    first = rows[0]
    assert first["gain"] == pytest.approx(0.105, abs=2e-3)  # paired: what texts differ by is gone
    assert 0 < first["gain_high"] - first["gain_low"] < 0.01
    known = sorted(row["p"] for row in rows if not math.isnan(row["p"]))
    assert min(row["p_holm"] for row in rows if not math.isnan(row["p"])) == pytest.approx(known[0] * len(known))
    assert all(row["gain"] == 0 and math.isnan(row["p"]) for row in rows if row["remedy"] == "b")


def hatexplain(folder: Path, **union: Any) -> None:
    texts = ["you are bad", "you are fine"]
    common = {"text": texts, "label": [0, 1], "tokens": [one.split() for one in texts]}
    folder.mkdir(parents=True)
    column = pa.array([[0, 0, 1], None], pa.list_(pa.int8()))
    pq.write_table(pa.table(common | {"rationale_union": column} | union), folder / "train.parquet")
    for part in ("validation", "test"):
        weights = pa.array([[0.0, 0.5, 1.0], None], pa.list_(pa.float32()))
        pq.write_table(pa.table(common | {"rationale": weights}), folder / f"{part}.parquet")


def test_the_union_of_annotators_marks_the_training_part(tmp_path: Path) -> None:
    hatexplain(tmp_path / "hatexplain")
    task = tasks.Task("hatexplain", 2, 2, 2, 2, 2, 16)
    splits = tasks.read([task], tmp_path, 0)["hatexplain"]
    first, second = splits.train.rationales
    assert first.weights.tolist() == [0, 0, 1]
    assert [splits.train.texts[0][a:b] for a, b in first.spans] == ["you", "are", "bad"]
    assert second is None
    assert splits.test.rationales[0].weights.tolist() == [0, 0.5, 1]


def test_data_sets_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folders hatexplain and movies"):
        settings.data(settings.FULL, None, 0)
    with pytest.raises(DataError, match="give --data or --quick, not both"):
        settings.data(settings.QUICK, Path("here"), 0)
    with pytest.raises(DataError, match="no folder hatexplain there"):
        settings.data(settings.FULL, tmp_path, 0)
    with pytest.raises(DataError, match="does not fit the text 'a b'"):
        tasks.marked("a b", ["a", "c"], [0, 1])
    (splits,) = settings.data(TINY, None, 0).values()
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [60, 20, 24]
    assert not set(splits.train.texts) & set(splits.test.texts)


TASK = tasks.Task("planted", 60, 20, 24, 12, 6, 40, built_in=True)
SMALL = Fit(hidden_size=8, key_size=4, value_size=4, heads=2, epochs=1, batch_size=32, learning_rate=1e-2)
FEW = tuple(Remedy(one.name, one.title, one.settings[:1]) for one in REMEDIES if one.name in (PLAIN, SPARSE))
TINY = replace(
    settings.QUICK, recipes=settings.recipes({TASK: SMALL}, FEW, 2), tasks=(TASK,), remedies=FEW, permutations=4,
    choosing=2,
)  # fmt: skip


def test_a_run_that_is_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = replace(find("remedies"), quick=TINY)
    texts = study.data(TINY, None, 0)
    stages = study.stages(TINY)

    def go(folder: Path, n: int | None = None) -> tuple[Tables, Record]:
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text("{}", "utf-8")
        record = Record(folder, {"data": {"planted": "x"}})
        run = Run(TINY, folder, 0, texts)
        run_stages(stages[:n], run, record, 1)
        return run.tables, record

    whole, _ = go(tmp_path / "whole")
    go(tmp_path / "killed", 4)  # up to the first stage after the choice
    models = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed" / "models").rglob("*.safetensors")}
    tables, _ = go(tmp_path / "killed")
    assert len(models) == 4
    assert {path: path.stat().st_mtime_ns for path in models} == models  # nothing is trained again
    for name in ("choice.summary", "texts.planted.1", "remedies.summary", "gains.summary", "claims.summary"):
        assert str(tables.rows(name)) == str(whole.rows(name)), name
    rows = tables.rows("remedies.summary")
    assert [(row["exact"], row["seeds"], row["texts"]) for row in rows] == [(True, 2, 12), (False, 2, 12)]
    assert 0.5 < rows[1]["halves"] <= 1
    assert sum(rows[0][level] for level in ("faithful", "map", "misleading", "undecided")) == 2
    corpus = heedful.corpus.Corpus.read(tmp_path / "killed" / "corpora" / "planted-sparse-0")
    assert list(corpus.facts["methods"]) == ["attention_mean", "permutation_shap_n_permutations_4"]
    assert json.loads((corpus.folder / "manifest.json").read_text("utf-8"))["finished"]
    assert set(study.words(tables)) >= {"headline", "columns"}
