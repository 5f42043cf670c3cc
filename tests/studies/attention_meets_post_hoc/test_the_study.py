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
from heedful.studies.attention_meets_post_hoc.claims import claims
from heedful.studies.attention_meets_post_hoc.figures import FIGURES
from heedful.studies.study import Study


def tiny() -> Study:
    """The quick study with next to nothing of everything."""
    study = find("attention-meets-post-hoc")
    quick = study.quick
    (paper, planted), (first, _, other, *_) = quick.recipes, quick.variants
    return replace(
        study,
        quick=replace(
            quick, training_reviews=300, gradients=6, formulas=12, sampled=3, sampled_runs=2, lime_samples=300,
            affine=12, widths=8, kernel_widths=(0.25, math.inf), samples=3, sample_sizes=(200, 400), sample_runs=1,
            claims=claims(400),
            attention=12, seeds=2, seed_texts=6, control=12, variant_texts=8, sampled_variant_texts=2, review_runs=3,
            recipes=(replace(paper, preset=replace(paper.preset, epochs=2)), planted),
            variants=tuple(replace(one, preset=replace(one.preset, epochs=1)) for one in (first, other)),
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
        assert f"| {row['variant']} | {row['source']} | {100 * row['accuracy']:.2f} % [" in markdown


# Definitions, limits of a part, and the largest over all texts: no estimates.
NO_ESTIMATE = {
    "kernel width", "kappa", "from", "to", "margin", "holds if", "largest difference",
    "as a share of the largest component", "largest standard error",
}  # fmt: skip
NUMBER_OF_TEXTS = {"texts", "test texts", "reviews", "n"}


def tables_of(markdown: str) -> list[tuple[list[str], list[list[str]]]]:
    """Heads and rows of all tables."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in block.splitlines()]
        found.append((head, rows))
    return found


def test_beside_every_figure_stand_an_interval_and_the_number_of_texts(folder: Path) -> None:
    markdown = (folder / "report.md").read_text("utf-8")
    before, rest = markdown.split("\n## Figure 1:")
    _, after = rest.split("\n## The gradient on every text")  # figures 1 to 5 are of one sentence and one review
    (headline, *tables), estimates = tables_of(before + after), 0
    for head, rows in tables:
        assert NUMBER_OF_TEXTS & set(head), head
        for row in rows:
            for name, cell in zip(head, row, strict=False):
                if name not in NO_ESTIMATE:
                    rest, n = re.subn(r"\d+\.\d+(e−\d+)?( %)? \[[^\]]*\]", "", cell)
                    # what is left has no decimals, or is the largest of all texts: to a power, as it or its bound is
                    if name == "measured" and any(re.search(r"\de−", one) for one in row):
                        rest = re.sub(r"^\d{1,2}\.\d$", "", rest)
                    assert not re.search(r"\d\.\d", re.sub(r"\d\.\de[−+]\d+", "", rest)), (name, cell)
                    estimates += n
    assert estimates > 300
    for question, answer in headline[1]:
        assert re.search(r"\d texts|positions", answer), question
        assert "[" in answer or "e−" in answer, question


def test_every_interval_holds_its_figure(folder: Path) -> None:
    tables, seen = Tables(folder / "tables"), 0
    for path in (folder / "tables").glob("*.summary.json"):
        for row in tables.rows(path.name.removesuffix(".json")):
            for name in (name.removesuffix("_low") for name in row if name.endswith("_low")):
                value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
                if value is not None and name != "n_samples":
                    assert low is None or low <= value + 1e-12, (path.name, name)
                    assert high is None or value <= high + 1e-12, (path.name, name)
                    seen += low is not None
    assert seen > 500


def test_claims_are_judged_by_their_rule_in_the_report(folder: Path) -> None:
    markdown, tables = (folder / "report.md").read_text("utf-8"), Tables(folder / "tables")
    judged, (every,) = tables.rows("claims.summary"), tables.rows("differences.overall.summary")
    assert len(judged) == len(settings.QUICK.claims)
    (shown,) = (rows for head, rows in tables_of(markdown) if head[0] == "statement")
    assert [(row[0], row[-1]) for row in shown[:-1]] == [(row["statement"], row["verdict"]) for row in judged]
    assert shown[-1][-1] == every["verdict"]
    assert {row["verdict"] for row in judged} == {"confirmed", "refuted", "not settled"}  # of so few texts
    apart = tables.rows("differences.summary")
    assert {row["figure"] for row in apart} == set(dict(settings.QUICK.margins))
    assert all(row["std_error"] <= settings.QUICK.most_noise or row["verdict"] == "not settled" for row in apart)


def test_the_headline_is_over_several_trainings(folder: Path) -> None:
    tables = Tables(folder / "tables")
    first, second = tables.rows("seeds.summary")
    assert (first["seed"], second["seed"], first["texts"], second["texts"]) == (0, 1, 6, 6)
    assert first["accuracy"] == tables.one("train.summary", classifier="paper")["accuracy"]
    assert first["kendall"] != second["kendall"]
    assert {row["mean_n"] for row in tables.rows("seeds.overall.summary")} == {2}


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
