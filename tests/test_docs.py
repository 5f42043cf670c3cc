"""What the README and the docs show must run, and must not name what is not there."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from pathlib import Path
from types import ModuleType

import pytest
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser
from typer.main import get_command
from typer.testing import CliRunner

import heedful
from heedful import cli, methods
from heedful.cli.demo import METHODS
from heedful.models.builtin import REVIEW
from heedful.studies.attention_meets_post_hoc.settings import FULL
from heedful.studies.attention_meets_post_hoc.variants import Transformer
from heedful.support.intervals import proportion

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def scripts(page: Path) -> list[Example]:
    """Blocks of Python without a prompt; those with one are doctests, which the suite runs itself."""
    document = Document.parse(str(page), CodeBlockParser("python", PythonEvaluator()))
    return [example for example in document.examples() if ">>>" not in example.parsed]


SCRIPTS = {page: found for page in PAGES if (found := scripts(page))}


@pytest.mark.parametrize("page", SCRIPTS, ids=lambda page: page.name)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Top to bottom."""
    monkeypatch.chdir(tmp_path)
    for block in SCRIPTS[page]:
        block.evaluate()  # all blocks of a page in one namespace


def test_the_readme_names_every_method_and_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for card in methods.REGISTRY.built_in:
        assert f"`{card.name}`" in text, card.name
    for command in cli.COMMANDS:
        assert f"heedful {command}" in text


def test_every_option_of_the_command_line_is_explained() -> None:
    runner = CliRunner()
    commands = get_command(cli.app)
    for name in cli.COMMANDS:
        command = commands.get_command(None, name)
        shown = runner.invoke(cli.app, [name, "--help"], terminal_width=200)
        assert shown.exit_code == 0
        for part in (command, *command.params):
            assert part.help, f"{name} {part.name}"
            assert part.help in shown.output


RESULTS = ROOT / "docs" / "results" / "attention-meets-post-hoc"


def row_of(table: str, **wanted: object) -> dict[str, float]:
    """The first row of a summary of the committed run, of those asked for."""
    rows = json.loads((RESULTS / "tables" / f"{table}.summary.json").read_text("utf-8"))
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


def study_pages() -> ModuleType:
    """The command that takes a run into the docs."""
    spec = importlib.util.spec_from_file_location("study_pages", ROOT / "benchmarks" / "study_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def quoted(page: Path) -> list[tuple[str, str]]:
    """Headings of the report and the tables that a page quotes from there."""
    pattern = r"<!-- table of \S+: (.+?) -->\n(.*?)<!-- end of table -->"
    return re.findall(pattern, page.read_text("utf-8"), flags=re.DOTALL)


def test_the_readme_quotes_tables_of_two_reports() -> None:
    (heading, table), (of_remedies, verdicts) = quoted(ROOT / "README.md")
    assert (heading, of_remedies) == ("In short", "Statement by statement")
    assert table in (RESULTS / "report.md").read_text("utf-8")
    assert verdicts in (RESULTS.parent / "remedies" / "report.md").read_text("utf-8")
    assert study_pages().filled((ROOT / "README.md").read_text("utf-8")) == (ROOT / "README.md").read_text("utf-8")


def test_the_study_page_quotes_the_report() -> None:
    page = ROOT / "docs" / "attention-meets-post-hoc.md"
    assert [heading for heading, _ in quoted(page)] == ["Statement by statement"]
    assert study_pages().filled(page.read_text("utf-8")) == page.read_text("utf-8")


def test_a_run_is_taken_into_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages, page = study_pages(), "a\n<!-- table of x: In short -->\n| old |\n<!-- end of table -->\nb | c\n"
    run, results = tmp_path / "run", tmp_path / "results"
    for name in ("figures/one.svg", "tables/a.summary.json", "tables/a.parquet", "report.html"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name)
    (run / "run.json").write_text('{"study": "x"}')
    (run / "report.md").write_text(
        "# R\n\n## Before\n\n| no |\n\n## In short\n\nwords\n\n| a | b |\n| 1 | 2 |\n\n| later |\n"
    )
    monkeypatch.setattr(pages, "RESULTS", results)
    kept = pages.take(run)
    names = sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file())
    assert names == ["figures/one.svg", "report.html", "report.md", "run.json", "tables/a.summary.json"]
    expected = page.replace("| old |", "| a | b |\n| 1 | 2 |")
    assert pages.filled(page, results) == pages.filled(expected, results) == expected


