"""Facts about every method, written into the gallery: `python benchmarks/gallery_pages.py [--planted 40]`.

The facts come from the registry, between `<!-- facts of NAME -->` and `<!-- end of facts -->`. With --planted the table
of the index is made again, on so many planted reviews: what the word with the largest score does, and how often signs
are right.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np

import heedful
from heedful.methods.cards import Card
from heedful.methods.registry import REGISTRY

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
ROLES = ("for", "against", "modifier", "neutral")
CITED = {  # keys of docs/references.bib
    "lopardo2024": ("Lopardo",),
    "abnar2020": ("Abnar",),
    "kobayashi2020": ("Kobayashi",),
    "chefer2021": ("Chefer",),
    "sundararajan2017": ("Sundararajan",),
    "smilkov2017": ("Smilkov",),
    "achtibat2024": ("Achtibat",),
    "ribeiro2016": ("Ribeiro",),
    "mardaoui2021": ("Mardaoui",),
    "zeiler2014": ("Zeiler",),
    "castro2009": ("Castro",),
    "mitchell2022": ("Mitchell",),
    "lundberg2017": ("Lundberg, Lee 2017",),
    "covert2021": ("Covert",),
    "musco2025": ("Musco",),
    "owen1977": ("Owen 1977",),
    "lundberg2020": ("Lundberg 2020",),
    "banzhaf1965": ("Banzhaf 1965",),
    "wang2023": ("Wang, Jia",),
    "liu2024": ("Liu et al. 2024",),
    "leemann2025": ("Leemann",),
}


def keys(card: Card) -> list[str]:
    """Keys of the references that a card's source names."""
    return [key for key, names in CITED.items() if any(name in card.source for name in names)]


def facts(card: Card) -> str:
    """What code knows of a method, as a table."""
    method = REGISTRY.class_of(card.name)
    settings = [f"`{f.name}={getattr(method(), f.name)}`" for f in fields(method)]
    source = card.source.replace("docs/theory.md", "[theory](../theory.md)")
    cited = keys(card)
    rows = {
        "also called": ", ".join(f"`{alias}`" for alias in card.aliases) or "-",
        "speaks against": "yes" if card.signed else "no: weights without a sign",
        "needs": {"outputs": "outputs only", "nothing": "nothing"}.get(card.access, card.access),
        "adds up to the prediction": "yes" if card.additive else "no",
        "draws random numbers": "yes: set `seed`" if card.random else "no",
        "cost, d units": card.cost,
        "settings": ", ".join(settings) or "none",
        "source": source + (f" {{cite:p}}`{','.join(cited)}`" if cited else ""),
    }
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])


def filled(page: str) -> str:
    """The page with the facts of every frame put in anew."""

    def fill(match: re.Match[str]) -> str:
        return f"<!-- facts of {match[1]} -->\n{facts(REGISTRY.card_of(match[1]))}\n<!-- end of facts -->"

    return re.sub(r"<!-- facts of (\S+) -->\n.*?<!-- end of facts -->", fill, page, flags=re.DOTALL)


def planted(n: int) -> str:
    """What every method makes of planted reviews, as a table."""
    clf, reviews = heedful.load("demo"), heedful.planted.generate(n, seed=1)
    names = [card.name for card in REGISTRY.built_in]
    lines = [
        f"| method | top: {' | top: '.join(ROLES)} | words for: score above 0 | words against: score below 0 |",
        "| --- | " + " | ".join(["---"] * (len(ROLES) + 2)) + " |",
    ]
    for name in names:
        tops: Counter[str] = Counter()
        signs: dict[str, list[bool]] = {"for": [], "against": []}
        for review in reviews:
            target = heedful.planted.LABELS[review.label]
            scores = heedful.explain(clf, review.text, name, target=target, unit="word").scores
            tops[review.roles[int(np.argmax(np.abs(scores)))]] += 1
            for score, role in zip(scores, review.roles, strict=True):
                if role in signs:
                    signs[role].append(score > 0 if role == "for" else score < 0)
        shares = [f"{100 * tops[role] / n:.0f} %" for role in ROLES]
        lines.append(
            f"| `{name}` | {' | '.join(shares)} | "
            + " | ".join(f"{100 * np.mean(s):.0f} %" for s in signs.values())
            + " |"
        )
    return "\n".join(lines)


def main() -> None:
    """Fill the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planted", type=int, help="make the table of the index again, on so many reviews")
    n = parser.parse_args().planted
    for path in sorted(GALLERY.glob("*.md")):
        path.write_text(filled(path.read_text("utf-8")), encoding="utf-8")
    if n:
        index = GALLERY / "index.md"
        table = f"<!-- planted reviews: {n} -->\n{planted(n)}\n<!-- end of table -->"
        pattern = r"<!-- planted reviews: \d+ -->\n.*?<!-- end of table -->"
        index.write_text(re.sub(pattern, lambda _: table, index.read_text("utf-8"), flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
