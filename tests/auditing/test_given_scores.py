"""Scores that another tool made: matched onto our units by characters, the same figures as our own where they agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
from heedful.auditing.audit import audit
from heedful.auditing.given import GivenScores
from heedful.auditing.given.matching import matched
from heedful.auditing.given.records import made
from heedful.errors import DataError, SettingError, TextError
from heedful.text.units import Units, find, words

REVIEWS = [review.text for review in heedful.planted.generate(6, seed=4)]
TEXT = "The plot wasn't dull — né, Dull 😀!"


@pytest.fixture(scope="module")
def demo() -> heedful.Classifier:
    return heedful.load("demo")


def units_of(text: str, kind: str = "word") -> Units:
    """Units of a text whose tokens are its words."""
    return find(text, words(text), kind)


def put(pieces: Sequence[str], text: str, kind: str = "word", **others: Any) -> dict[str, float]:
    """Scores 1, 2, 4, ... of pieces, on units: which piece went where can be read off the sums."""
    lenient = others.pop("lenient", False)
    record = made("here", list(pieces), [float(2**i) for i in range(len(pieces))], **others)
    units = units_of(text, kind)
    return dict(zip(units.strings, matched(record, text, units, lenient=lenient).scores.tolist(), strict=True))


@pytest.mark.parametrize(
    ("pieces", "text", "expected"),
    [
        (["the", "film"], "The film", {"The": 1, "film": 2}),
        (["[CLS]", "du", "##l", "##ler", "film", "[SEP]"], "Duller film", {"Duller": 14, "film": 16}),
        (["<s>", "A", "\u0120d", "ull", "\u0120caf\u00c3\u00a9"], "A dull café", {"A": 2, "dull": 12, "café": 16}),
        (["\u2581A", "\u2581du", "ll", "\u2581", "caf", "é"], "A dull café", {"A": 1, "dull": 6, "café": 48}),
        (["a", "naive", "cafe"], "A naïve Café", {"A": 1, "naïve": 2, "Café": 4}),
        (["wasn", "'", "t", "dull"], "wasn't dull", {"wasn't": 7, "dull": 8}),
        (["a</w>", "du", "ll</w>"], "a dull", {"a": 1, "dull": 6}),
        (["du@@", "ll"], "dull", {"dull": 3}),
        (["", "A ", "dull", " film", ""], "A dull film", {"A": 2, "dull": 4, "film": 8}),
        (["a", "[UNK]", "end"], "a 😀 end", {"a": 1, "😀": 2, "end": 4}),
        (["a", "<unk>", "<unk>", "end"], "a 😀 漢 end", {"a": 1, "😀": 2, "漢": 4, "end": 8}),
        (["a", "[UNK]"], "a 😀", {"a": 1, "😀": 2}),
        (["\u00f0\u0141", "\u013a", "\u0122", "\u0120end"], "😀 end", {"😀": 7, "end": 8}),  # bytes, in GPT-2's way
        (["<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "\u2581end"], "😀 end", {"😀": 15, "end": 16}),
        (["\ufffd", "\ufffd", " end"], "😀 end", {"😀": 3, "end": 4}),
        (["hello", "a", "hello", "he"], "hello a hello he", {"hello": 4, "a": 2, "he": 8}),
        (["strasse"], "Straße", {"Straße": 1}),
        (["#", "good"], "# good", {"good": 2}),
        (["the", "G", "\u0120good"], "the G good", {"the": 1, "G": 2, "good": 4}),
    ],
)  # fmt: skip
def test_pieces_of_other_tokenizers(pieces: list[str], text: str, expected: dict[str, float]) -> None:
    assert put(pieces, text) == expected


def test_a_word_types_score_is_the_sum_over_its_occurrences() -> None:
    assert put(["the", "film", "the", "end"], "the film the end", "word_type") == {"the": 5, "film": 2, "end": 8}
    assert put(["the", "film", "end"], "the film the end", "word_type") == {"the": 1, "film": 2, "end": 4}


def test_words_in_any_order() -> None:
    assert put(["end", "the", "film"], "the film the end", "word_type") == {"the": 2, "film": 4, "end": 1}
    assert put(["he", "hello"], "hello a hello he", "word_type", lenient=True) == {"hello": 2, "a": 0, "he": 1}
    assert put(["hello", "a", "he"], "hello a hello he", "word_type") == {"hello": 1, "a": 2, "he": 4}


def test_what_does_not_match_is_said() -> None:
    cases: list[tuple[list[str], str, str, str]] = [
        (["a", "bad", "film"], "a dull film", "word", "here: 'bad' is not in the text where .* from character 2 on$"),
        (["a", "film"], "a dull film", "word", "here: no score for 'dull' at character 2$"),
        (["a"], "a dull film", "word", "here: no score for 'dull' at character 2 and for 1 more"),
        (["a dull", "film"], "a dull film", "word", "the score of 'a dull' is one of several units, 'a' and 'dull'"),
        (["film", "the"], "the film the end film", "word", "no score for"),
        (["the", "film", "end"], "the film the end", "word", "no score for"),
    ]  # fmt: skip
    for pieces, text, kind, message in cases:
        with pytest.raises(TextError, match=message) as raised:
            put(pieces, text, kind)
        assert "\n" not in str(raised.value)
    assert put(["a dull", "film"], "a dull film", lenient=True) == {"a": 0.5, "dull": 0.5, "film": 2}


def test_places_are_taken_as_they_are_said_and_checked() -> None:
    spans = (((0, 3), (9, 12)), ((4, 8),), ((13, 16),))
    assert put(["the", "film", "end"], "the film the end", "word_type", spans=spans) == {"the": 1, "film": 2, "end": 4}
    wrong = (((0, 3),), ((4, 8),), ((9, 12),))
    with pytest.raises(TextError, match="'end' is not at characters 9 to 12, where 'the' stands"):
        put(["the", "film", "end"], "the film the end", "word_type", spans=wrong)
    with pytest.raises(TextError, match="'end' is not within the text, from 13 to 99"):
        put(["the", "film", "end"], "the film the end", "word_type", spans=(*spans[:2], ((13, 99),)))


def test_scores_on_no_unit_are_counted() -> None:
    record = made("here", ["[CLS]", "a", "film", "."], [-3.0, 1.0, 2.0, 0.5])
    result = matched(record, "a film.", units_of("a film."))
    assert (result.scores.tolist(), result.outside) == ([1.0, 2.0], 3.5)


@settings(deadline=None, max_examples=60)
@given(text=st.text(st.sampled_from("abA é.'-漢😀\u0301#"), min_size=1, max_size=20), cut=st.sets(st.integers(0, 20)))
def test_any_cutting_of_a_text_into_pieces_is_found_again(text: str, cut: set[int]) -> None:
    units = units_of(text)
    ends = {end for _, end in words(text)} | {start for start, _ in words(text)}
    places = sorted({0, len(text), *ends, *(c for c in cut if c < len(text))})
    pieces = [text[a:b] for a, b in pairwise(places)]
    if not len(units) or not pieces:
        return
    scores = np.arange(1.0, len(pieces) + 1)
    expected = [sum(scores[i] for i, a in enumerate(places[:-1]) if s <= a < e) for ((s, e),) in units.spans]
    result = matched(made("here", pieces, scores), text, units)
    # of a mark that stands alone nothing is left to be found by; its score is on no unit
    lone = sum(scores[i] for i, piece in enumerate(pieces) if not piece.strip("\u0301 "))
    assert np.abs(result.scores - expected).sum() <= lone


def occlusion_rows(classifier: heedful.Classifier, *, spans: bool, kind: str) -> list[dict[str, Any]]:
    each = heedful.explain(classifier, REVIEWS, "occlusion", unit=kind)
    rows = [
        {"text": e.text, "units": list(e.units), "scores": e.scores.tolist(), "target": e.target_name, "method": "occ",
         "spans": [[list(span) for span in places] for places in e.spans]}
        for e in each
    ]  # fmt: skip
    return rows if spans else [{key: value for key, value in row.items() if key != "spans"} for row in rows]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@pytest.mark.parametrize("spans", [True, False])
def test_an_audit_of_our_own_scores_read_back_is_the_same(
    demo: heedful.Classifier, tmp_path: Path, suffix: str, *, spans: bool
) -> None:
    rows = occlusion_rows(demo, spans=spans, kind="word_type")
    scores = GivenScores.read(write(tmp_path / f"scores{suffix}", rows))
    out = tmp_path / "audit"
    metrics = ["kendall", "aopc-comprehensiveness", "decision-flip"]
    result = audit(demo, REVIEWS, ["occlusion", scores], metrics, checks=[], out=out)
    assert scores.settings()["scores"] in (out / "audit.json").read_text("utf-8")  # by which another file is told apart
    assert not result.refused
    by_method = {name: [row for row in result.rows if row["method"] == name] for name in ("occlusion", "occ")}
    assert len(by_method["occ"]) == len(REVIEWS)
    for mine, theirs in zip(*by_method.values(), strict=True):
        for key in ("scores", "units", "kendall", "aopc-comprehensiveness", "decision-flip"):
            assert mine[key] == theirs[key]


def test_rows_without_texts_go_by_their_numbers(demo: heedful.Classifier, tmp_path: Path) -> None:
    rows = occlusion_rows(demo, spans=False, kind="word")
    expected = heedful.explain(demo, REVIEWS[2], "occlusion", unit="word").scores.tolist()
    for row in rows:
        del row["text"]
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError, match="line 1: no text, so give texts="):
        GivenScores.read(path)
    with pytest.raises(DataError, match="6 rows of scores without a text or row number, but 5 texts"):
        GivenScores.read(path, texts=REVIEWS[:5])
    in_order = GivenScores.read(path, texts=REVIEWS)
    numbered = write(tmp_path / "b.jsonl", [{**row, "row": i} for i, row in enumerate(rows)][::-1])
    for scores in (in_order, GivenScores.read(numbered, texts=REVIEWS)):
        assert heedful.explain(demo, REVIEWS[2], scores, unit="word").scores.tolist() == expected
    with pytest.raises(DataError, match="there is no text 5 among 5"):
        GivenScores.read(numbered, texts=REVIEWS[:5])


def test_what_has_no_scores_or_those_of_another_class_is_refused_by_text(demo: heedful.Classifier) -> None:
    pairs = [[("a", 0.1), ("dull", 0.9), ("film", 0.2)]]
    scores = GivenScores.of(pairs, name="ours", texts=["a dull film"])
    assert heedful.explain(demo, " a  dull film", scores, unit="word").scores.tolist() == [0.1, 0.9, 0.2]
    assert not scores.signed
    with pytest.raises(TextError, match="ours has no scores for this text"):
        heedful.explain(demo, "another film", scores)
    one = heedful.explain(demo, "a dull film", "occlusion", target="positive")
    with pytest.raises(TextError, match="scores explain class 'positive', and 'negative' is asked about"):
        heedful.explain(demo, "a dull film", GivenScores.of(one, name="ours"), target="negative")
    both = GivenScores.of([one, heedful.explain(demo, "a dull film", "occlusion", target=0)], name="ours")
    again = heedful.explain(demo, "a dull film", both, target="positive")
    assert (again.scores == one.scores).all()
    assert (again.method, again.settings["source"]) == ("ours", "a list from builtins")
    long = GivenScores.of([[("a", 0.1)]], name="ours", texts=["a dull film"], lenient=True)
    assert heedful.explain(demo, "a dull film", long).scores.tolist() == [0.1, 0, 0]


def test_a_row_s_own_text_comes_before_its_number(demo: heedful.Classifier, tmp_path: Path) -> None:
    texts = ["a dull film", "a good film", "a slow plot"]
    rows = [{"text": text, "units": text.split(), "scores": [0.0, i + 1.0, 0.0]} for i, text in enumerate(texts)]

    def scores_of(rows: list[dict[str, Any]], order: list[str] | None = texts) -> list[float]:
        read = GivenScores.read(write(tmp_path / "x.jsonl", rows), texts=order)
        return [float(heedful.explain(demo, text, read, unit="word").scores[1]) for text in texts]

    for other in ({"row": 0}, {"id": 0}, {"id": "r7"}, {"id": -1}, {"id": 99}):
        for order in (texts, None):
            assert scores_of([row | other for row in rows], order) == [1, 2, 3]
    bare = [{key: value for key, value in row.items() if key != "text"} for row in rows]
    moved = [(bare[i], i) for i in (2, 0, 1)]
    for name in ("id", "row"):
        assert scores_of([row | {name: i} for row, i in moved]) == [1, 2, 3]
    assert scores_of([row | {"row": i, "id": "x"} for row, i in moved]) == [1, 2, 3]
    for ids in ((1, 2, 3), ("a", "b", "c"), (-1, 0, 1), (0.0, 2.0, 1.0)):  # no numbers of these texts: so by order
        assert scores_of([row | {"id": i} for row, i in zip(bare, ids, strict=True)]) == [1, 2, 3]
    assert scores_of([rows[2] | {"row": 0}, bare[1] | {"row": 1}, bare[0] | {"row": 0}]) == [1, 2, 3]
    with pytest.raises(DataError, match="there is no text -1"):
        GivenScores._made("x", "x", [made("x", ["a"], [1.0], row=-1)], ["a"], lenient=False, signed=None)


def test_of_several_rows_of_a_text_the_first_counts_and_the_others_are_counted(
    demo: heedful.Classifier, tmp_path: Path
) -> None:
    rows = [
        {"text": "a film", "units": ["a", "film"], "scores": [1.0, 2.0]},
        {"text": "a film", "units": ["a", "film"], "scores": [1.0, 2.0]},  # the same again
        {"text": "a film", "units": ["a", "film"], "scores": [1.0, 2.0000001]},
        {"text": "a  film", "units": ["a", "fi", "##lm"], "scores": [5.0, 6.0, 7.0]},
    ]
    read = GivenScores.read(write(tmp_path / "x.jsonl", rows))
    result = heedful.explain(demo, "a film", read)
    assert (result.scores.tolist(), result.details["rows_left_out"]) == ([1, 2], 2)
    alone = GivenScores.read(write(tmp_path / "x.jsonl", rows[:2]))
    assert "rows_left_out" not in heedful.explain(demo, "a film", alone).details


@pytest.mark.parametrize("bad", [[1.0, None], [float("nan"), 1.0], None])
def test_a_row_without_a_number_refuses_its_text_alone(demo: heedful.Classifier, tmp_path: Path, bad: Any) -> None:
    rows = [
        {"text": "a plot", "units": ["a", "plot"], "scores": bad},
        {"text": "a film", "units": ["a", "film"], "scores": [1.0, 2.0]},
    ]
    read = GivenScores.read(write(tmp_path / "x.jsonl", rows))
    assert heedful.explain(demo, "a film", read).scores.tolist() == [1, 2]
    with pytest.raises(TextError, match=r"line 1: (there are no scores|the score of .* is not finite)"):
        heedful.explain(demo, "a plot", read)
    again = GivenScores.read(write(tmp_path / "x.jsonl", [*rows, {**rows[0], "scores": [3.0, 4.0]}]))
    assert heedful.explain(demo, "a plot", again).scores.tolist() == [3, 4]


def test_a_file_whose_name_has_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    row = {"text": "a", "units": ["a"], "scores": [1]}
    for path in (tmp_path / "a=b" / "x.jsonl", tmp_path / "lr=1.jsonl"):
        write(path, [row])
    parsed = [GivenScores.parse(given).name for given in ("a=b/x.jsonl", "lr=1.jsonl", "m=a=b/x.jsonl")]
    assert parsed == ["x", "lr=1", "m"]
    for wrong in ("\0", "x" * 9000):
        with pytest.raises(DataError):
            GivenScores.parse(wrong)


def test_settings_tell_spans_targets_and_signs_apart() -> None:
    spans: dict[str, Any] = {"spans": (((0, 1),),)}
    others: list[dict[str, Any]] = [{}, spans, {"target": (1,)}, {"sparse": True}]
    digests = [
        GivenScores._made(
            "x", "x", [made("x", ["a"], [1.0], text="a", **other)], None, lenient=False, signed=signed
        ).settings()["scores"]
        for other in others
        for signed in (True, False)
    ]
    assert len(set(digests)) == 8
    with patch("heedful.auditing.given.scores.hashlib.sha256", side_effect=hashlib.sha256) as hashed:
        scores = GivenScores.of([[("a", 1.0)]], name="ours", texts=["a"])
        assert scores.settings() == scores.settings()
        assert hashed.call_count == 1


def test_settings_tell_scores_apart() -> None:
    one, other, same = (
        GivenScores.of([[("a", score)]], name="ours", texts=["a"]).settings() for score in (1.0, 2.0, 1.0)
    )
    assert one == same != other


HOSTILE: list[tuple[str, str]] = [
    ("", "no rows"),
    ("{}", "no column units; the columns are: none"),
    ('{"text": "a", "units": ["a"]}', "no column scores"),
    ("[1]", "line 1: not a JSON object"),
    ("{", "line 1: not JSON"),
    ('{"text": "a", "units": "a", "scores": [1]}', "line 1: units must be a list of strings, got 'a'"),
    ('{"text": "a", "units": [], "scores": []}', "units must be a list of strings"),
    ('{"text": "a", "units": [1], "scores": [1]}', "units must be a list of strings"),
    ('{"text": "a", "units": ["a"], "scores": [1, 2]}', "1 units, but 2 scores"),
    ('{"text": "a", "units": ["a"], "scores": ["1"]}', "scores must be a list of numbers"),
    ('{"text": "a", "units": ["a"], "scores": [true]}', "scores must be a list of numbers"),
    ('{"text": "a", "units": ["a"], "scores": [[1]]}', "scores must be a list of numbers"),
    ('{"text": "a", "units": ["a"], "scores": {"a": 1}}', "scores must be a list of numbers"),
    ('{"text": "a", "units": ["a"], "scores": [null]}', "the score of 'a' is not finite"),
    ('{"text": "a", "units": ["a"], "scores": [NaN]}', "the score of 'a' is not finite"),
    ('{"text": "a", "units": ["a"], "scores": [1e999]}', "the score of 'a' is not finite"),
    ('{"text": 5, "units": ["a"], "scores": [1]}', "text must be a string, got 5"),
    ('{"row": -1, "units": ["a"], "scores": [1]}', "row must be the number of a text, from 0, got -1"),
    ('{"row": "x", "units": ["a"], "scores": [1]}', "row must be the number of a text"),
    ('{"text": "a", "target": [1], "units": ["a"], "scores": [1]}', "target must be a class's name or index"),
    ('{"text": "a", "spans": [[0]], "units": ["a"], "scores": [1]}', "spans are"),
    ('{"text": "a", "spans": [], "units": ["a"], "scores": [1]}', "spans must be as many as units"),
    ('{"text": "a", "spans": 5, "units": ["a"], "scores": [1]}', "spans must be as many as units"),
    ('{"text": "a", "tokens": ["a"], "units": ["a"], "scores": [1]}', "which column holds the units, units or tokens"),
    ('{"text": "a", "units": ["a"], "scores": null}', "line 1: there are no scores"),
    ('{"text": "a", "method": "x", "units": ["a"], "scores": [1]}\n{"text": "a", "method": "y", "units": ["a"], '
     '"scores": [2]}', "scores of 2 methods: choose one with method=, of 'x', 'y'"),
    ('{"text": "a", "units": ["a"], "scores": [' + "9" * 5000 + "]}", "not JSON to read|scores must be"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), HOSTILE)
def test_a_mangled_file_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError, match=message if content else "no rows|empty") as raised:
        GivenScores.read(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)


def test_other_files_are_one_line(tmp_path: Path) -> None:
    damaged = tmp_path / "x.parquet"
    damaged.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="not a Parquet file"):
        GivenScores.read(damaged)
    with pytest.raises(DataError, match="no such file"):
        GivenScores.read(tmp_path / "y.parquet")
    with pytest.raises(DataError, match=r"read from \.parquet, \.jsonl"):
        GivenScores.read(tmp_path / "y.pkl")
    pq.write_table(pa.table({"text": ["a"], "units": [["a"]], "scores": [["b"]]}), damaged)
    with pytest.raises(DataError, match="row 1: scores must be a list of numbers"):
        GivenScores.read(damaged)
    path = write(tmp_path / "m.jsonl", [{"text": "a", "method": name, "units": ["a"], "scores": [1]} for name in "xy"])
    assert GivenScores.read(path, method="y").card.name == "y"
    one = write(tmp_path / "n.jsonl", [{"text": "a", "units": ["a"], "scores": [1]}])
    assert [GivenScores.parse(given).name for given in (f"shap={one}", str(one))] == ["shap", "n"]
    for given_text in ("", "shap="):
        with pytest.raises(SettingError, match="given as NAME=PATH"):
            GivenScores.parse(given_text)
    with pytest.raises(DataError, match="no scores of method 'z'"):
        GivenScores.read(path, method="z")


def test_an_audit_goes_on_without_the_texts_that_have_no_scores(demo: heedful.Classifier) -> None:
    mine = heedful.explain(demo, REVIEWS, "occlusion")
    scores = GivenScores.of(mine[:3] + mine[4:], name="ours")
    result = audit(demo, REVIEWS, ["occlusion", scores], ["kendall"], checks=[])
    assert sum(row["method"] == "occlusion" for row in result.rows) == len(REVIEWS)
    theirs = [row for row in result.rows if row["method"] == "ours"]
    assert [i for i, row in enumerate(theirs) if "ours has no scores for this text" in str(row)] == [3]
