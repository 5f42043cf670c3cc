"""Saving and loading: whole files by their suffix, and back; CSV to the last digit."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from explanations import example, field_values, make
from heedful.errors import InputError, SettingError
from heedful.explanation import SUFFIXES, Comparison, Explanation


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_save_writes_whole_files(tmp_path, suffix: str) -> None:
    path, explanation = tmp_path / f"result{suffix}", example(units=("né 👍", "not", "bad"))
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
    with pytest.raises(SettingError, match=r"'\.pkl': use \.json, \.html or \.csv"):
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


def test_a_suffix_may_be_written_large(tmp_path: Path) -> None:
    assert Explanation.load(example().save(tmp_path / "A.JSON")) == example()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    comparison = Comparison(explanations=(example(), example(method="random")))
    assert Comparison.load(comparison.save(str(tmp_path / "two.json"))) == comparison
    path = example().save(tmp_path / "one.json")
    assert Explanation.load(str(path)) == example()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as some editors save it
    assert Explanation.load(path) == example()


@pytest.mark.parametrize("kind", [Explanation, Comparison])
@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b"<html>", b"\x80\x81", b"[" * 100_000, b"9" * 5_000],
    ids=lambda content: content[:9],
)
def test_other_files_are_refused_by_name(kind: type, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*x\.json: not"):
        kind.load(tmp_path / "x.json")


def test_a_file_of_the_other_kind_says_which_it_is(tmp_path: Path) -> None:
    both = Comparison(explanations=(example(),)).save(tmp_path / "both.json")
    with pytest.raises(InputError, match=r"both\.json: .*heedful\.Comparison"):
        Explanation.load(both)
    with pytest.raises(InputError, match=r"one\.json: not .* comparison"):
        Comparison.load(example().save(tmp_path / "one.json"))
    for missing in (tmp_path / "none.json", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(InputError, match="cannot read"):
            Explanation.load(missing)


def lines(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@settings(deadline=None, max_examples=50)
@given(field_values())
def test_csv_is_exact(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    explanation = Explanation(**values)
    head, *rows = lines(explanation.save(tmp_path_factory.mktemp("csv") / "x.csv"))
    assert head == ["unit", "start", "end", "score"] + ["std_error"] * (explanation.std_error is not None)
    assert [row[0] for row in rows] == list(explanation.units)
    places = [list(zip(row[1].split(), row[2].split(), strict=True)) for row in rows]
    assert [tuple((int(a), int(b)) for a, b in place) for place in places] == list(explanation.spans)
    np.testing.assert_array_equal([float(row[3]) for row in rows], explanation.scores)
    if explanation.std_error is not None:
        np.testing.assert_array_equal([float(row[4]) for row in rows], explanation.std_error)


def test_csv_of_several_has_a_column_a_method(tmp_path: Path) -> None:
    pair = (
        make("a a b", [[(0, 1), (2, 3)], [(4, 5)]], scores=[0.1, -1e-300]),
        make("a a b", [[(0, 1), (2, 3)], [(4, 5)]], scores=[1, 2], method="occlusion"),
    )
    path = Comparison(explanations=pair).save(tmp_path / "x.csv")
    assert lines(path) == [
        ["unit", "start", "end", "lime", "occlusion"],
        ["a", "0 2", "1 3", "0.1", "1.0"],
        ["b", "4", "5", "-1e-300", "2.0"],
    ]


@pytest.mark.parametrize("unit", ["=1+1", "@x", '"', "a\r\nb", "a,b", ";", "\t", "\0"])
def test_csv_holds_units_as_they_are(unit: str, tmp_path: Path) -> None:
    path = make(unit, [[(0, len(unit))]], scores=[1]).save(tmp_path / "x.csv")
    assert lines(path)[1] == [unit, "0", str(len(unit)), "1.0"]
