"""`heedful audit`: from a file to a verdict, and what is refused before anything is measured."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import heedful

Run = Callable[..., tuple[int, str, str]]
REVIEWS = heedful.planted.as_dataset(heedful.planted.generate(25, seed=2))
FEW = ("--checks", "none", "-m", "attention-mean", "-m", "occlusion", "-m", "random", "--metric", "kendall")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.jsonl"
    rows = zip(REVIEWS.texts, REVIEWS.labels.tolist(), strict=True)
    lines = [json.dumps({"text": text, "label": REVIEWS.label_names[k]}) for text, k in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_a_file_ends_in_a_verdict_and_the_same_command_does_nothing_new(run: Run, reviews: Path) -> None:
    code, out, err = run("audit", "demo", str(reviews), "--out", "audit", *FEW)
    assert code == 0
    assert out.splitlines()[0] in ("faithful", "map", "misleading", "undecided")
    assert "attention orders" in out
    assert "report.html" in err
    written = {path: path.stat().st_mtime_ns for path in Path("audit/rows").iterdir()}
    again, _, _ = run("audit", "demo", str(reviews), "--out", "audit", *FEW, "--json")
    assert again == 0
    assert {path: path.stat().st_mtime_ns for path in Path("audit/rows").iterdir()} == written
    code, out, _ = run("audit", "demo", str(reviews), "--out", "audit", *FEW, "--csv", "--quiet")
    rows = list(csv.DictReader(out.splitlines()))
    cells = heedful.Audit.read("audit").cells
    assert [(row["metric"], row["method"]) for row in rows] == [(cell["metric"], cell["method"]) for cell in cells]
    assert all(float(row["value"]) == cell["value"] for row, cell in zip(rows, cells, strict=True))
    assert {row["p"] for row in rows if row["method"] == "random"} == {""}  # it is not compared with itself


def test_texts_without_labels_are_audited_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text(
        "review,n\n" + "\n".join(f'"{t}",1' for t in REVIEWS.texts[:3]) + "\n,2\n", "utf-8"
    )
    code, out, _ = run("audit", "demo", str(tmp_path / "texts.csv"), "--out", "audit", *FEW, "--json")
    assert code == 0
    content = json.loads(out)
    assert content["facts"]["n_texts"] == 3
    assert content["problems"] == {"the text ('review') is missing or blank": ["line 5"]}
    assert content["verdict"]["level"] == "undecided"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("demo", "nowhere.csv", "--out", "audit"), "nowhere.csv"),
        (("demo", "{reviews}"), "give a folder for the audit: --out FOLDER"),
        (("demo", "{reviews}", "--out", "audit", "-m", "attenton-mean"), "did you mean attention-mean"),
        (("demo", "{reviews}", "--out", "audit", "--metric", "kendal"), "did you mean kendall"),
        (("demo", "{reviews}", "--out", "audit", "--limit", "0"), "limit must be"),
        (("demo", "{reviews}", "--out", "audit", "--budget", "soon"), "budget is a time above 0, such as 90s"),
        (("diff", "nowhere", "elsewhere"), "holds no finished audit"),
        (("demo", "a", "b"), "heedful audit diff a b"),
    ],
)
def test_bad_input_is_one_line(run: Run, reviews: Path, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run("audit", *(one.format(reviews=reviews) for one in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert err.strip().count("\n") == 0
