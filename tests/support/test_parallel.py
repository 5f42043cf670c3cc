"""Threads: results in order, errors come through, work within work stays on its thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heedful.support.parallel import in_parallel, parts
from heedful.support.stopping import Stopped, pause, stoppable


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@given(st.integers(0, 100), st.integers(1, 30), st.integers(1, 9))
def test_parts_cover_everything_once(n: int, least: int, n_threads: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: n_threads)
        found = parts(n, least)
    assert [i for part in found for i in range(n)[part]] == list(range(n))
    assert 1 <= len(found) <= n_threads
    assert len(found) == 1 or min(part.stop - part.start for part in found) >= least


def test_results_keep_their_order_and_two_threads_work(two_threads: None) -> None:
    together = threading.Barrier(2, timeout=30)  # passes only if two threads wait at once

    def work(i: int) -> int:
        together.wait()
        return -i

    assert in_parallel(work, [1, 2]) == [-1, -2]


def test_few_items_and_items_within_items_stay_on_their_thread(two_threads: None) -> None:
    here = threading.current_thread
    assert in_parallel(lambda _: here(), [1, 2], least=3) == [here(), here()]

    def within(_: int) -> bool:
        return set(in_parallel(lambda _: here(), [1, 2])) == {here()}

    assert in_parallel(within, [1, 2]) == [True, True]


def test_errors_come_through(two_threads: None) -> None:
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda x: 1 / x, [1, 0])


@pytest.mark.parametrize("least", [2, 1000], ids=["by threads", "one after the other"])
def test_no_item_is_begun_once_nobody_waits(two_threads: None, least: int) -> None:
    done: list[int] = []
    with pytest.raises(Stopped), stoppable(lambda: len(done) >= 2):
        in_parallel(done.append, range(100), least=least)
    assert 2 <= len(done) <= 3  # the other thread may have looked before the second was done


def test_threads_end_what_nobody_waits_for(two_threads: None) -> None:
    """The caller's threads look at what the caller's own thread is stopped by, before each item and inside."""
    together, seen = threading.Barrier(2, timeout=30), []

    def work(i: int) -> None:
        together.wait()
        seen.append(i)
        pause()

    with pytest.raises(Stopped), stoppable(lambda: len(seen) > 1):
        in_parallel(work, range(100))
    assert sorted(seen) == [0, 1]


def test_of_several_errors_the_first_item_s_is_raised(two_threads: None) -> None:
    together = threading.Barrier(2, timeout=30)

    def fail(i: int) -> None:
        together.wait()
        raise ValueError(i)

    with pytest.raises(ValueError, match=r"^0$"):
        in_parallel(fail, [0, 1])
    assert in_parallel(abs, [-1, -2]) == [1, 2]  # and the threads are free again


def test_threads_stay_and_the_caller_s_is_one_of_them(two_threads: None) -> None:
    def names(_: object) -> str:
        together.wait()
        return threading.current_thread().name

    found = []
    for _ in range(3):
        together = threading.Barrier(2, timeout=30)
        found.append(set(in_parallel(names, [1, 2])))
    assert found[0] == found[1] == found[2]
    assert threading.current_thread().name in found[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    code = """
import os, threading
from heedful.support import parallel

parallel.n_threads = lambda: 2


def both(i):
    together.wait()
    return i


for child in (None, os.fork):
    together = threading.Barrier(2, timeout=10)
    pid = child() if child else 1
    found = parallel.in_parallel(both, [3, 4])
os.write(1, b"%r;" % found)  # at once: two processes write
pid and os.waitpid(pid, 0)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[3, 4];[3, 4];"


def test_torchs_number_of_threads_stays() -> None:
    """In a process of its own: what sets it does so once."""
    code = (
        "import torch; torch.set_num_threads(3); from heedful.support.parallel import in_parallel, parts;"
        "in_parallel(parts, [8, 9]); print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
