"""The documentation's site: tables of contents, links within it, the gallery, and what its own extensions do."""

from __future__ import annotations

import importlib.util
import re
import shlex
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
import typer
from docutils import nodes
from typer.main import get_command

from heedful import cli
from heedful.methods.registry import REGISTRY

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILT = DOCS / "_build"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if BUILT not in path.parents]
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.py"))
MAY_BE_MISSING = {"page", "remedies"}  # pages of parts that are written elsewhere


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site_check() -> ModuleType:
    return loaded(DOCS / "_extensions" / "site_check.py")


@pytest.fixture(scope="module")
def gallery_pages() -> ModuleType:
    return loaded(ROOT / "benchmarks" / "gallery_pages.py")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^(```+|~~~+).*?^\1", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that code hosts and MyST give a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    if page.suffix == ".py":
        headings = re.findall(r"^# #+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    else:
        headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {slug(heading) for heading in headings}


def links(page: Path) -> list[str]:
    text = page.read_text("utf-8") if page.suffix == ".py" else prose(page)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"\w+:", link)]


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS, ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    for link in links(page):
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def contents() -> list[tuple[Path, str]]:
    """Entries of all tables of contents, with the page they stand on."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE):
            lines = [line.strip() for line in block.splitlines() if line.strip() and not line.startswith(":")]
            found += [(page, re.sub(r"^.* <(.+)>$", r"\1", line)) for line in lines]
    return found


def test_every_page_is_in_a_table_of_contents() -> None:
    reached = {DOCS / "index.md"}
    for page, entry in contents():
        globbed = f"{entry}/*" if entry.endswith("**") else entry  # the last ** of Sphinx matches pages, too
        targets = [t for s in (".md", ".py") for t in page.parent.glob(f"{globbed}{s}")] if "*" in entry else []
        targets += [t for s in (".md", ".py") if (t := (page.parent / f"{entry}{s}").resolve()).exists()]
        assert targets or Path(entry).name in MAY_BE_MISSING, f"{page.name}: {entry}"
        reached |= set(targets)
    assert {*PAGES, *NOTEBOOKS} - reached == set()


def test_the_gallery_says_what_the_registry_knows(gallery_pages: ModuleType) -> None:
    for page in (DOCS / "gallery").glob("*.md"):
        assert gallery_pages.filled(page.read_text("utf-8")) == page.read_text("utf-8"), (
            "run benchmarks/gallery_pages.py"
        )


@pytest.mark.parametrize("card", REGISTRY.built_in, ids=lambda card: card.name)
def test_every_method_has_a_frame(card, gallery_pages: ModuleType) -> None:
    family = {"asymptotic": "exact"}.get(card.family, card.family)
    frames = re.split(r"^## ", (DOCS / "gallery" / f"{family}.md").read_text("utf-8"), flags=re.MULTILINE)
    (frame,) = [frame for frame in frames if frame.splitlines()[0] == card.name]
    parts = ["Question", "Game", "Formula", "Exact check", "A failure on planted data", "When not"]
    assert re.findall(r"^\*\*([^*]+)\.\*\* \S", frame, flags=re.MULTILINE) == parts
    for part in ("Exact check", "A failure on planted data"):
        assert ">>> " in frame.partition(f"**{part}.**")[2].partition("\n**")[0], part
    known = re.findall(r"^@\w+\{(\w+),", (DOCS / "references.bib").read_text("utf-8"), flags=re.MULTILINE)
    assert set(gallery_pages.keys(card)) <= set(known)
    if card.access != "softmax pooling" and card.name != "random":
        assert gallery_pages.keys(card), card.source


def test_citations_are_in_the_list_of_references() -> None:
    known = re.findall(r"^@\w+\{(\w+),", (DOCS / "references.bib").read_text("utf-8"), flags=re.MULTILINE)
    assert len(known) == len(set(known))
    for page in PAGES:
        for keys in re.findall(r"\{cite:\w+\}`([^`]+)`", page.read_text("utf-8")):
            assert set(keys.split(",")) <= set(known), page.name


def test_the_citation_file_names_this_version() -> None:
    text, project = (ROOT / "CITATION.cff").read_text("utf-8"), (ROOT / "pyproject.toml").read_text("utf-8")
    assert (
        re.search(r"^version: (.+)$", text, flags=re.MULTILINE)[1] == re.search(r'^version = "(.+)"$', project, re.M)[1]
    )


def test_formulas_become_mathml() -> None:
    module = loaded(DOCS / "_extensions" / "mathml.py")
    node = nodes.math()
    assert "<mfrac>" in module.converted(r"\frac{1}{2}", block=False, node=node)
    assert "…" in module.converted(r"1, \dots, n", block=False, node=node)
    assert re.findall(r"<mn>(.*?)</mn>", module.converted(r"\tfrac12 x", block=False, node=node)) == ["1", "2"]
    mean = re.sub(r"\s", "", module.converted(r"\bar D_k", block=False, node=node))
    assert "<msub>" in mean  # k is an index, not a limit below
    assert "munder" not in mean
    assert module.converted(r"a < \nonsense", block=False, node=node) == r"a &lt; \nonsense"


def test_long_formulas_within_a_line_break_behind_operators_and_lose_nothing() -> None:
    module = loaded(DOCS / "_extensions" / "mathml.py")
    node = nodes.math()
    latex = r"f(S) = a_1 + a_2 + \left( a_3 + a_4 + a_5 + a_6 + a_7 + a_8 + a_9 + a_{10} + a_{11} \right)"
    inline, block = (module.converted(latex, block=kind, node=node) for kind in (False, True))
    assert "<wbr>" not in block
    pieces = inline.split("<wbr>")
    assert len(pieces) > 2
    assert all(one.startswith("<math") and one.endswith("</math>") for one in pieces)
    plain = [re.sub(r"<[^>]+>|\s", "", text) for text in (inline, block)]
    assert plain[0] == plain[1]
    assert all(re.sub(r"<[^>]+>|\s", "", one)[-1] in "=+" for one in pieces[:-1])
    assert "<wbr>" not in module.converted("a + b = c", block=False, node=node)


def test_a_table_wider_than_a_phone_is_told_by_its_longest_words() -> None:
    module = loaded(DOCS / "_extensions" / "tables.py")

    def table(*cells: str) -> nodes.table:
        row = nodes.row("", *(nodes.entry("", nodes.paragraph(cell, cell)) for cell in cells))
        return nodes.table("", nodes.tgroup("", nodes.tbody("", row), cols=len(cells)))

    narrow, wide = table("a word or two, many times over", "b"), table("integrated-gradients", "attention-x-gradient")
    for one in (narrow, wide):
        module.mark(one)
    assert narrow["classes"] == []
    assert wide["classes"] == ["wider-than-a-phone"]
    assert [cell["classes"] for cell in wide.findall(nodes.entry)] == [["short"], ["short"]]


def test_numbers_keep_their_per_cent_sign_and_examples_end_without_an_empty_line() -> None:
    module = loaded(DOCS / "_extensions" / "tidy.py")
    document = nodes.document(None, None)
    code = nodes.literal_block(">>> 5 % 3\n2\n\n", ">>> 5 % 3\n2\n\n")
    document += [nodes.paragraph("", "5 % of", nodes.literal("", "5 % 3")), code]
    module.tidy(None, document)
    assert document[0].astext() == "5\N{NO-BREAK SPACE}% of5 % 3"
    assert code.astext() == code.rawsource == ">>> 5 % 3\n2"


def test_requests_and_broken_links_of_a_site_are_found(site_check: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#there"></a><a href="https://other.org"></a>')
    (tmp_path / "b.html").write_text('<p id="there"><a href="a.html#top"></a><img src="data:image/png;base64,AA">')
    (tmp_path / "c.css").write_text("a { background: url(b.png) }")
    assert list(site_check.complaints(tmp_path)) == []
    (tmp_path / "b.html").write_text(
        '<a href="a.html#gone"></a><a href="no.html"></a><script src="//cdn.org/x.js"></script>'
    )
    (tmp_path / "c.css").write_text("@import 'https://fonts.org/f.css'; a { b: url(https://x.org/y.woff) }")
    assert list(site_check.complaints(tmp_path)) == [
        "a.html leads to b.html#there: no such place on that page",
        "b.html loads //cdn.org/x.js",
        "b.html leads to a.html#gone: no such place on that page",
        "b.html leads to no.html, which is not there",
        "c.css loads https://fonts.org/f.css",
        "c.css loads https://x.org/y.woff",
    ]


def command_lines(page: Path) -> list[str]:
    return re.findall(r"^    heedful (.+)$", re.sub(r"\\\n\s*", "", prose(page)), flags=re.MULTILINE)


WITH_COMMANDS = [page for page in (*PAGES, ROOT / "README.md") if command_lines(page)]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands_that_pages_show_can_be_given(page: Path) -> None:
    """They are parsed, not run: the command is there, and so is every option."""
    commands = get_command(cli.app)
    for line in command_lines(page):
        name, *given = shlex.split(line, comments=True)
        command = commands.get_command(None, name)
        assert command is not None, line
        with suppress(typer.BadParameter):  # of files that are not here
            command.make_context(name, given)


def test_an_option_that_is_not_there_is_found() -> None:
    command = get_command(cli.app).get_command(None, "explain")
    with pytest.raises(Exception, match="No such option"):
        command.make_context("explain", ["demo", "--no-such"])


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path) -> None:
    notebook = loaded(DOCS / "_extensions" / "notebooks.py").executed(path)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
