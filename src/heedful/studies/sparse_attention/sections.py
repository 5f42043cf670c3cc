"""What the report's template uses beside tables: the counter-paper's numbers with ours, and definitions."""

from __future__ import annotations

from typing import Any

from heedful.runs.tables import Tables
from heedful.studies.sparse_attention.quoted import SOFTMAX, SOURCE, SPARSE, SUPPORT, THEIRS, THEIRS_DOT
from heedful.studies.sparse_attention.recipe import CONTROL, MIXING
from heedful.studies.sparse_attention.shapley import FEW
from heedful.studies.sparse_attention.summary import ALL
from heedful.support import intervals

NAMES = {
    "paper": "control: our paper's classifier", "words": "control: bag of words", "bilstm": "bi-LSTM",
    "self-attention": "one block of self-attention", "mixing": "mixing encoders", "control": "control",
}  # fmt: skip


FIGURES = {  # of the table `contrasts.summary`
    "input_state": "tau-b of gradients by inputs and by states",
    "input_slope": "slope of tau-b with gradients by inputs",
    "support_ratio": "share of the support left", "entropy_change": "change of the entropy of input importance",
    "list_gap": "tau-b over the support less that over all words",
}  # fmt: skip


def words(tables: Tables) -> dict[str, Any]:
    """Names for the template."""
    classifiers = tables.rows("classifiers.summary")
    return {
        "lists": lists(tables),
        "named": NAMES,
        "figures": FIGURES,
        "control": CONTROL,
        "mixing": MIXING,
        "all": ALL,
        "data": list(dict.fromkeys(row["data"] for row in classifiers)),
        "alphas": sorted({row["alpha"] for row in classifiers}),
        "source": SOURCE,
        "few": FEW,
        "level": intervals.LEVEL,
        "resamples": intervals.RESAMPLES,
        "most_observations": intervals.FEW,
    }


def lists(tables: Tables) -> list[dict[str, Any]]:
    """Tau-b of attention with gradients by inputs by the list that is correlated: ours, and what was published.

    Returns:
        data, encoder, scorer, and for softmax, the sparsest attention over all words, and that over its support: the
        figure with its interval; limit, the largest tau-b possible over all words, None over the support; kept, the
        mean number of words above 0; theirs (class 0, class 1), of their bidirectional LSTM, None where there is none.
    """
    rows = []
    every = tables.rows("classifiers.summary")
    for place in dict.fromkeys(
        (row["data"], row["encoder"], row["scorer"]) for row in every if row["encoder"] in MIXING
    ):
        own = [row for row in every if (row["data"], row["encoder"], row["scorer"]) == place]
        soft, sparse = own[0], own[-1]
        theirs = {"additive": THEIRS, "dot": THEIRS_DOT}[place[2]] if place[1] == "bilstm" else {}
        figures = ((SOFTMAX, soft, "input"), (SPARSE, sparse, "input"), (SUPPORT, sparse, "input_support"))
        rows += [
            {"data": place[0], "encoder": place[1], "scorer": place[2], "list": name, "alpha": row["alpha"]}
            | {f"tau{end}": row[f"{figure}{end}"] for end in ("", "_low", "_high", "_n")}
            | {"kept": row["support"], "limit": None if name == SUPPORT else row["tau_limit"]}
            | {"theirs": theirs.get((place[0], name))}
            for name, row, figure in figures
        ]
    return rows
