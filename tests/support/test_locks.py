"""Locks by object: one thread at a time, again in the same thread, one lock for what is shared."""

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from heedful.support import locks
from heedful.support.locks import alone


class Part:
    """Any object."""


@pytest.mark.parametrize("shared", ["the same", "a part", "a part of both"])
def test_one_thread_at_a_time_is_inside(shared):
    one, other, common = Part(), Part(), Part()
    sets = {"the same": [(one,), (one,)], "a part": [(one, common), (other, common)]}
    sets["a part of both"] = [(one, common, other), (common,)]
    if shared == "a part of both":  # each is known by itself before
        with alone(one), alone(other), alone(common):
            pass
    inside, most = [], []

    def enter(i):
        with alone(*sets[shared][i % 2]), alone(*sets[shared][i % 2][:1]):
            inside.append(i)
            most.append(len(inside))
            inside.remove(i)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(400)))
    assert set(most) == {1}


def test_objects_that_share_nothing_do_not_wait():
    with alone(Part()):
        done = threading.Event()

        def enter():
            with alone(Part()):
                done.set()

        threading.Thread(target=enter).start()
        assert done.wait(10)


def test_locks_go_with_their_objects():
    one = Part()
    with alone(one):
        assert id(one) in locks._locks
    key, gone = id(one), weakref.ref(one)
    del one
    assert gone() is None
    assert key not in locks._locks
