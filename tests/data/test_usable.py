"""Whatever rows of a table can be used, and what is wrong with the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heedful.data import read_usable
from heedful.errors import DataError


def written(path: Path, rows: list[dict]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    return path


def test_every_bad_row_is_left_out_with_its_reason_and_place(tmp_path: Path) -> None:
    rows = [
        {"text": "A gem.", "label": "pos", "tokens": ["A", "gem"], "rationale": [0, 1]},
        {"text": " ", "label": "pos", "tokens": None, "rationale": None},
        {"text": "A bore.", "label": None, "tokens": None, "rationale": None},
        {"text": "A bore.", "label": "neg", "tokens": ["A", "bore"], "rationale": [1]},
        {"text": None, "label": None, "tokens": None, "rationale": None},
        {"text": "Dull.", "label": "neg", "tokens": ["bright"], "rationale": [1]},
    ]
    result = read_usable(written(tmp_path / "rows.jsonl", rows))
    assert result.dataset.texts == ("A gem.", "A bore.", "Dull.")
    assert result.places == ["line 1", "line 4", "line 6"]
    assert result.rows == [0, 3, 5]
    assert [None if one is None else one.weights.tolist() for one in result.dataset.rationales] == [[0, 1], None, None]
    assert result.problems == {
        "the text ('text') is missing or blank": ["line 2", "line 5"],
        "the label ('label') is missing": ["line 3"],
        "the rationale does not fit the text, which is used without it": [
            "line 4: 2 tokens, 1 weights",
            "line 6: no 'bright' after character 0",
        ],
    }


def test_the_test_part_comes_first_with_the_classes_of_train(tmp_path: Path) -> None:
    written(tmp_path / "train.jsonl", [{"text": "A gem.", "label": 1}, {"text": "A bore.", "label": 0}])
    written(tmp_path / "test.jsonl", [{"text": "A treat.", "label": 1}, {"text": "", "label": 0}])
    result = read_usable(tmp_path)
    assert (result.dataset.texts, result.dataset.label_names) == (("A treat.",), ("0", "1"))
    assert [*result.problems.values()] == [["line 2"]]


def test_labels_that_train_has_not_stay_by_their_names(tmp_path: Path) -> None:
    written(tmp_path / "train.jsonl", [{"text": "A gem.", "label": "pos"}, {"text": "A bore.", "label": "neg"}])
    written(tmp_path / "test.jsonl", [{"text": "A treat.", "label": "pos"}, {"text": "Hm.", "label": "mixed"}])
    result = read_usable(tmp_path)
    assert [result.dataset.label_names[k] for k in result.dataset.labels] == ["pos", "mixed"]


def test_a_table_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1 \(and 1 more\): the text \('text'\) is missing"):
        read_usable(written(tmp_path / "rows.jsonl", [{"text": "", "label": "a"}, {"text": None, "label": "b"}]))
    with pytest.raises(DataError, match="only one class"):
        read_usable(written(tmp_path / "one.jsonl", [{"text": "A gem.", "label": "pos"}, {"text": "", "label": "neg"}]))
