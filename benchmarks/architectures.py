"""Which methods answer on which kind of classifier: all of transformers' sequence classifiers, each tiny, tried.

    python benchmarks/architectures.py [KIND ...] [--write docs/architectures.md]

Every kind is built from its own configuration with all sizes made small, random float64 weights (float32 where a kind
takes nothing else) and one of three tokenizers; nothing is downloaded. A refusal stands as a letter, and what the
letter means, in the library's own words, below the table. Which kinds exist depends on the version of transformers.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import ascii_letters

import transformers

import heedful
from heedful.classifier import Classifier
from heedful.errors import InputError

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import kinds  # noqa: E402 - the tests' own tiny models

TEXT = "the plot was not good"
COLUMNS = {
    "attention": ("attention-mean", "attention-max"),
    "rollout, flow": ("attention-rollout", "attention-flow"),
    "value norm": ("attention-value-norm",),
    "attention x gradient": ("attention-x-gradient",),
    "gradients": ("gradient-l1", "gradient-l2", "gradient-x-input", "smoothgrad:n_samples=4"),
    "integrated gradients": ("integrated-gradients:max_steps=50",),
    "lrp": ("lrp",),
    "perturbation": ("occlusion", "lime:n_samples=40", "kernel-shap:n_samples=20"),
    "exact": ("shapley-exact", "lime-exact"),
}


def tried(classifier: Classifier, kind: str, methods: tuple[str, ...]) -> str:
    """Return "yes" if all methods answer, else why the first of them does not, without the kind's name."""
    for method in methods:
        try:
            heedful.explain(classifier, TEXT, method, target=0)
        except InputError as error:
            return str(error).replace(f"{kind} ", "it ").replace(f"{kind}'s", "its").replace(kind, "it")
    return "yes"


def rows(chosen: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield every kind, and for every column "yes" or the reason."""
    for kind in chosen:
        try:
            classifier = kinds.make(kind)
        except ImportError as error:
            yield kind, dict.fromkeys(COLUMNS, f"not tried: {str(error).strip().splitlines()[0]}")
        except InputError as error:
            yield kind, dict.fromkeys(COLUMNS, str(error).replace(f"{kind} ", "it "))
        else:
            yield kind, {column: tried(classifier, kind, methods) for column, methods in COLUMNS.items()}


def page(table: dict[str, dict[str, str]]) -> str:
    """Return the table as a page of Markdown."""
    reasons: dict[str, str] = {}
    for row in table.values():
        for reason in row.values():
            if reason != "yes" and reason not in reasons:
                reasons[reason] = _label(len(reasons))
    counts = {column: Counter(row[column] == "yes" for row in table.values())[True] for column in COLUMNS}
    lines = [
        "# Which methods answer on which classifier",
        "",
        f"Of the {len(table)} kinds of sequence classifier in transformers {transformers.__version__}, each tried as a "
        "tiny model with random weights by `python benchmarks/architectures.py --write docs/architectures.md`. A "
        "letter is a refusal; below the table stands what the library says.",
        "",
        "| kind | " + " | ".join(COLUMNS) + " |",
        "| --- |" + " --- |" * len(COLUMNS),
        "| *answered* | " + " | ".join(str(counts[column]) for column in COLUMNS) + " |",
    ]
    for kind, row in table.items():
        cells = ["yes" if row[column] == "yes" else reasons[row[column]] for column in COLUMNS]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- **{letter}**: {reason}" for reason, letter in reasons.items()), ""]
    return "\n".join(lines)


def _label(i: int) -> str:
    """Return a, b, ..., Z, aa, ab, ...; one label a reason."""
    n = len(ascii_letters)
    return ascii_letters[i] if i < n else ascii_letters[i // n - 1] + ascii_letters[i % n]


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", help="some kinds only")
    parser.add_argument("--write", type=Path, help="file to write the page to")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    text = page(dict(rows(given.kinds or list(kinds.KINDS))))
    if given.write is None:
        print(text)
    else:
        given.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
