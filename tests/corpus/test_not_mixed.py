"""What must never be mixed or lost in a corpus: other models, odd signs, labels, bounds, folders within folders."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import heedful
from factory import make_bert
from heedful import planted
from heedful.classifier import Classifier
from heedful.corpus import Corpus
from heedful.corpus.fingerprint import fingerprint
from heedful.data import Row
from heedful.errors import DataError, SettingError

TEXTS = [one.text for one in planted.generate(8, seed=12)]


def changed(classifier: Classifier, **settings: object) -> Classifier:
    model = copy.deepcopy(classifier.model)
    for name, value in settings.items():
        setattr(model.config, name, value)
    return replace(classifier, model=model)


def test_a_changed_configuration_is_another_model(tmp_path: Path) -> None:
    clf = make_bert()
    corpus = heedful.corpus.run(clf, TEXTS, "occlusion", out=tmp_path / "c", shard_rows=4)
    corpus.files[0].unlink()
    for settings in ({"problem_type": "multi_label_classification"}, {"layer_norm_eps": 1e-3}, {"pad_token_id": 3}):
        other = changed(clf, **settings)
        assert fingerprint(other) != fingerprint(clf)
        with pytest.raises(SettingError, match="fingerprint"):
            heedful.corpus.run(other, TEXTS, "occlusion", out=tmp_path / "c", shard_rows=4)
    assert fingerprint(changed(clf, _name_or_path="elsewhere")) == fingerprint(clf)
    right = copy.deepcopy(clf.tokenizer)
    right.truncation_side = "left"
    assert fingerprint(replace(clf, tokenizer=right)) != fingerprint(clf)


def test_another_function_is_another_model(tmp_path: Path) -> None:
    one, other = (heedful.load(lambda texts, p=p: [[p, 1 - p]] * len(texts), labels=["a", "b"]) for p in (0.2, 0.9))
    heedful.corpus.run(one, TEXTS, "occlusion", out=tmp_path / "c", shard_rows=4).files[1].unlink()
    with pytest.raises(SettingError, match="fingerprint"):
        heedful.corpus.run(other, TEXTS, "occlusion", out=tmp_path / "c", shard_rows=4)


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\r", "\x1c"])
def test_no_sign_in_a_reason_loses_a_shard(sign: str, tmp_path: Path) -> None:
    rows = [Row(0, "p", "0", "A dull film."), Row(1, "p", "1", None, None, f"bad{sign}row")]
    corpus = heedful.corpus.run("demo", rows, "occlusion", out=tmp_path / "c")
    assert corpus.facts["n_rows"] == 2
    assert corpus.facts["problems"] == {f"bad{sign}row": 1}


def test_half_surrogate_pairs_and_long_texts_in_memory(tmp_path: Path) -> None:
    rows = [Row(0, "p", "\ud800", "A dull film.", "\udc00"), Row(1, "p", "1", "A superb film.")]
    corpus = heedful.corpus.run("demo", rows, "occlusion", out=tmp_path / "c")
    assert [(row["id"], row["label"]) for row in corpus.rows()] == [("\\ud800", "\\udc00"), ("1", None)]
    corpus = heedful.corpus.run("demo", ["dull " * 300_000, "dull"], "occlusion", out=tmp_path / "d")
    assert [row["error"] for row in corpus.rows()] == ["the text has 1,500,000 characters, more than 1,000,000", None]


def test_labels_count_where_they_are_classes(tmp_path: Path) -> None:
    labels = ["1", "0", "0", "positive", "meh", None]
    texts = ["A superb film."] * 2 + ["A dull film."] * 4
    rows = [Row(i, "p", str(i), text, label) for i, (text, label) in enumerate(zip(texts, labels, strict=True))]
    corpus = heedful.corpus.run("demo", rows, "random", out=tmp_path / "c")
    assert [row["label"] for row in corpus.rows()] == ["positive", "negative", "negative", "positive", "meh", None]
    assert corpus.facts["correct"] == [2, 4, 5]
    assert "predicted as labelled: 2 of 4 (50.0%)" in corpus.summary()
    assert "labels that are no class of the model: 1 of 5" in corpus.summary()


def test_bounds_hold_in_single_precision(tmp_path: Path) -> None:
    exact, single = (
        [*heedful.corpus.run("demo", TEXTS, "shapley-exact", out=tmp_path / numbers, numbers=numbers).rows()]
        for numbers in ("float64", "float32")
    )
    for one, other in zip(exact, single, strict=True):
        pairs = zip(one["shapley_exact_scores"], other["shapley_exact_scores"], strict=True)
        off = max(abs(a - b) for a, b in pairs)
        assert 0 < off <= other["shapley_exact_error_bound"]
        assert one["shapley_exact_error_bound"] < 1e-10


@pytest.mark.parametrize("long_text", ["windows", "windows:combine=max"])
def test_windows_have_the_probabilities_of_explain(long_text: str, tmp_path: Path) -> None:
    text = " ".join(one.text for one in planted.generate(9, seed=1))
    settings = {"long_text": long_text, "target": "negative"}
    row = next(heedful.corpus.run("demo", [text], "occlusion", out=tmp_path / "c", **settings).rows())
    one = heedful.explain("demo", text, "occlusion", **settings)
    assert (row["predicted"], row["probability"]) == (one.predicted_name, one.probability)
    if "max" in long_text:
        assert row["probabilities"] is None
    else:
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-6)
        assert max(row["probabilities"]) == pytest.approx(one.probability, abs=1e-6)


def test_strict_refuses_what_was_done_without_it(tmp_path: Path) -> None:
    heedful.corpus.run("demo", ["A dull film.", ""], "occlusion", out=tmp_path / "c")
    with pytest.raises(DataError, match=r"000000\.parquet has rows that could not be explained"):
        heedful.corpus.run("demo", ["A dull film.", ""], "occlusion", out=tmp_path / "c", strict=True)


def test_nothing_is_written_into_the_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.jsonl").write_text('{"text": "A dull film."}\n', "utf-8")
    for settings in ({"out": tmp_path / "data" / "c"}, {"out": tmp_path / "c", "log": tmp_path / "data" / "log.jsonl"}):
        with pytest.raises(SettingError, match="write somewhere else"):
            heedful.corpus.run("demo", tmp_path / "data", "random", **settings)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["x.jsonl"]


def test_a_folder_without_rows_is_free_again(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        heedful.corpus.run("demo", [], "occlusion", out=tmp_path / "c")
    assert len(heedful.corpus.run("demo", ["A dull film."], "occlusion", out=tmp_path / "c")) == 1


def test_ids_of_any_type(tmp_path: Path) -> None:
    ids = pa.array([Decimal(12), Decimal(13)], pa.decimal128(20, 0))
    pq.write_table(pa.table({"id": ids, "text": ["A dull film.", "A superb film."]}), tmp_path / "x.parquet")
    corpus = heedful.corpus.run("demo", tmp_path / "x.parquet", "random", out=tmp_path / "c")
    assert [row["id"] for row in corpus.rows()] == ["12", "13"]
    ids = pa.array([b"\x01\xff", b"\x02\xfe"])
    pq.write_table(pa.table({"id": ids, "text": ["A dull film.", "A superb film."]}), tmp_path / "x.parquet")
    corpus = heedful.corpus.run("demo", tmp_path / "x.parquet", "random", out=tmp_path / "d")
    assert [row["id"] for row in corpus.rows()] == ["01ff", "02fe"]


def test_standard_input_that_is_closed(run, monkeypatch: pytest.MonkeyPatch) -> None:
    from heedful.data import stream_places

    monkeypatch.setattr(stream_places.sys, "stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        heedful.data.stream_rows("-")


@pytest.mark.slow
def test_sigterm_to_the_group_while_processes_start(tmp_path: Path) -> None:
    """As `timeout` sends it: the run ends with its own code, and nothing of the workers is printed."""
    data = tmp_path / "x.jsonl"
    data.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS * 8), "utf-8")
    program = "import sys; from heedful.cli import main; sys.argv[0] = 'heedful'; main()"
    options = ["--out", str(tmp_path / "c"), "-m", "occlusion", "--shard-rows", "8", "--engine", "local:processes=2"]
    command = [sys.executable, "-c", program, "corpus", "demo", str(data), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not (tmp_path / "c" / "run.json").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    assert Corpus.read(tmp_path / "c").facts["finished"] is False
