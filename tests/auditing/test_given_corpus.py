"""A corpus in an audit: the scores that were written are those that are measured."""

from __future__ import annotations

from pathlib import Path

import pytest

import heedful
from heedful import planted
from heedful.auditing.given import GivenScores
from heedful.errors import DataError

TEXTS = [one.text for one in planted.generate(6, seed=8)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = [*TEXTS[:4], "", *TEXTS[4:]]
    methods = ["occlusion", "shapley-exact"]
    return heedful.corpus.run(heedful.load("demo"), texts, methods, out=tmp_path / "c", shard_rows=3).folder


def test_scores_of_a_corpus_are_those_of_the_method(folder: Path) -> None:
    given = GivenScores.read(folder, method="shapley-exact", texts=TEXTS)
    clf = heedful.load("demo")
    for one in TEXTS:
        exact = heedful.explain(clf, one, "shapley-exact")
        assert heedful.explain(clf, one, given).scores == pytest.approx(exact.scores, abs=1e-12)
    assert given.name == "shapley_exact in c"


def test_an_audit_measures_them_as_it_measures_the_method(folder: Path) -> None:
    given = GivenScores.parse(f"stored={folder}:occlusion", TEXTS)
    audit = heedful.audit(heedful.load("demo"), TEXTS, ["occlusion", given], ["deletion"], checks=[])
    by_method = {row["method"]: row["value"] for row in audit.content["cells"]}
    assert by_method["stored"] == pytest.approx(by_method["occlusion"], abs=1e-12)


def test_a_method_is_named_without_its_settings(tmp_path: Path) -> None:
    clf = heedful.load("demo")
    methods = ["lime:n_samples=100", "occlusion", "banzhaf:n_samples=64", "banzhaf:n_samples=128"]
    folder = heedful.corpus.run(clf, TEXTS, methods, out=tmp_path / "c").folder
    assert GivenScores.read(folder, method="lime", texts=TEXTS).name == "lime_n_samples_100 in c"
    with pytest.raises(DataError, match=r"no method 'banzhaf'; it has .*banzhaf_n_samples_64"):  # which of the two?
        GivenScores.read(folder, method="banzhaf", texts=TEXTS)


def test_what_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    for settings, said in (
        ({"texts": TEXTS}, "say which method, as in NAME=FOLDER:METHOD; it has occlusion, shapley_exact"),
        ({"texts": TEXTS, "method": "lime"}, "no method 'lime'"),
        ({"method": "occlusion"}, "a corpus holds no texts"),
        ({"method": "occlusion", "texts": ["another text"]}, "none of its 7 rows"),
    ):
        with pytest.raises(DataError, match=said):
            GivenScores.read(folder, **settings)
    with pytest.raises(DataError, match="is no corpus"):
        GivenScores.read(tmp_path, texts=TEXTS)
