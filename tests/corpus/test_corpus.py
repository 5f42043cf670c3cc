"""A data set explained: the rows are those of `heedful.explain`, whatever is wrong with others, in whatever pieces."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import heedful
from factory import make_bert
from heedful import planted
from heedful.corpus import Corpus, Explainer
from heedful.corpus.explainer import RowExplainer
from heedful.corpus.plan import named
from heedful.corpus.shards import Part, parts
from heedful.data import Row
from heedful.errors import DataError, SettingError, TargetError
from unchecked import call

TEXTS = [one.text for one in planted.generate(23, seed=3)]
METHODS = ["shapley-exact", "lime:n_samples=30", "attention-mean"]


def explained(out: Path, data: object = TEXTS, methods: object = "shapley-exact", **settings: object) -> Corpus:
    return call(heedful.corpus.run, heedful.load("demo"), data, methods, out=out, **settings)


def bytes_of(corpus: Corpus) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in corpus.files}


def test_rows_are_what_explain_says(tmp_path: Path) -> None:
    corpus = explained(tmp_path / "c", methods=METHODS, shard_rows=10)
    clf = heedful.load("demo")
    rows = [*corpus.rows()]
    assert [row["row"] for row in rows] == list(range(len(TEXTS)))
    for name, method in zip(named(METHODS), METHODS, strict=True):
        for row, one in zip(rows, heedful.explain(clf, TEXTS, method), strict=True):
            assert row[f"{name}_scores"] == one.scores.tolist()
            assert row["units"] == list(one.units)
            assert [[(s["start"], s["end"]) for s in spans] for spans in row["spans"]] == [
                list(spans) for spans in one.spans
            ]
            assert (row["target"], row["prediction"], row["predicted"]) == (
                one.target_name, one.prediction, one.predicted_name
            )  # fmt: skip
            assert row["probability"] == pytest.approx(one.probability, abs=1e-12)
            assert row[f"{name}_n_forward"] == one.n_forward
            assert row[f"{name}_base_value"] == one.base_value
            assert row[f"{name}_error_bound"] == one.error_bound
            assert repr(row[f"{name}_std_error"]) == repr(None if one.std_error is None else one.std_error.tolist())
            assert row["text_hash"] == hashlib.sha256(one.text.encode()).hexdigest()[:16]
            assert row["id"] == str(row["row"])
            assert row["error"] is None
            assert row[f"{name}_error"] is None


def test_the_manifest_says_what_the_rows_hold(tmp_path: Path) -> None:
    data = planted.generate(23, seed=3)
    labelled = heedful.data.Dataset(
        tuple(one.text for one in data), np.array([one.label for one in data]), ("negative", "positive"), "planted"
    )
    corpus = explained(tmp_path / "c", labelled, METHODS, shard_rows=10)
    said = json.loads((tmp_path / "c" / "manifest.json").read_text("utf-8"))
    rows = [*corpus.rows()]
    assert said["finished"] is True
    assert said["n_shards"] == 3
    assert said["n_rows"] == said["n_explained"] == 23
    assert said["n_units"] == sum(len(row["units"]) for row in rows)
    assert said["n_bytes"] == sum(map(len, bytes_of(corpus).values()))
    assert said["correct"] == [sum(row["label"] == row["predicted"] for row in rows), 23, 23]
    assert said["predicted"]["positive"] == sum(row["predicted"] == "positive" for row in rows)
    assert said["n_forward"]["shapley_exact"] == 23
    assert said["methods"]["lime_n_samples_30"]["settings"]["n_samples"] == 30
    assert said["fingerprint"]
    assert said["versions"]["heedful"] == heedful.__version__
    assert said["seed"] == 0


def test_what_was_explained_before_is_not_explained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = explained(tmp_path / "c", shard_rows=10)
    before = {path.name: path.stat().st_mtime_ns for path in first.files}
    monkeypatch.setattr(RowExplainer, "explain", lambda *_: pytest.fail("explained again"))
    again = explained(tmp_path / "c", shard_rows=10)
    assert {path.name: path.stat().st_mtime_ns for path in again.files} == before
    assert again.facts == first.facts


def test_a_shard_that_is_gone_is_made_again_with_the_same_bytes(tmp_path: Path) -> None:
    whole = bytes_of(explained(tmp_path / "c", methods=METHODS, shard_rows=7))
    (tmp_path / "c" / "rows" / "000001.parquet").unlink()
    (tmp_path / "c" / "rows" / "000002.parquet").write_bytes(b"PAR1 half")
    corpus = explained(tmp_path / "c", methods=METHODS, shard_rows=7)
    assert bytes_of(corpus) == whole
    corpus.check()


def test_a_file_that_was_changed_is_noticed(tmp_path: Path) -> None:
    corpus = explained(tmp_path / "c")
    content = corpus.files[0].read_bytes()
    corpus.files[0].write_bytes(content[:-9] + b"x" + content[-8:])
    with pytest.raises(DataError, match=r"000000\.parquet has changed"):
        corpus.check()


@pytest.mark.parametrize(
    ("changes", "named_in_message"),
    [
        ({"seed": 1}, "seed"),
        ({"unit": "word"}, "unit"),
        ({"target": "positive"}, "target"),
        ({"methods": "occlusion"}, "methods"),
        ({"methods": "shapley-exact:tolerance=1e-8"}, "methods"),
        ({"numbers": "float32"}, "numbers"),
        ({"shard_rows": 5}, r"shard_rows \(10 there, 5 here\)"),
        ({"data": TEXTS[:-1]}, "data.rows"),
        ({"data": [*TEXTS[:-1], "another text"]}, "data.digest"),
    ],
)
def test_a_changed_setting_or_input_is_refused(changes: dict, named_in_message: str, tmp_path: Path) -> None:
    whole = bytes_of(explained(tmp_path / "c", shard_rows=10))
    with pytest.raises(SettingError, match=named_in_message):
        explained(tmp_path / "c", **{"shard_rows": 10, **changes})
    assert bytes_of(Corpus.read(tmp_path / "c")) == whole


def test_another_model_is_refused(tmp_path: Path) -> None:
    heedful.corpus.run(make_bert(0), ["good film"], "occlusion", out=tmp_path / "c")
    with pytest.raises(SettingError, match="fingerprint"):
        heedful.corpus.run(make_bert(1), ["good film"], "occlusion", out=tmp_path / "c")


def test_rows_that_changed_under_the_same_name_and_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "good film"}\n{"text": "dull film"}\n', "utf-8")
    explained(tmp_path / "c", path, shard_rows=1)
    (tmp_path / "c" / "rows" / "000001.parquet").unlink()
    path.write_text('{"text": "nice film"}\n{"text": "dull film"}\n', "utf-8")
    with pytest.raises(SettingError, match=r"made from other rows: those up to line 1 differ"):
        explained(tmp_path / "c", path, shard_rows=1)


BAD = ["good film", "", None, float("nan"), 3, "dull \ud800 film", "!!!", "zzzqqq", "a superb plot"]


def test_bad_rows_stand_in_their_place_with_the_reason(tmp_path: Path) -> None:
    corpus = explained(tmp_path / "c", BAD, METHODS, shard_rows=4)
    rows = [*corpus.rows()]
    assert [row["error"] is None for row in rows] == [True, *[False] * 7, True]
    assert corpus.facts["n_explained"] == 2
    assert sum(corpus.facts["problems"].values()) == 7
    alone = explained(tmp_path / "d", BAD[:1]).rows()
    assert rows[0]["shapley_exact_scores"] == next(alone)["shapley_exact_scores"]
    for row in rows[1:-1]:
        assert row["units"] is row["shapley_exact_scores"] is row["predicted"] is None


def test_strict_stops_at_the_first_bad_row_and_keeps_the_shards_before(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"text 6: .* blank; strict stops here"):
        explained(tmp_path / "c", [*TEXTS[:6], "", *TEXTS[6:]], shard_rows=3, strict=True)
    assert [shard.n_rows for shard in Corpus.read(tmp_path / "c").shards] == [3, 3]
    assert Corpus.read(tmp_path / "c").facts["finished"] is False


def test_a_text_that_one_method_refuses_has_the_scores_of_the_others(tmp_path: Path) -> None:
    long = " ".join(f"good{i} film plot" for i in range(8)) + " superb acting"
    corpus = explained(tmp_path / "c", ["good film", long], ["occlusion", "kernel-shap:n_samples=11"], unit="word")
    first, second = corpus.rows()
    assert first["kernel_shap_n_samples_11_error"] is None
    assert "n_samples" in second["kernel_shap_n_samples_11_error"]
    assert second["kernel_shap_n_samples_11_scores"] is None
    assert second["occlusion_scores"]
    assert corpus.facts["refused"] == {"kernel_shap_n_samples_11": {second["kernel_shap_n_samples_11_error"]: 1}}


def test_a_method_that_the_classifier_cannot_have_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="softmax pooling"):
        heedful.corpus.run(make_bert(), ["good film", "dull film"], "shapley-exact", out=tmp_path / "c")
    heedful.corpus.run(make_bert(), ["good film"], "occlusion", out=tmp_path / "c")  # the folder is free again


def test_settings_are_checked_before_anything_is_written(tmp_path: Path) -> None:
    for wrong in ({"target": "neutral"}, {"masking": "mask!"}, {"methods": "no-such"}, {"methods": []},
                  {"methods": ["lime", "lime"]}, {"shard_rows": 0}, {"numbers": "float16"}, {"engine": "spark"},
                  {"data": []}, {"data": b"text"}, {"data": pd.DataFrame({"text": ["a"]})}):  # fmt: skip
        with pytest.raises((SettingError, TargetError, DataError)):
            explained(tmp_path / "c", **wrong)
    assert not (tmp_path / "c" / "rows").exists() or not list((tmp_path / "c" / "rows").iterdir())


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_bytes(b"years of work")
    with pytest.raises(SettingError, match="not an empty folder"):
        explained(tmp_path)
    with pytest.raises(DataError, match="is no corpus"):
        Corpus.read(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_pairs_windows_and_single_precision(tmp_path: Path) -> None:
    clf = make_bert()
    corpus = heedful.corpus.run(clf, [("good film", "dull plot")], "occlusion", out=tmp_path / "pairs")
    one = heedful.explain(clf, ("good film", "dull plot"), "occlusion")
    assert next(corpus.rows())["occlusion_scores"] == one.scores.tolist()
    long = " ".join(TEXTS)
    corpus = explained(tmp_path / "windows", [long, TEXTS[0]], "occlusion", long_text="windows")
    whole = heedful.explain(heedful.load("demo"), long, "occlusion", long_text="windows")
    assert next(corpus.rows())["occlusion_scores"] == whole.scores.tolist()
    assert next(corpus.rows())["cut"] == []
    corpus = explained(tmp_path / "cut", [long])
    assert [tuple(span.values()) for span in next(corpus.rows())["cut"]] == [
        *heedful.explain(heedful.load("demo"), long, "shapley-exact").cut
    ]
    half = explained(tmp_path / "half", numbers="float32").table(["shapley_exact_scores"])
    assert half.schema.field(0).type == pa.list_(pa.float32())
    assert half.column(0).to_pylist()[0] == pytest.approx(
        heedful.explain(heedful.load("demo"), TEXTS[0], "shapley-exact").scores, rel=1e-6
    )


def test_the_first_rows_alone(tmp_path: Path) -> None:
    few = explained(tmp_path / "few", limit=5, shard_rows=3)
    assert [row["row"] for row in few.rows(["row"])] == [0, 1, 2, 3, 4]
    assert few.facts["data"]["limit"] == 5
    assert len(explained(tmp_path / "all", limit=1000)) == len(TEXTS)
    with pytest.raises(SettingError, match="differs in data"):
        explained(tmp_path / "few", shard_rows=3)


@pytest.mark.parametrize("methods", ["occlusion", METHODS])
def test_rows_are_counted_as_they_are_explained(methods: str | list[str]) -> None:
    explainer = Explainer("demo", methods)
    counted: list[float] = []
    rows = [Row(i, f"row {i}", str(i), text) for i, text in enumerate([*TEXTS[:3], " "])]
    explainer.explain(explainer.prepare(rows), counted.append)
    assert sum(counted) == pytest.approx(4)
    assert len(counted) > 3


def test_a_function_is_a_classifier_too(tmp_path: Path) -> None:
    judge = lambda texts: [[0.9, 0.1] if "dull" in text else [0.2, 0.8] for text in texts]  # noqa: E731
    clf = heedful.load(judge, labels=["bad", "good"])
    corpus = heedful.corpus.run(clf, ["a dull film"], "occlusion", out=tmp_path / "c", output="probability")
    assert next(corpus.rows())["occlusion_scores"] == pytest.approx([0.0, 0.7, 0.0])


@given(sizes=st.lists(st.integers(0, 9), max_size=8), size=st.integers(1, 7), together=st.integers(1, 5))
def test_shards_do_not_depend_on_how_rows_come(sizes: list[int], size: int, together: int) -> None:
    rows = [Row(i, f"row {i}", str(i), f"text {i}") for i in range(sum(sizes))]
    ends = np.cumsum([0, *sizes])
    cut = [*parts([rows[a:b] for a, b in pairwise(ends.tolist())], size, together)]
    assert cut == [*parts([rows], size, together)]
    assert [row for part in cut for row in part.rows] == rows
    shards: dict[int, list[Part]] = {}
    for part in cut:
        assert 1 <= len(part.rows) <= together
        shards.setdefault(part.shard, []).append(part)
    lengths = [sum(len(part.rows) for part in some) for some in shards.values()]
    assert lengths == [size] * (len(rows) // size) + ([len(rows) % size] if len(rows) % size else [])
    for some in shards.values():
        assert [part.digest is not None for part in some] == [*[False] * (len(some) - 1), True]


def test_batches_of_other_pipelines() -> None:
    explainer = Explainer("demo", ["shapley-exact", "occlusion"], unit="word")
    texts = ["The acting was superb.", "", "A dull film."]
    one = heedful.explain(heedful.load("demo"), texts[0], "occlusion", unit="word")
    made = explainer({"text": texts, "key": [1, 2, 3]})
    assert made["key"] == [1, 2, 3]
    assert made["occlusion_scores"][0].tolist() == one.scores.tolist()
    assert made["occlusion_scores"][1] is None
    assert made["error"][1] == "the text is empty: give at least one word"
    arrow = explainer(pa.table({"text": texts, "key": [1, 2, 3]}))
    assert arrow["key"].to_pylist() == [1, 2, 3]
    assert arrow["occlusion_scores"].to_pylist()[0] == one.scores.tolist()
    frame = explainer(pd.DataFrame({"text": texts, "key": [1, 2, 3]}, index=[7, 8, 9]))
    assert frame.loc[7, "occlusion_scores"].tolist() == one.scores.tolist()
    assert list(frame["key"]) == [1, 2, 3]
    assert explainer({"text": np.array(texts)})["predicted"][0] == "positive"
    record = explainer(pa.RecordBatch.from_pydict({"text": texts, "key": [1, 2, 3]}))
    assert isinstance(record, pa.RecordBatch)
    assert record["occlusion_scores"].to_pylist() == arrow["occlusion_scores"].to_pylist()
    table = explainer(polars.DataFrame({"text": texts}))
    assert table["occlusion_scores"].to_pylist() == arrow["occlusion_scores"].to_pylist()
    assert explainer({"text": pa.chunked_array([texts[:1], texts[1:]])})["predicted"] == arrow["predicted"].to_pylist()
    for wrong, said in (
        ({"review": texts}, "column 'text' is there 0 times; the columns are: review"),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "column 'text' is there 2 times"),
        ({"text": "A dull film."}, "no list of texts but str"),
        ({"text": texts, "target": [1, 2, 3]}, "a column 'target' already"),
    ):
        with pytest.raises(DataError, match=said):
            explainer(wrong)
    named = Explainer("demo", "occlusion", prefix="why_")({"text": texts, "target": [1, 2, 3]})
    assert named["target"] == [1, 2, 3]
    assert named["why_target"][0] == "positive"


def test_names_of_columns() -> None:
    assert list(named(["lime:n_samples=200,kernel_width=0.25", "LIME"])) == [
        "lime_n_samples_200_kernel_width_0_25",
        "lime",
    ]
    with pytest.raises(SettingError, match="there twice"):
        named(["lime", "lime"])


def test_the_numbers_of_the_model_are_said(tmp_path: Path) -> None:
    make_bert().model.save_pretrained(tmp_path / "bert")
    make_bert().tokenizer.save_pretrained(tmp_path / "bert")
    corpora = {
        dtype: heedful.corpus.run(tmp_path / "bert", ["good film"], "occlusion", out=tmp_path / str(dtype), dtype=dtype)
        for dtype in (None, "float32", "bfloat16")
    }
    assert [corpus.facts["dtype"] for corpus in corpora.values()] == ["float64", "float32", "bfloat16"]
    scores = {dtype: next(corpus.rows())["occlusion_scores"] for dtype, corpus in corpora.items()}
    assert scores[None] == pytest.approx(scores["float32"], abs=1e-4)
    assert scores["bfloat16"] == pytest.approx(scores["float32"], abs=0.05)
    with pytest.raises(SettingError, match="dtype is one of float32, bfloat16, float16, got 'int8'"):
        heedful.corpus.run("demo", ["good film"], "occlusion", out=tmp_path / "c", dtype="int8")
    with pytest.raises(SettingError, match="loaded here"):
        explained(tmp_path / "d", dtype="bfloat16")
