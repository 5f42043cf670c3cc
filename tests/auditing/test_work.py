"""An audit's work in pieces: what is done first, what time is spent on, and what it costs."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
import pytest

import heedful
from heedful.auditing import work as working
from heedful.auditing.price import Price, priced
from heedful.auditing.rows import Plan, Text
from heedful.auditing.work import TRIAL, Piece, Work
from heedful.question import Choices

TEXTS = [Text(f"text {i}", review.text, index=i) for i, review in enumerate(heedful.planted.generate(7, seed=3))]


class Clock:
    """Seconds that pass only when work is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def plan(*methods: str) -> Plan:
    return Plan(
        {name: heedful.methods.get(name) for name in methods},
        {"kendall": heedful.metrics.get("kendall")},
        "occlusion",
        Choices(),
    )


def work(clock: Clock, **seconds: float) -> Work:
    price = Price({name: (1.0, one) for name, one in (seconds | {TRIAL: 1.0}).items()}, len(TEXTS))
    return Work(heedful.load("demo"), TEXTS, plan(*seconds), price, clock=clock)


def done(some: Work, budget: float | None) -> list[Piece]:
    """The pieces that are done, in their order, when each takes as long as it is expected to."""
    order: list[Piece] = []

    def do(self: Work, piece: Piece) -> None:
        order.append(piece)
        self.done[piece] = [
            {
                "index": 0,
                "error_kind": None,
                "kendall": figure,
                "ordered": 1.0,
                "top_for": 1.0,
                "mass_against": 0.0,
                "method": piece.name,
            }
            for figure in SPREAD[piece.name]
        ]
        self.clock.now += self._expected(piece)

    with patch.object(Work, "_do", do), patch.object(working, "CHUNK", 2):
        some.run(budget)
    return order


SPREAD = {"occlusion": (0.4, 0.6), "random": (-1.0, 1.0), TRIAL: (0.5, 0.5)}


def test_without_a_budget_everything_is_done_chunk_by_chunk() -> None:
    with patch.object(working, "CHUNK", 2):
        some = work(Clock(), occlusion=1.0, random=1.0)
        assert done(some, None) == some.pieces()
        assert len(some.pieces()) == 4 * 3


def test_a_budget_goes_to_the_widest_intervals_that_it_has_time_for() -> None:
    order = done(work(Clock(), occlusion=1.0, random=1.0), 13.0)
    assert order[:3] == [Piece(0, "occlusion"), Piece(0, "random"), Piece(0, TRIAL)]  # six seconds for the first chunk
    assert order[3:] == [Piece(1, "random"), Piece(2, "random"), Piece(3, "random"), Piece(1, "occlusion")]


def test_what_does_not_fit_is_passed_over_for_what_does() -> None:
    order = done(work(Clock(), occlusion=1.0, random=4.0), 15.0)
    assert [piece.name for piece in order[3:]].count("random") == 0
    assert Piece(1, "occlusion") in order


def test_widths_are_standard_errors_in_units_of_the_spread_of_all() -> None:
    some = work(Clock(), occlusion=1.0, random=1.0)
    for name, values in (("occlusion", (0.0, 2.0)), ("random", (1.0, 1.0))):
        some.done[Piece(0, name)] = [{"kendall": value} for value in values]
    spread = np.array([0.0, 2.0, 1.0, 1.0]).std()
    assert some.widths() == {"occlusion": pytest.approx(1.0 / math.sqrt(2) / spread), "random": 0.0}


def test_the_price_is_that_of_a_text_of_median_length_times_all() -> None:
    classifier = heedful.load("demo")
    wanted = plan("occlusion", "random", "slalom:n_samples=60")
    able, refused, price = priced(classifier, TEXTS, wanted, TRIAL)
    assert not refused
    assert [*able.methods] == [*wanted.methods]
    text = sorted(TEXTS, key=lambda text: len(text.text))[3]
    n = heedful.explain(classifier, text.text, "occlusion").n_forward
    rows = {row["name"]: row for row in price.rows()}
    assert rows["occlusion"]["n_forward"] == n * len(TEXTS)
    assert all(row["seconds"] > 0 for row in price.rows())
    assert str(price).startswith("7 texts, 3 methods: about ")
