"""The verdict: known answers of the rule, laws of its intervals, and the page that states it."""

import json
import math
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from heedful.auditing.figures import PerText, text_figures
from heedful.auditing.verdict import FEWEST, LEAST_HALVES, LEVELS, MASS_AGAINST, ORDERED, RULE, TOP_FOR, Verdict, judge

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
DECIDING = ("ordered", "top_for", "mass_against")


def texts(n: int = 100, *, ordered: float = 0.95, top_for: float = 1.0, mass: float = 0.1, seed: int = 0) -> PerText:
    """Figures that scatter around these means; `top_for` is a share of texts."""
    draw = np.random.default_rng(seed)
    scatter = draw.normal(0, 0.05, n)
    scatter = 0.05 * (scatter - scatter.mean()) / max(scatter.std(), 1e-9)
    plain = {field.name: np.full(n, 0.5) for field in fields(PerText)}
    plain |= {
        "ordered": np.clip(ordered + scatter, 0, 1),
        "top_for": (np.arange(n) < round(top_for * n)).astype(float),
        "mass_against": np.clip(mass + scatter, 0, 1),
        "halves": np.full(n, math.nan),
    }
    return PerText(**plain)


@pytest.mark.parametrize(
    ("figures", "level"),
    [
        ({}, "faithful"),
        ({"top_for": 0.6}, "map"),
        ({"mass": 0.5}, "map"),
        ({"mass": 0.5, "top_for": 0.9}, "map"),  # one fails, whatever the other
        ({"ordered": 0.5}, "misleading"),
        ({"ordered": 0.5, "top_for": 0.9}, "misleading"),
        ({"ordered": 0.1, "top_for": 0.5, "mass": 0.5}, "misleading"),
        ({"ordered": 0.75}, "undecided"),
        ({"ordered": 0.75, "top_for": 0.5}, "undecided"),
        ({"top_for": 0.9}, "undecided"),
        ({"mass": 0.25}, "undecided"),
    ],
)
def test_levels(figures: dict[str, float], level: str) -> None:
    assert judge(texts(**figures)).level == level


def test_from_scores_to_a_level() -> None:
    """Sizes of effects as attention: faithful if all speak for the prediction, a map if half of them do not."""
    draw = np.random.default_rng(0)
    sizes, signs = draw.uniform(0, 1, (60, 15)), draw.choice([-1.0, 1.0], (60, 15))
    chance = draw.uniform(0, 1, (60, 15))
    for attention, effects, level in (
        (sizes, sizes, "faithful"),
        (sizes, sizes * signs, "map"),
        (chance, sizes, "misleading"),
        (np.full((60, 15), 0.1), sizes, "misleading"),
        (1 - sizes, sizes, "misleading"),
    ):
        per_text = PerText.gather(text_figures(a, e) for a, e in zip(attention, effects, strict=True))
        assert judge(per_text).level == level


def test_random_scores_are_at_chance() -> None:
    draw = np.random.default_rng(3)
    per_text = PerText.gather(text_figures(draw.uniform(size=20), draw.normal(size=20)) for _ in range(300))
    figures = judge(per_text).figures
    for name in DECIDING:
        assert figures[name]["low"] < figures[name]["at_random"] < figures[name]["high"]
    assert figures["tau_sizes"]["low"] < 0 < figures["tau_sizes"]["high"]


@pytest.mark.parametrize("n", [1, 2, 5, FEWEST - 1])
def test_few_texts_settle_nothing(n: int) -> None:
    verdict = judge(texts(n))
    assert verdict.level == "undecided"
    assert verdict.figures["more_texts"] >= FEWEST - n
    assert "cannot tell" in verdict.sentences[0]


