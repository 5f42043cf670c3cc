"""The queries of docs/corpus.md run in DuckDB and say what the rows hold; pandas and polars read the same files."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars
import pytest

import heedful
from heedful import planted
from heedful.corpus import Corpus

PAGE = Path(__file__).parents[2] / "docs" / "corpus.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    reviews = planted.generate(60, seed=9)
    labels = np.array([one.label for one in reviews])
    labels[::7] = 1 - labels[::7]  # some that the model gets wrong
    data = heedful.data.Dataset(tuple(one.text for one in reviews), labels, ("negative", "positive"), "planted")
    folder = tmp_path_factory.mktemp("queries") / "corpus"
    methods = ["lime", "attention-mean"]
    return heedful.corpus.run(heedful.load("demo"), data, methods, out=folder, shard_rows=25)


def asked(corpus: Corpus, query: str) -> list[dict]:
    answer = duckdb.sql(query.replace("'corpus/", f"'{corpus.folder}/"))
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]


def test_the_page_has_three_queries() -> None:
    assert len(QUERIES) == 3


def test_most_influential_words_of_a_class(corpus: Corpus) -> None:
    scores: dict[tuple[str, str], list[float]] = {}
    for row in corpus.rows():
        by_word: dict[str, list[float]] = {}
        for unit, score in zip(row["units"], row["lime_scores"], strict=True):
            by_word.setdefault(unit.lower(), []).append(score)
        for word, some in by_word.items():
            scores.setdefault((row["target"], word), []).extend(some)
    answer = asked(corpus, QUERIES[0])
    assert {row["target"] for row in answer} == {"negative", "positive"}
    for row in answer:
        some = scores[row["target"], row["word"]]
        assert (row["texts"], row["mean_score"]) == (len(some), pytest.approx(np.mean(some), abs=6e-4))
    for target in ("negative", "positive"):
        means = {word: np.mean(some) for (one, word), some in scores.items() if one == target and len(some) >= 2}
        best = max(means, key=lambda word: means[word])
        assert next(row["word"] for row in answer if row["target"] == target) == best


def test_disagreement_between_methods(corpus: Corpus) -> None:
    answer = asked(corpus, QUERIES[1])
    rows = {row["id"]: row for row in corpus.rows()}
    differ = {
        i for i, row in rows.items() if np.argmax(np.abs(row["lime_scores"])) != np.argmax(row["attention_mean_scores"])
    }
    assert len(answer) == min(10, len(differ))
    for found in answer:
        row = rows[found["id"]]
        sizes, attention = np.abs(row["lime_scores"]), np.array(row["attention_mean_scores"])
        assert found["correlation"] == pytest.approx(np.corrcoef(sizes, attention)[0, 1], abs=6e-3)
        assert found["by_lime"] == row["units"][int(sizes.argmax())]
        assert found["by_attention"] == row["units"][int(attention.argmax())]


def test_texts_to_look_at(corpus: Corpus) -> None:
    wrong = [row for row in corpus.rows() if row["label"] != row["predicted"]]
    wrong.sort(key=lambda row: -row["probability"])
    answer = asked(corpus, QUERIES[2])
    assert [row["id"] for row in answer] == [row["id"] for row in wrong[:10]]
    for found, row in zip(answer, wrong, strict=False):
        assert found["strongest_word"] == row["units"][int(np.argmax(row["lime_scores"]))]


def test_pandas_and_polars_read_the_rows(corpus: Corpus) -> None:
    first = next(corpus.rows())
    frame = pd.read_parquet(corpus.folder / "rows")
    assert len(frame) == 60
    assert frame["lime_scores"][0].tolist() == first["lime_scores"]
    table = polars.scan_parquet(str(corpus.folder / "rows" / "*.parquet")).collect()
    assert table["lime_scores"][0].to_list() == first["lime_scores"]
    assert table["spans"][0].to_list()[0] == first["spans"][0]
