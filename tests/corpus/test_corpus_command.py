"""`heedful corpus`: files in, shards out, one line for what is wrong, and a code of its own when it is stopped."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from heedful import planted
from heedful.cli.corpus import STOPPED
from heedful.corpus import Corpus

TEXTS = [one.text for one in planted.generate(9, seed=4)]


def rows_of(folder: Path) -> list[dict]:
    return [*Corpus.read(folder).rows()]


def test_the_same_rows_from_every_kind_of_file(run, tmp_path: Path) -> None:
    ids = [f"r{i}" for i in range(len(TEXTS))]
    table = pa.table({"id": ids, "text": TEXTS, "label": [i % 2 for i in range(len(TEXTS))]})
    pq.write_table(table, tmp_path / "x.parquet")
    lines = io.StringIO()
    csv.writer(lines, delimiter=";").writerows(
        [["id", "text", "label"], *zip(ids, TEXTS, table["label"].to_pylist(), strict=True)]
    )
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + lines.getvalue().encode()))
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), "utf-8")
    (tmp_path / "parts").mkdir()
    for i in range(3):
        pq.write_table(table.slice(3 * i, 3), tmp_path / "parts" / f"x-{i}.parquet")
    kept, choices = [], ("-m", "shapley-exact,occlusion", "--shard-rows", "4")
    for i, data in enumerate(("x.parquet", "x.csv.gz", "x.jsonl", "parts", "parts/x-*.parquet")):
        code, out, err = run("corpus", "demo", data, "--out", f"c{i}", *choices)
        assert code == 0, err
        assert out.startswith("9 of 9 texts explained by shapley-exact, occlusion, in 3 files\n")
        kept.append([path.read_bytes() for path in Corpus.read(tmp_path / f"c{i}").files])
    assert all(one == kept[0] for one in kept)
    assert [row["id"] for row in rows_of(tmp_path / "c0")] == ids
    piped = (tmp_path / "x.jsonl").read_bytes()
    for _ in range(2):  # goes on from the same stream
        code, out, err = run("corpus", "demo", "-", "--out", "c9", *choices, stdin=piped)
        assert code == 0, err
    assert [path.read_bytes() for path in Corpus.read(tmp_path / "c9").files] == kept[0]


def test_json_csv_and_log(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('key,text\n"=1+1",A superb film.\nb,""\n', "utf-8")
    code, out, err = run(
        "corpus",
        "demo",
        "x.csv",
        "-m",
        "occlusion",
        "-o",
        "c",
        "--id-column",
        "key",
        "--csv",
        "--json",
        "--log",
        "log.jsonl",
    )
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["n_rows"], facts["n_explained"], facts["finished"]) == (2, 1, True)
    with (tmp_path / "c" / "texts.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["id"] == "=1+1"
    assert first["words for"].startswith("superb +")
    assert "blank" in second["error"]
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert [event["event"] for event in events] == ["start", "shard", "end"]
    assert events[1]["rows_done"] == 2
    assert events[1]["resident_bytes"] > 0


def test_what_is_wrong_is_said_in_one_line(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text\nA superb film.\n\n", "utf-8")
    run("corpus", "demo", "x.csv", "--out", "made")
    for arguments, said in (
        (["x.csv", "--out", "made", "--seed", "1"], "differs in seed"),
        (["no.csv", "--out", "c"], "no.csv"),
        (["x.csv", "--out", "c", "-m", "lyme"], "lime"),
        (["x.csv", "--out", "c", "--engine", "spark"], "no engine is called 'spark'"),
        (["x.csv", "--out", "c", "--address", "auto"], "--engine ray"),
        (["x.csv", "--out", "c", "--text-column", "review"], "review"),
        (["x.csv", "--out", "x.csv"], "x.csv"),
    ):
        code, out, err = run("corpus", "demo", *arguments)
        assert code == 2, arguments
        assert out == ""
        assert said in err
        assert err.count("\n") == 1, err


def test_a_stop_has_a_code_of_its_own(run, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS * 9), "utf-8")

    def terminate() -> None:
        while not (tmp_path / "c" / "shards.jsonl").exists():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate)
    thread.start()
    code, _, err = run("corpus", "demo", "x.jsonl", "--out", "c", "-m", "lime", "--shard-rows", "3")
    thread.join()
    assert code == STOPPED == 3
    assert "the same command goes on" in err
    code, out, _ = run("corpus", "demo", "x.jsonl", "--out", "c", "-m", "lime", "--shard-rows", "3")
    assert code == 0
    assert out.startswith("81 of 81 texts")