def test_no_text() -> None:
    verdict = judge(PerText.gather([]))
    assert verdict.level == "undecided"
    assert "none of 0 texts" in verdict.sentences[0]
    json.dumps(verdict.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", DECIDING)
def test_more_texts_narrow_the_intervals(name: str) -> None:
    widths = []
    for n in (25, 100, 400):
        figure = judge(texts(n, ordered=0.8, top_for=0.8, mass=0.3)).figures[name]
        widths.append(figure["high"] - figure["low"])
        assert figure["low"] < figure["value"] < figure["high"]
    assert widths[0] > 1.4 * widths[1] > 1.9 * widths[2]


def test_the_order_of_texts_does_not_matter() -> None:
    per_text = texts(80, ordered=0.78, top_for=0.85, mass=0.3)
    halves = np.random.default_rng(1).uniform(0.85, 0.95, 80)
    per_text = replace(per_text, halves=halves)
    shuffled = np.random.default_rng(0).permutation(80)
    assert judge(per_text).to_dict() == judge(per_text[shuffled]).to_dict()


@pytest.mark.parametrize(
    "figures", [{"ordered": 0.755}, {"ordered": 0.745}, {"top_for": 0.95}, {"top_for": 0.85}, {"mass": 0.245}]
)
def test_as_many_more_texts_as_it_says_are_enough(figures: dict[str, float]) -> None:
    n = 40
    verdict = judge(texts(n, **figures))
    assert verdict.level == "undecided"
    more = int(verdict.figures["more_texts"])
    assert more > 0
    assert judge(texts(n + round(1.25 * more), **figures)).level != "undecided"  # an estimate
    assert judge(texts(n + round(0.75 * more), **figures)).level == "undecided"
    assert any(f"about {more} more are needed" in sentence for sentence in verdict.sentences)


def test_on_the_threshold_more_texts_do_not_help() -> None:
    verdict = judge(texts(1000, ordered=0.75))
    assert math.isinf(verdict.figures["more_texts"])
    assert "lies on the threshold" in verdict.sentences[0]
    assert verdict.to_dict()["figures"]["more_texts"] is None


def test_all_texts_alike_still_have_an_interval() -> None:
    """Wilson's upper end for 0 of 30 is 0.1135: so many could have any other value."""
    alike = replace(texts(30), ordered=np.full(30, 0.8))
    figure = judge(alike).figures["ordered"]
    assert figure["low"] == pytest.approx(0.8 - 0.1135 * 0.8, abs=1e-4)
    assert figure["high"] == pytest.approx(0.8 + 0.1135 * 0.2, abs=1e-4)
    assert judge(alike).level == "undecided"
    assert judge(replace(texts(300), ordered=np.full(300, 0.8))).level == "faithful"


def test_texts_that_say_nothing_are_not_counted() -> None:
    per_text = texts(40)
    ordered = per_text.ordered.copy()
    ordered[: 40 - FEWEST + 1] = math.nan
    verdict = judge(replace(per_text, ordered=ordered))
    assert verdict.figures["ordered"]["n"] == FEWEST - 1
    assert verdict.level == "undecided"
    assert verdict.figures["more_texts"] == math.ceil(40 * FEWEST / (FEWEST - 1)) - 40


def test_a_model_all_of_whose_texts_are_left_out() -> None:
    per_text = PerText.gather(text_figures(np.full(5, 0.1), np.zeros(5), output=1.0) for _ in range(50))
    verdict = judge(per_text)
    assert verdict.level == "undecided"
    assert "none of 50 texts" in verdict.sentences[0]


def test_what_the_sentences_say() -> None:
    map_only = judge(texts(top_for=0.6, mass=0.4))
    assert len(map_only.sentences) == 3
    assert map_only.sentences[1] == (
        "The most attended word speaks for the prediction in 60 of 100 texts (95 % interval 50.2 to 69.1; random "
        "scores 50; at least 90 needed): it is often not a reason."
    )
    assert "Of the attention on words, 40 % lies on words that speak against" in map_only.sentences[2]
    assert "at most 25 needed" in map_only.sentences[2]


def test_as_it_stands_in_the_audit() -> None:
    verdict = judge(texts(ordered=0.75))
    stored = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert set(stored) == {"level", "sentences", "figures", "rule"}
    assert stored["level"] in LEVELS
    assert stored["rule"] == RULE
    assert set(DECIDING) < set(stored["figures"])
    assert isinstance(verdict, Verdict)


def test_the_page_states_the_rule() -> None:
    page = PAGE.read_text("utf-8")
    assert f"({RULE})" in page
    bars = dict(re.findall(r"`(ordered|top_for|mass_against)` at (?:least|most) (\d\.\d\d)", page))
    assert {name: float(bar) for name, bar in bars.items()} == {
        "ordered": ORDERED,
        "top_for": TOP_FOR,
        "mass_against": MASS_AGAINST,
    }
    assert f"fewer than {FEWEST} texts" in page
    assert f"Below {LEAST_HALVES} the verdict" in page
    assert all(f"`{level}`" in page for level in LEVELS)
