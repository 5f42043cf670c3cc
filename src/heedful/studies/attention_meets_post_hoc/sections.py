"""What the report's template uses beside tables: the coloured sentences, and rows picked out or put side by side."""

from __future__ import annotations

from typing import Any

from heedful.render import html
from heedful.runs.tables import Tables
from heedful.studies.attention_meets_post_hoc.figures import PARTS
from heedful.studies.attention_meets_post_hoc.paper_figures import MASKED
from heedful.studies.attention_meets_post_hoc.samples import NEAR
from heedful.studies.attention_meets_post_hoc.sentence import AUTHORS_SCORE, AUTHORS_SOURCE, restored
from heedful.studies.verdicts import CONFIRMED, NOT_SETTLED, REFUTED
from heedful.support import intervals

DEEPER, AUTHORS_DEEPER = "6-layer transformer", 0.8222  # layers and heads of the paper's appendix; its test accuracy
COMPARED = {"kendall_size": "tau-b with size", "kendall": "tau-b with value", "against": "most attended speaks against"}
CHANGED = {CONFIRMED: "unchanged", REFUTED: "changed", NOT_SETTLED: NOT_SETTLED}


def words(tables: Tables) -> dict[str, Any]:
    """Names for the template; `html` holds what stands in place of a figure in the HTML report."""
    return {
        "html": {"figure-1": html.sentences(restored(tables["explanations"]))},
        "scores": side_by_side(tables),
        "authors": authors(tables),
        "authors_source": AUTHORS_SOURCE,
        "authors_score": AUTHORS_SCORE,
        "nearer": MASKED | {NOT_SETTLED: NOT_SETTLED},
        "parts": PARTS,
        "near": 1 - NEAR,
        "deeper": AUTHORS_DEEPER if any(row["variant"] == DEEPER for row in tables.rows("variants.summary")) else None,
        "trainings": {row["figure"]: row for row in tables.rows("seeds.overall.summary")},
        "compared": COMPARED,
        "changed": CHANGED,
        "level": intervals.LEVEL,
        "few": intervals.FEW,
        "resamples": intervals.RESAMPLES,
        "widest": max(row["width"] for row in tables.rows("formulas.summary")),
    }


def side_by_side(tables: Tables) -> tuple[list[str], list[tuple[str, list[float]]]]:
    """The words of the sentence, and each method's name and scores."""
    rows = tables.rows("sentence.scores.summary")
    methods = {row["method"]: row["name"] for row in rows}
    return (
        [row["word"] for row in rows if row["method"] == rows[0]["method"]],
        [(name, [row["score"] for row in rows if row["method"] == method]) for method, name in methods.items()],
    )


def authors(tables: Tables) -> list[dict[str, Any]]:
    """The words for which the authors' value is known, with both values; none if the sentence is another."""
    return [row for row in tables.rows("sentence.scores.summary") if row["authors"] is not None]
