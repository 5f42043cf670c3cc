"""The explanations of an audit are a corpus: its reader, its queries, and another audit take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest

import heedful
from heedful.auditing import work as working
from heedful.auditing.explanations import column_names
from heedful.auditing.result import Audit
from heedful.auditing.rows import REVERSED
from heedful.corpus import Corpus
from heedful.corpus.table import of_method
from heedful.errors import DataError, ModelError, TextError
from heedful.methods.base import Answer
from heedful.methods.occlusion import Occlusion
from heedful.question import Question
from unchecked import call

TEXTS = [review.text for review in heedful.planted.generate(34, seed=3)]  # more than a piece holds
METHODS = ["lime:n_samples=20", "shapley-exact", "occlusion", "random"]
Done = tuple[Audit, Path]


@pytest.fixture(scope="module", autouse=True)
def no_figures() -> Iterator[None]:
    """Leave the report out, which takes longer than all else."""
    with patch("heedful.auditing.report.write", lambda _, folder: folder / "report.html"):
        yield


@pytest.fixture(scope="module")
def classifier() -> heedful.Classifier:
    return heedful.load("demo")


def audited(classifier: heedful.Classifier, out: Path | None, texts: list[str] = TEXTS, **settings: object) -> Audit:
    return call(heedful.audit, classifier, texts, METHODS, ["kendall"], checks=[], out=out, **settings)


@pytest.fixture(scope="module")
def done(classifier: heedful.Classifier, tmp_path_factory: pytest.TempPathFactory) -> Done:
    out = tmp_path_factory.mktemp("audit") / "a"
    return audited(classifier, out), out


def test_they_are_what_a_corpus_run_writes_on_these_texts(
    classifier: heedful.Classifier, done: Done, tmp_path: Path
) -> None:
    corpus = Corpus.read(done[1] / "explanations")
    corpus.check()
    run = heedful.corpus.run(classifier, TEXTS, METHODS, out=tmp_path / "c")
    assert corpus.table().schema.equals(run.table().schema)
    assert corpus.files[0].read_bytes() == run.files[0].read_bytes()
    facts = {name: corpus.facts[name] for name in run.facts if name not in ("rows_together", "seconds")}
    assert facts == {name: run.facts[name] for name in facts}
    assert corpus.facts["finished"]
    assert json.loads((corpus.folder / "manifest.json").read_text("utf-8"))["finished"]
    assert corpus.summary()[0] == "34 of 34 texts explained by lime, shapley-exact, occlusion, random, in 1 file"


def test_units_and_scores_are_on_disk_once_and_rows_read_again_have_them(done: Done) -> None:
    result, out = done
    assert not {"units", "scores"} & {*pq.read_schema(out / "rows.parquet").names}
    piece = json.loads(next((out / "rows").iterdir()).read_text("utf-8"))
    assert not {"units", "scores"} & {*piece["rows"][0]} or "attention" in piece["rows"][0]
    again = Audit.read(out)
    assert len(again.rows) == len(result.rows) == 34 * (len(METHODS) + 1)
    for row, read in zip(result.rows, again.rows, strict=True):
        assert {name: read[name] for name in ("index", "method", "units", "scores", "kendall")} == {
            name: row[name] for name in ("index", "method", "units", "scores", "kendall")
        }
    turned = {row["method"]: row["scores"] for row in again.rows if row["index"] == 0}
    order = np.argsort(turned["occlusion"], kind="stable")
    assert np.array(turned[REVERSED])[order].tolist() == sorted(turned["occlusion"], reverse=True)


def test_another_audit_takes_them(classifier: heedful.Classifier, done: Done) -> None:
    given = heedful.auditing.given.GivenScores.parse(f"stored={done[1] / 'explanations'}:occlusion", TEXTS)
    result = heedful.audit(classifier, TEXTS[:9], ["occlusion", given], ["deletion"], checks=[])
    by_method = {row["method"]: row["value"] for row in result.cells}
    assert by_method["stored"] == pytest.approx(by_method["occlusion"], abs=1e-12)
    with pytest.raises(DataError, match="it has lime_n_samples_20, shapley_exact, occlusion, random"):
        heedful.auditing.given.GivenScores.parse(f"stored={done[1] / 'explanations'}:ig", TEXTS)


def test_what_was_read_can_be_saved_elsewhere_and_an_old_folder_read(done: Done, tmp_path: Path) -> None:
    Audit.read(done[1]).save(tmp_path / "copy")
    one, other = (Corpus.read(path / "explanations") for path in (done[1], tmp_path / "copy"))
    assert repr([*one.rows()]) == repr([*other.rows()])  # by what is written: not-a-number equals itself
    assert {**one.facts, "n_bytes": 0, "bytes_a_unit": 0} == {**other.facts, "n_bytes": 0, "bytes_a_unit": 0}
    other.check()
    Audit(done[0].content, done[0].rows, done[0].trial).save(tmp_path / "old")  # scores stand in the rows there
    assert not (tmp_path / "old" / "explanations").exists()
    assert Audit.read(tmp_path / "old").rows[3]["scores"] == done[0].rows[3]["scores"]


def test_an_interrupted_audit_ends_with_the_same_bytes(
    classifier: heedful.Classifier, done: Done, tmp_path: Path
) -> None:
    real, n_calls = working.judged, 0

    def failing(*given: object) -> object:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 6:
            raise KeyboardInterrupt
        return call(real, *given)

    with patch.object(working, "judged", failing), pytest.raises(KeyboardInterrupt):
        audited(classifier, tmp_path / "a")
    assert not (tmp_path / "a" / "explanations").exists()
    with patch.object(working, "judged", failing):
        audited(classifier, tmp_path / "a")
    assert n_calls == 6 + 3  # of two chunks of four methods
    one, other = (Corpus.read(path / "explanations") for path in (done[1], tmp_path / "a"))
    assert one.files[0].read_bytes() == other.files[0].read_bytes()
    audited(classifier, tmp_path / "a")
    assert len((other.folder / "shards.jsonl").read_text("utf-8").splitlines()) == 1
    assert Corpus.read(other.folder).files[0].read_bytes() == one.files[0].read_bytes()


def test_what_a_budget_leaves_out_is_null_with_the_reason_and_comes_with_a_larger_one(
    classifier: heedful.Classifier, done: Done, tmp_path: Path
) -> None:
    def two_methods_of_the_second_chunk(self: working.Work, pieces: list, *_: object) -> object:
        return [piece for piece in pieces if piece.chunk == 0 or piece.name in ("occlusion", working.TRIAL)]

    with patch.object(working.Work, "_next", two_methods_of_the_second_chunk):
        result = audited(classifier, tmp_path / "a", budget=1)
    n = {row["method"]: row["n"] for row in result.table("kendall")}
    assert (n["occlusion"], n["shapley-exact"]) == (34, 32)
    table = Corpus.read(tmp_path / "a" / "explanations").table()
    assert len(table) == 34
    assert table["occlusion_scores"].null_count == 0
    assert table["shapley_exact_scores"].null_count == 2
    said = {row["shapley_exact_error"] for row in table.to_pylist() if row["shapley_exact_scores"] is None}
    assert said == {"not explained: the audit's budget was spent on others"}
    again = Audit.read(tmp_path / "a")
    assert [row["scores"] for row in again.rows] == [row["scores"] for row in result.rows]
    audited(classifier, tmp_path / "a")
    one, other = (Corpus.read(path / "explanations") for path in (done[1], tmp_path / "a"))
    assert one.files[0].read_bytes() == other.files[0].read_bytes()


def test_texts_that_the_method_or_the_classifier_refuses_stand_with_the_reason(tmp_path: Path) -> None:
    classifier = heedful.load("demo")
    ask, answer = heedful.auditing.work.ask_all, Occlusion.answer

    def asking(classifier: heedful.Classifier, texts: list[str], choices: object) -> object:
        if TEXTS[2] in texts:
            raise ModelError("no answer")
        return call(ask, classifier, texts, choices)

    def refusing(self: Occlusion, question: Question) -> Answer:
        if question.encoded.text == TEXTS[0]:
            raise TextError("not this one")
        return answer(self, question)

    with patch.object(working, "ask_all", asking), patch.object(Occlusion, "answer", refusing):
        audited(classifier, tmp_path / "a", TEXTS[:4])
    rows = [*Corpus.read(tmp_path / "a" / "explanations").rows()]
    assert [(row["row"], row["error"]) for row in rows] == [(0, None), (1, None), (2, "no answer"), (3, None)]
    assert [row["occlusion_error"] for row in rows] == ["not this one", None, None, None]
    assert [rows[0][f"{name}_scores"] is None for name in ("occlusion", "random")] == [True, False]
    assert [rows[2][name] is None for name in ("units", "occlusion_error", "text_hash")] == [True, True, False]


def test_no_two_columns_have_one_name() -> None:
    names = ["a", "A", "a std", "a:b=1", "a b 1", "!", "?", "a_2", "attention-mean"]
    columns = column_names(names)
    every = [column for name in columns.values() for column in of_method(name)]
    assert [*columns] == names
    assert len(set(every)) == len(every)
    assert columns["attention-mean"] == "attention_mean"


def test_the_first_query_of_the_docs_runs_on_it(done: Done) -> None:
    duckdb = pytest.importorskip("duckdb")
    page = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text("utf-8")
    query = page.split("```sql\n")[1].split("```")[0].replace("corpus/rows", str(done[1] / "explanations" / "rows"))
    found = duckdb.sql(query.replace("lime_scores", "lime_n_samples_20_scores")).fetchall()
    assert {row[0] for row in found} == {"negative", "positive"}
