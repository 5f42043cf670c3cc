"""Threads: results in order, errors come through, work within work stays on its thread."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heedful.parallel import in_parallel, parts


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


def test_torchs_number_of_threads_stays() -> None:
    """In a process of its own: what sets it does so once."""
    code = (
        "import torch; torch.set_num_threads(3); from heedful.parallel import in_parallel, parts;"
        "in_parallel(parts, [8, 9]); print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