def test_the_study_page_gives_the_numbers_and_verdicts_of_the_tables() -> None:
    """From the summaries and the settings, past the study's own judging."""
    ((_, table),) = quoted(ROOT / "docs" / "attention-meets-post-hoc.md")
    lines = [line for line in table.splitlines() if not line.startswith(("| statement", "| ---"))]
    shown = {
        "share": lambda value: f"{100 * value:.1f}",
        "number": lambda value: f"{value:.3f}",
        "power": lambda value: f"{value:.1f}" if 1 <= abs(value) < 100 else f"{value:.1e}",
    }
    assert len(lines) == len(FULL.claims) + 1
    for claim, line in zip(FULL.claims, lines, strict=False):
        row, show = row_of(claim.table.removesuffix(".summary"), **dict(claim.where)), shown[claim.unit]
        value = row[claim.figure]
        low, high = row.get(f"{claim.figure}_low", value), row.get(f"{claim.figure}_high", value)
        numbers = [value] if claim.unit == "power" else [value, low, high]
        plain = re.sub(r",(?=\d)", "", line.replace("−", "-")).split("|", 2)[2]
        bound, *measured, n = re.findall(r"\d+(?:\.\d+)?(?:e[+-]\d+)?", plain)
        assert bound == show(claim.least if math.isinf(claim.most) else claim.most)
        assert measured == [show(abs(number)) for number in numbers], line
        assert int(n) == row.get(f"{claim.figure}_n", row.get("texts"))
        within, beyond = claim.least <= low and high <= claim.most, high < claim.least or low > claim.most
        assert line.endswith(f"| {'confirmed' if within else 'refuted' if beyond else 'not settled'} |"), line


def test_what_the_study_page_says_in_words_is_so() -> None:
    every = json.loads((RESULTS / "tables" / "variants.summary.json").read_text("utf-8"))
    assert all(row["kendall_high"] < 0.5 for row in every)  # no attention orders words as Shapley values do
    noisy = {row["variant"] for row in every if row["std_error"] > FULL.most_noise}
    assert noisy == {variant.name for variant in FULL.variants if isinstance(variant, Transformer)}
    peaked = [
        next(row for row in rows if (row["by"], row["formula"], row["width"]) == ("n_effective", name, 0.25))
        for rows in [json.loads((RESULTS / "tables" / "formulas.summary.json").read_text("utf-8"))]
        for name in ("coded", "corrected")
    ]
    assert (
        peaked[0]["error_high"] < peaked[1]["error_low"]
    )  # in the most peaked quarter the corrected one is further off


def test_the_accuracies_of_the_readme_are_those_of_the_report() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    pattern = r"^\| preset `(\w+)`.* \| (\d+\.\d+) % \[(\d+\.\d+), (\d+\.\d+)\] \|$"
    found = {name: numbers for name, *numbers in re.findall(pattern, text, flags=re.MULTILINE)}
    paper, default = row_of("train", classifier="paper"), row_of("variants", variant="softmax, 6 heads")
    assert paper["test"] == default["n_test"] == 25_000  # as the head of the table says
    right = {"paper": paper["accuracy"], "default": default["accuracy"]}
    expected = {name: proportion(round(25_000 * share), 25_000) for name, share in right.items()}
    assert found == {
        name: [f"{100 * number:.2f}" for number in (one.value, one.low, one.high)] for name, one in expected.items()
    }


def test_what_the_readme_tells_of_the_demo_is_so() -> None:
    quoted = re.search(r"^> (.*)$", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)[1]
    assert quoted == REVIEW
    found = {e.method: e for e in heedful.compare(heedful.load("demo"), quoted, METHODS).explanations}
    assert found["lime"].target_name == "positive"
    for name in ("attention-mean", "lime", "occlusion", "gradient-x-input", "shapley-exact"):
        ((largest, score),) = found[name].top(1)
        assert largest == "dull"
        assert (score < 0) == (name != "attention-mean")
