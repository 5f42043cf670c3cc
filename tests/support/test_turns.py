"""Functions that take turns: one runs at a time, and none goes on when its caller has lost interest."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import numpy as np
import pytest

from heedful.support.locks import alone, holding
from heedful.support.turns import Turn, ask, claim, close


class Model:
    """Something that can be locked."""


def test_functions_run_in_turns_and_ask_their_caller() -> None:
    order: list[str] = []

    def work(name: str) -> str:
        order.append(f"{name} begins")
        thread = ask(threading.get_ident)
        assert thread != threading.get_ident()
        order.append(f"{name} ends")
        return name

    turns = [Turn(lambda name=name: work(name)) for name in "ab"]  # type: ignore[misc]
    for turn in turns:
        turn.start()
    assert order == ["a begins", "b begins"]
    for turn in reversed(turns):
        assert not turn.ended
        assert turn.request is not None
        assert turn.request() == threading.get_ident()
        turn.reply(0)
    assert order[2:] == ["b ends", "a ends"]
    assert [turn.result() for turn in turns] == ["a", "b"]
    assert all(turn.ended and not turn._worker.is_alive() and turn.seconds > 0 for turn in turns)


def test_errors_go_both_ways() -> None:
    def work() -> None:
        with pytest.raises(KeyError):
            ask(dict)
        raise ZeroDivisionError

    turn = Turn(work)
    turn.start()
    turn.reply(KeyError("x"))
    with pytest.raises(ZeroDivisionError):
        turn.result()


def test_a_closed_function_ends_where_it_asks_however_stubborn_it_is() -> None:
    ended: list[int] = []

    def stubborn() -> None:
        try:
            ask(dict)
        except BaseException:  # as some code does
            try:
                ask(dict)
            finally:
                ended.append(1)

    turns = [Turn(stubborn) for _ in range(3)]
    for turn in turns[:2]:
        turn.start()
    close(turns)
    close(turns)
    assert ended == [1, 1]
    assert not any(turn._worker.is_alive() for turn in turns)
    assert turns[0].ended


def test_settings_of_the_callers_context_hold_and_stay_its_own() -> None:
    variable = ContextVar("variable", default=0)
    variable.set(3)

    def work() -> int:
        before = variable.get()
        variable.set(4)
        return before

    with np.errstate(divide="raise"):
        turn = Turn(lambda: (work(), np.geterr()["divide"]))
        turn.start()
    assert turn.result() == (3, "raise")
    assert variable.get() == 3


def test_whoever_holds_a_lock_asks_nobody() -> None:
    def work() -> int:
        with alone(Model()):
            assert holding()
            return ask(threading.get_ident)

    turn = Turn(work)
    turn.start()
    assert turn.ended
    assert turn.result() == turn._worker.ident
    assert not holding()


def test_memory_is_claimed_by_the_turn_that_holds_it() -> None:
    def work() -> None:
        claim(5.0)
        claim(3.0)

    turn = Turn(work)
    claim(100.0)
    turn.start()
    assert turn.n_bytes == 5.0
