"""The whole study, very small: it runs, twice alike, through a kill, and its report holds what the tables hold."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import heedful
from heedful.data import read_splits
from heedful.errors import DataError, TextError
from heedful.runs.tables import Tables
from heedful.studies import find
from heedful.studies.attention_meets_post_hoc import sentence, settings
from heedful.studies.attention_meets_post_hoc.figures import FIGURES
from heedful.studies.study import Study


def tiny() -> Study:
    """The quick study with next to nothing of everything."""
    study = find("attention-meets-post-hoc")
    quick = study.quick
    (paper, planted), variant = quick.recipes, quick.variants[0]
    return replace(
        study,
        quick=replace(
            quick, training_reviews=300, gradients=6, formulas=12, sampled=3, sampled_runs=2, lime_samples=300,
            affine=12, widths=8, kernel_widths=(0.25, math.inf), samples=3, sample_sizes=(200, 400), sample_runs=1,
            attention=12, control=12, variant_texts=8, sampled_variant_texts=2, review_runs=3,
            recipes=(replace(paper, preset=replace(paper.preset, epochs=2)), planted),
            variants=(replace(variant, preset=replace(variant.preset, epochs=1)),),
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study") / "one"
    tiny().run(out, quick=True)
    return out


def assert_same_tables(one: Path, other: Path) -> None:
    names = sorted(path.name for path in (one / "tables").iterdir())
    assert names == sorted(path.name for path in (other / "tables").iterdir())
    for name in names:
        if name.endswith(".json"):
            assert (one / "tables" / name).read_bytes() == (other / "tables" / name).read_bytes(), name
        elif name.endswith(".parquet"):
            table = name.removesuffix(".parquet")
            mine, theirs = (Tables(folder / "tables").rows(table) for folder in (one, other))
            np.testing.assert_equal(mine, theirs, err_msg=name)


# Started apart, so that it can be killed; one thread, as the run it is compared with.
_APART = """
import sys, torch
torch.set_num_threads(1)
sys.path += {path!r}
from test_the_study import tiny
tiny().run({out!r}, quick=True)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_and_gives_the_same_tables(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    code = _APART.format(path=[str(Path(__file__).parent)], out=str(out))
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        while not (out / "tables" / "formulas.stamp").exists():
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (out / "report.html").exists()
    trained = (out / "models" / "paper" / "metrics.json").stat().st_mtime_ns
    tiny().run(out, quick=True)
    assert (out / "models" / "paper" / "metrics.json").stat().st_mtime_ns == trained
    assert_same_tables(folder, out)


def test_figures_and_tables_are_all_in_the_report(folder: Path) -> None:
    markdown, html = (folder / "report.md").read_text("utf-8"), (folder / "report.html").read_text("utf-8")
    for name in FIGURES:
        assert f"](figures/{name}.svg)" in markdown
        assert (folder / "figures" / f"{name}.png").is_file()
    assert html.count("<svg") == len(FIGURES) - 1  # the first one is coloured text
    assert html.count('<section class="row') == len(sentence.METHODS)
    tables = Tables(folder / "tables")
    difference = tables.rows("gradients.summary")[0]["difference"]
    assert f"{difference:.1e}".replace("-", "−") in markdown
    for row in tables.rows("variants.summary"):
        assert f"| {row['variant']} | {row['source']} | {100 * row['accuracy']:.2f} % |" in markdown


def test_the_report_is_self_contained_and_names_no_place(folder: Path) -> None:
    html = (folder / "report.html").read_text("utf-8")
    assert "default-src 'none'" in html
    assert not re.search(r"<script|<link|<iframe|@import|src=\"(?!data:)|url\((?!#)", html)
    for path in folder.rglob("*"):
        if path.suffix in {".html", ".md", ".json"} and "models" not in path.parts:
            assert str(folder.parent) not in path.read_text("utf-8"), path


def test_no_number_of_the_report_is_typed() -> None:
    """Outside of expressions the template holds numbers of the paper and of definitions only."""
    package = Path(settings.__file__).parent
    template = (package / "templates" / "report.md.j2").read_text("utf-8")
    prose = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", template, flags=re.DOTALL)
    found = set(re.findall(r"\d+(?:\.\d+)?", prose))
    # Figures 1, 3, 4, 5; Eq. 19; 3/2; lime's default width 0.25; L2; "9 in 10", "1 of 20"
    assert found == {"1", "3", "4", "5", "19", "2", "0.25", "9", "10", "20"}


def test_without_data_the_message_says_where_to_get_it_and_that_quick_does_without(tmp_path: Path) -> None:
    study = find("attention-meets-post-hoc")
    with pytest.raises(DataError, match=r"aclImdb.*stanfordnlp/imdb; --quick") as error:
        study.run(tmp_path / "out")
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="give --data or --quick"):
        study.run(tmp_path / "out", tmp_path, quick=True)
    (tmp_path / "train.csv").write_text("text,label\nA gem.,pos\nA bore.,neg\n")
    with pytest.raises(DataError, match="no train and test parts"):
        study.run(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_data_set_of_ones_own_is_the_corpus_and_planted_reviews_the_control(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / f"{part}.csv").write_text("text,label\nA gem.,pos\nA bore.,neg\n")
    found = settings.data(settings.FULL, tmp_path, 0)
    assert found["corpus"].train.texts == read_splits(tmp_path).train.texts
    assert len(found["planted"].train) == settings.FULL.training_reviews
    assert not set(found["planted"].train.texts) & set(found["planted"].test.texts)


@pytest.fixture(scope="module")
def demo() -> heedful.Classifier:
    return heedful.load("demo")


TEXT = "The soundtrack was charming, but the plot was not good."


def test_the_gradient_formula_is_wrong_at_the_first_position_alone(demo: heedful.Classifier) -> None:
    rows = sentence.gradients(demo, TEXT).to_pylist()
    values = {
        engine: np.array([row["value"] for row in rows if row["engine"] == engine]).reshape(-1, 32)
        for engine in (sentence.CLOSED, sentence.WITH_QUERY, sentence.AUTOGRAD)
    }
    truth = values[sentence.AUTOGRAD]
    np.testing.assert_allclose(values[sentence.WITH_QUERY], truth, atol=1e-13)  # double precision, sums of 100 terms
    np.testing.assert_allclose(values[sentence.CLOSED][1:], truth[1:], atol=1e-13)
    assert np.abs(values[sentence.CLOSED][0] - truth[0]).max() > 1e-3
    assert [row["token"] for row in rows[: 32 * 3 : 32]] == ["[CLS]", "The", "soundtrack"]


def test_attention_of_every_head_adds_up_with_that_on_padding(folder: Path, demo: heedful.Classifier) -> None:
    for rows, padded in (
        (sentence.heads(demo, TEXT).to_pylist(), False),
        (Tables(folder / "tables").rows("heads.summary"), True),
    ):
        assert (rows[-1]["token"] is None) == padded
        for head in {row["head"] for row in rows}:
            # the classifier computes in single precision
            assert sum(row["attention"] for row in rows if row["head"] == head) == pytest.approx(1.0, abs=1e-5)


def test_explanations_come_back_and_their_table_is_that_of_the_machine_no_more(demo: heedful.Classifier) -> None:
    found = sentence.explanations(demo, TEXT)
    assert sentence.restored(sentence.stored(found)) == found
    assert {e.seconds for e in found} == {0.0}
    rows = sentence.summary(found).to_pylist()
    assert [row["against"] for row in rows if not row["signed"]] == [0, 0, 0, 0]
    assert (rows[-1]["method"], rows[-1]["kendall"], rows[-1]["sign"]) == ("shapley-exact", 1.0, 1.0)
    assert [row["masking"] for row in rows if "lime" in row["method"]] == ["delete", "unk"]
    assert json.dumps(rows)


def test_the_authors_values_stand_beside_their_own_sentence_alone(demo: heedful.Classifier) -> None:
    for text, n in ((settings.SENTENCE, len(sentence.AUTHORS)), (TEXT, 0)):
        rows = sentence.scores(sentence.explanations(demo, text)).to_pylist()
        assert sum(row["authors"] is not None for row in rows) == n


def test_boxes_lie_around_the_exact_limit_where_words_are_unknown(demo: heedful.Classifier) -> None:
    rows = sentence.boxes(demo, TEXT, runs=30, n_samples=500, words=4).to_pylist()
    own = [row for row in rows if row["masking"] == "unk"]
    sizes = [abs(row["limit"]) for row in own[:4]]
    assert sizes == sorted(sizes, reverse=True)
    for rank in range(4):
        runs = np.array([row["score"] for row in own if row["rank"] == rank])
        limit = own[rank]["limit"]
        # the penalty of 1 shrinks coefficients of 500 samples by about 1 %; else within five standard errors
        assert abs(runs.mean() - limit) < 0.03 * abs(limit) + 5 * runs.std(ddof=1) / np.sqrt(len(runs))


def test_the_review_is_one_of_the_size_asked_for(demo: heedful.Classifier) -> None:
    texts = ["A dull plot.", TEXT, "A superb cast was not good, and the plot was."]
    assert texts[sentence.review(demo, texts, 8, 12)] == TEXT
    with pytest.raises(TextError, match="none of 3 texts"):
        sentence.review(demo, texts, 50, 60)
