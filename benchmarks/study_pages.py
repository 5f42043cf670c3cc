"""Take the results of a study's run into docs/results, and its tables into the pages that quote them.

    python benchmarks/study_pages.py RUN

RUN is the folder of a finished `heedful study NAME --out RUN`. Its report, figures, `run.json` and summaries are copied
to `docs/results/NAME`. A page quotes the first table of a section of the report between two comments:

    <!-- table of NAME: Heading of the section -->
    <!-- end of table -->
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
QUOTED = re.compile(r"(<!-- table of (?P<name>\S+): (?P<heading>.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def first_table(report: str, heading: str) -> str:
    """The first table of a section of a report."""
    section = re.split(rf"^#+ {re.escape(heading)}$", report, flags=re.MULTILINE)[1]
    table = re.search(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)
    if table is None:
        raise ValueError(f"no table under the heading {heading!r}")
    return table[0]


def filled(page: str, results: Path = RESULTS) -> str:
    """A page with every quoted table as it stands in the report."""

    def quoted(match: re.Match[str]) -> str:
        report = (results / match["name"] / "report.md").read_text("utf-8")
        return match[1] + first_table(report, match["heading"]) + match[4]

    return QUOTED.sub(quoted, page)


def take(run: Path) -> Path:
    """Copy what is kept of a run; the folder it went to."""
    name = json.loads((run / "run.json").read_text("utf-8"))["study"]
    target = RESULTS / name
    shutil.rmtree(target, ignore_errors=True)
    for part in ("figures", "tables"):
        (target / part).mkdir(parents=True)
    for path in (run / "report.md", run / "report.html", run / "run.json"):
        shutil.copyfile(path, target / path.name)
    for path in (*run.glob("figures/*.*"), *run.glob("tables/*.summary.*")):
        shutil.copyfile(path, target / path.relative_to(run))
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "report.md").is_file():
        sys.exit(f"usage: {sys.argv[0]} RUN, the folder of a finished study")
    print(take(Path(sys.argv[1])).relative_to(ROOT))
    for path in PAGES:
        before = path.read_text("utf-8")
        after = filled(before)
        if after != before:
            path.write_text(after, "utf-8")
            print(path.relative_to(ROOT))
