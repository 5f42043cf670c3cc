"""Tables and line ends on the command line: every row explained, those that cannot be named, nothing lost."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_cli import one_line

import heedful
from heedful.errors import PrecisionError
from heedful.explanation import Comparison, Explanation

TEXTS = ("A superb film.", "Dull, slow; and bad.", "The plot was charming")
CSV = 'id;Review;stars\r\n1;A superb film.;5\r\n2;"Dull, slow; and bad.";1\r\n3;The plot was charming;4\r\n'
EXPLAIN = ["explain", "demo", "-m", "occlusion", "--file"]


def explanations(out: str) -> list[Explanation]:
    return [replace(Explanation.from_dict(one), seconds=0.0) for one in json.loads(out)]


def expected(*texts: str, method: str = "occlusion") -> list[Explanation]:
    clf = heedful.load("demo")
    return [replace(heedful.explain(clf, text, method), seconds=0.0) for text in texts]


@pytest.mark.parametrize("method", ["occlusion", "shapley-exact"])  # one by one, and many at once
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", CSV.encode()),
        ("x.csv", CSV.encode("utf-16")),
        ("x.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()),
        ("x.json", json.dumps(TEXTS).encode()),
    ],
)
def test_every_row_of_a_table_is_explained(run, tmp_path: Path, name: str, content: bytes, method: str) -> None:
    (tmp_path / name).write_bytes(content)
    code, out, err = run("explain", "demo", "-m", method, "--file", name, "--json")
    assert (code, err) == (0, "")
    if method == "occlusion":
        assert explanations(out) == expected(*TEXTS)
    assert [one.text for one in explanations(out)] == list(TEXTS)


def test_rows_in_the_terminal_are_named(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV, "utf-8")
    code, out, _ = run(*EXPLAIN, "x.csv")
    assert code == 0
    places = [line for line in out.splitlines() if line.startswith("x.csv, ")]
    assert places == ["x.csv, line 2", "x.csv, line 3", "x.csv, line 4"]
    assert all(text in out for text in TEXTS)


BROKEN = "text,label\nA superb film.,1\n,0\nzqxw,0\n , 1\nA dull film.,0\n"


def test_rows_that_cannot_be_explained_are_named_and_the_others_given(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(BROKEN, "utf-8")
    for method in ("occlusion", "shapley-exact"):
        code, out, err = run("explain", "demo", "-m", method, "--file", "x.csv", "--json")
        assert code == 2
        assert [one.text for one in explanations(out)] == ["A superb film.", "A dull film."]
        line = one_line(err)
        assert line.startswith(
            "heedful: x.csv: 3 of 5 rows not explained: line 3, line 5: the text ('text') is missing"
        )
        assert "; line 4: no word of the text is in the vocabulary" in line
    code, out, err = run(*EXPLAIN, "x.csv")
    assert code == 2
    assert "x.csv, line 6" in out
    assert "3 of 5 rows" in one_line(err)


def test_a_table_without_any_text_prints_nothing(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,text\n1,\n2,\n", "utf-8")
    code, out, err = run(*EXPLAIN, "x.csv", "--json", "-o", "x.json")
    assert (code, out) == (2, "")
    assert "2 of 2 rows not explained: line 2, line 3: the text" in one_line(err)
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("stop", [PrecisionError("not exact enough"), KeyboardInterrupt(), ZeroDivisionError()])
def test_what_is_there_when_it_stops_is_given(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop) -> None:
    (tmp_path / "x.csv").write_text(CSV, "utf-8")
    explain = heedful.explain

    def stopped(clf, text, method, **choices):
        if text == TEXTS[1]:
            raise stop
        return explain(clf, text, method, **choices)

    clf = heedful.load("demo")
    monkeypatch.setattr(heedful, "explain", stopped, raising=False)
    monkeypatch.setattr("heedful.cli.explain.load_classifier", lambda *_: clf)
    code, out, err = 1, "", ""
    try:
        code, out, err = run(*EXPLAIN, "x.csv", "--json", "-o", "all.json")
    except ZeroDivisionError:
        assert isinstance(stop, ZeroDivisionError)
    saved = [Explanation.from_dict(one).text for one in json.loads((tmp_path / "all.json").read_text("utf-8"))]
    assert saved == ([TEXTS[0], TEXTS[2]] if isinstance(stop, PrecisionError) else [TEXTS[0]])
    if not isinstance(stop, ZeroDivisionError):
        assert [one.text for one in explanations(out)] == saved
        assert code == (2 if isinstance(stop, PrecisionError) else 130)
        assert ("line 3: not exact enough" in err) == isinstance(stop, PrecisionError)


def test_rows_are_saved_by_suffix(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV, "utf-8")
    assert run(*EXPLAIN, "x.csv", "-o", "all.json")[0] == 0
    assert explanations((tmp_path / "all.json").read_text("utf-8")) == expected(*TEXTS)
    assert run(*EXPLAIN, "x.csv", "-o", "all.html")[0] == 0
    assert all(word in (tmp_path / "all.html").read_text("utf-8") for word in ("superb", "Dull", "charming"))
    assert run(*EXPLAIN, "x.csv", "-o", "all.csv")[0] == 0
    lines = list(csv.reader((tmp_path / "all.csv").read_text("utf-8").splitlines()))
    assert lines[0] == ["place", "unit", "start", "end", "score"]
    assert {line[0] for line in lines[1:]} == {"line 2", "line 3", "line 4"}
    printed = run(*EXPLAIN, "x.csv", "--csv")[1]
    assert printed == (tmp_path / "all.csv").read_text("utf-8")


def test_rows_are_compared(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(BROKEN, "utf-8")
    code, out, err = run(
        "compare", "demo", "-m", "occlusion", "-m", "random", "--file", "x.csv", "--json", "-o", "c.html"
    )
    assert code == 2
    found = [Comparison.from_json(json.dumps(one)) for one in json.loads(out)]
    assert [one.explanations[1].text for one in found] == ["A superb film.", "A dull film."]
    assert "3 of 5 rows" in one_line(err)
    assert "dull" in (tmp_path / "c.html").read_text("utf-8")


def test_the_column_of_the_texts_can_be_named(run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("review,comment\nA superb film.,Dull\n", "utf-8")
    (tmp_path / "y.csv").write_text("1,A superb film.\n2,The plot was charming\n", "utf-8")
    assert "--text-column" in one_line(run(*EXPLAIN, "x.csv")[2])
    assert explanations(run(*EXPLAIN, "x.csv", "--text-column", "review", "--json")[1]) == expected("A superb film.")
    assert "--text-column" in one_line(run(*EXPLAIN, "y.csv")[2])
    found = explanations(run(*EXPLAIN, "y.csv", "--text-column", "1", "--json")[1])
    assert found == expected("A superb film.", "The plot was charming")
    for arguments, message in (
        (["x.csv", "--text-column", "words"], "no column 'words'"),
        (["x.csv", "--text-column", "review", "--pair", "b"], "--pair goes with one text"),
        (["x.csv", "--text-column", "review", "--target", "red"], "no class"),
        (["x.xlsx"], "save the sheet as CSV"),
    ):
        (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04")
        code, out, err = run(*EXPLAIN, *arguments)
        assert (code, out) == (2, "")
        assert message in one_line(err)
    (tmp_path / "x.txt").write_text("good", "utf-8")
    assert "goes with a table" in one_line(run(*EXPLAIN, "x.txt", "--text-column", "review")[2])


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_end_of_the_last_line_is_no_part_of_the_text(run, tmp_path: Path, end: str, encoding: str) -> None:
    content = (TEXTS[0] + end).encode(encoding)
    (tmp_path / "x.txt").write_bytes(content)
    for arguments, stdin in ((["--file", "x.txt"], None), ([], content), (["-"], content)):
        out = run("explain", "demo", *arguments, "-m", "occlusion", "--json", stdin=stdin)[1]
        assert [replace(Explanation.from_json(out), seconds=0.0)] == expected(TEXTS[0])


def test_other_encodings_are_told(run, tmp_path: Path) -> None:
    text = "A superb café."
    (tmp_path / "x.txt").write_bytes(f"{text}\r\n".encode("cp1252"))
    (tmp_path / "x.csv").write_bytes(f"text\r\n{text}\r\n".encode("cp1252"))
    for name in ("x.txt", "x.csv"):
        code, out, err = run(*EXPLAIN, name)
        assert (code, out) == (2, "")
        assert "--encoding" in one_line(err)
        assert "café" in err
        found = json.loads(run(*EXPLAIN, name, "--encoding", "cp1252", "--json")[1])
        assert (found if name == "x.txt" else found[0])["text"] == text
    assert "no encoding is called 'klingon'" in one_line(run(*EXPLAIN, "x.txt", "--encoding", "klingon")[2])


def test_train_takes_the_names_of_columns_and_an_encoding(run, tmp_path: Path) -> None:
    rows = "".join(f"{i};{'good' if i % 2 else 'bad'} café film;{i % 2};n\n" for i in range(40))
    (tmp_path / "x.csv").write_bytes(("id;words;kind;sentiment\n" + rows).encode("cp1252"))
    arguments = ["train", "--data", "x.csv", "--out", "m", "--epochs", "1", "--heads", "1", "--json"]
    assert "--text-column" in one_line(run(*arguments, "--encoding", "cp1252")[2])
    told = ["--text-column", "words", "--label-column", "kind", "--encoding", "cp1252"]
    code, _, err = run(*arguments, *told)
    assert code == 0, err
    assert json.loads((tmp_path / "m" / "config.json").read_text("utf-8"))["id2label"] == {"0": "0", "1": "1"}
