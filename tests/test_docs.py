"""What the README and the docs show must run, and must not name what is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import heedful
from heedful import cli, methods
from heedful.cli.demo import METHODS
from heedful.models.builtin import REVIEW

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


SCRIPTS = {page: found for page in PAGES if (found := [b for b in blocks(page, "python") if ">>>" not in b])}


@pytest.mark.parametrize("page", SCRIPTS, ids=lambda page: page.name)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks without a prompt run top to bottom; those with one are doctests of the suite."""
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for block in SCRIPTS[page]:
        exec(compile(block, page.name, "exec"), scope)


def test_the_readme_names_every_method_and_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for card in methods.REGISTRY.built_in:
        assert f"`{card.name}`" in text, card.name
    for command in cli.COMMANDS:
        assert f"heedful {command}" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


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


def test_the_study_page_gives_the_numbers_of_the_report() -> None:
    words, cls, as_printed = (row_of("gradients", place=place) for place in ("words", "[CLS]", "[CLS] as in the paper"))
    attention = row_of("attention", output="logit_difference", by="all")
    coded, corrected = (row_of("formulas", formula=name, width=0.25, by="all") for name in ("coded", "corrected"))
    spread = json.loads((RESULTS / "tables" / "formulas.summary.json").read_text("utf-8"))
    quarters = [r for r in spread if (r["formula"], r["width"], r["by"]) == ("corrected", 0.25, "n_effective")]
    match = row_of("matches", formula="coded")
    affine, alone = (row_of("affine", formula=name, width=0.25, by="all") for name in ("affine", "attention"))
    width = row_of("widths", width=0.25)
    needed = [row_of("needed", criterion="right", method=name) for name in ("lime", "kernel-shap")]
    every = json.loads((RESULTS / "tables" / "variants.summary.json").read_text("utf-8"))
    own = [row for row in every if row["source"] != "exact, of those texts"]
    sizes, against = ([row[name] for row in own] for name in ("kendall_size", "against"))
    expected = [
        *(f"{row['relative']:.1e}" for row in (words, as_printed, cls)),
        f"{attention['against']:.1%}",
        *(f"{attention[name]:.3f}" for name in ("kendall", "kendall_size")),
        *(shown for row in (coded, corrected) for shown in (f"{row['sign']:.1%}", f"{row['kendall']:.3f}")),
        *(f"{row['error']:.1%}" for row in (coded, corrected, quarters[-1])),
        *(f"{match[masking]:.1%}" for masking in ("unk", "delete")),
        *(f"{row['error']:.1%}" for row in (affine, alone)),
        f"{width['kendall']:.3f}",
        f"{width['same5']:.1%}",
        *(f"{row['reached']:.1%}" for row in needed),
        *(f"{value:.3f}" for value in (min(sizes), max(sizes))),
        *(f"{share:.1%}" for share in (min(against), max(against))),
    ]
    page = (ROOT / "docs" / "attention-meets-post-hoc.md").read_text("utf-8")
    table = page.split("## Statement by statement")[1].split("\n## ")[0].replace("−", "-").replace(" %", "%")
    assert re.findall(r"\d+\.\d+(?:e[+-]\d+|%)?", table) == expected


def test_the_accuracies_of_the_readme_are_those_of_the_report() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    found = dict(re.findall(r"^\| preset `(\w+)`.* \| (\d+\.\d+) % \|$", text, flags=re.MULTILINE))
    paper, default = row_of("train", classifier="paper"), row_of("variants", variant="softmax, 6 heads")
    assert found == {"paper": f"{100 * paper['accuracy']:.2f}", "default": f"{100 * default['accuracy']:.2f}"}


def test_what_the_readme_tells_of_the_demo_is_so() -> None:
    quoted = re.search(r"^> (.*)$", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)[1]
    assert quoted == REVIEW
    found = {e.method: e for e in heedful.compare(heedful.load("demo"), quoted, METHODS).explanations}
    assert found["lime"].target_name == "positive"
    for name in ("attention-mean", "lime", "occlusion", "gradient-x-input", "shapley-exact"):
        ((largest, score),) = found[name].top(1)
        assert largest == "dull"
        assert (score < 0) == (name != "attention-mean")


def test_the_readme_shows_the_headline_table_of_the_report() -> None:
    headline = (RESULTS / "report.md").read_text("utf-8").split("## In short\n\n")[1].split("\n\n")[0]
    assert headline in (ROOT / "README.md").read_text("utf-8")
