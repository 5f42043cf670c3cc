"""What is told of a run meanwhile: everything in the end, and not too often."""

from __future__ import annotations

import pytest

from heedful.corpus import watch


def test_all_that_is_counted_is_told_in_the_end() -> None:
    told: list[float] = []
    with watch.paced(told.append, 3600.0) as count:
        for _ in range(7):
            count(0.5)
        assert not told
    assert told == [3.5]


def test_it_is_told_now_and_then_and_also_after_an_error() -> None:
    told: list[float] = []

    def interrupted() -> None:
        with watch.paced(told.append, 0.0) as count:
            count(1.0)
            count(2.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert told == [1.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("n_rows", "seconds", "said"), [(30.0, 2.0, "15 texts/s"), (3.0, 2.0, "1.5 texts/s"), (2.0, 9.0, "4.5 s a text")]
)
def test_how_fast_it_goes(n_rows: float, seconds: float, said: str) -> None:
    assert watch._rate(n_rows, seconds) == said
