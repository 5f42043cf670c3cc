"""The page's limits of time and size: what runs too long, waits too long or is sent too slowly comes to an end."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

import heedful
from heedful.page import Hosts, Limits
from heedful.page.asked import Ask
from heedful.page.guard import Guard
from heedful.page.limits import BusyError, TooSlowError
from heedful.page.served import Served
from heedful.page.workers import Workers
from heedful.support.stopping import pause


@pytest.fixture(scope="module")
def demo():
    return heedful.load("demo")


def test_a_long_computation_ends_when_its_time_is_over(demo):
    def work(_):
        question = served.question(Ask("the plot was dull " * 20, unit="word"))
        while True:
            question.game()(np.ones((4, len(question.units)), dtype=bool))

    async def scenario():
        workers = Workers(Limits(workers=1, seconds=0.5))
        with pytest.raises(TooSlowError, match=r"longer than 0\.5 seconds"):
            await workers.run(work)
        started = time.monotonic()
        while workers.running:
            await asyncio.sleep(0.01)
        assert time.monotonic() - started < 5
        workers.close()

    served = Served({"demo": demo})
    asyncio.run(scenario())


def test_a_forward_pass_is_where_a_computation_can_end(demo, monkeypatch):
    monkeypatch.setattr("heedful.classifier.classifier.folded_logits", lambda *_: None)
    seen = []

    def work(deadline):
        demo.logits_of_all([demo.encode("good film")])
        deadline.gone.set()
        try:
            demo.logits_of_all([demo.encode("good film")])
            seen.append("forward passes go on")
        finally:
            seen.append("done")

    async def scenario():
        workers = Workers(Limits(workers=1))
        with pytest.raises(TooSlowError):
            await workers.run(work)
        workers.close()

    asyncio.run(scenario())
    assert seen == ["done"]


def test_who_only_waited_is_told_so_and_waits_for_nobody_who_left():
    async def scenario():
        workers = Workers(Limits(workers=1, waiting=1, seconds=20.0))

        def forever(_):
            while True:
                pause()
                time.sleep(0.002)

        first = asyncio.create_task(workers.run(forever))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(workers.run(lambda _: "mine"))
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await workers.run(lambda _: None)
        waiting.cancel()
        await asyncio.sleep(0.05)
        assert workers.running == 1
        later = asyncio.create_task(workers.run(lambda _: "mine"))
        first.cancel()
        assert await asyncio.wait_for(later, 5) == "mine"
        workers.close()

    asyncio.run(scenario())


def test_closing_ends_what_runs_and_what_waits():
    async def scenario():
        workers = Workers(Limits(workers=1, seconds=60.0))

        def forever(_):
            while True:
                pause()
                time.sleep(0.002)

        both = [asyncio.create_task(workers.run(forever)) for _ in range(2)]
        await asyncio.sleep(0.05)
        workers.close()
        for one in both:
            with pytest.raises((BusyError, TooSlowError, asyncio.CancelledError)):
                await one
        with pytest.raises(BusyError, match="shutting down"):
            await workers.run(lambda _: None)
        assert all(thread.daemon for thread in workers._threads)
        assert not any(thread.is_alive() for thread in workers._threads)

    asyncio.run(scenario())


def guarded(limits, app=None):
    async def nothing(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return Guard(app or nothing, Hosts("127.0.0.1"), limits)


async def status_of_one(guard, receive, path="/api/explain"):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"host", b"localhost")]}
    await guard(scope, receive, send)
    return sent[0]["status"]


def test_bodies_have_a_deadline_a_number_and_a_size_in_all():
    async def never():
        await asyncio.sleep(60)

    def sending(n_bytes, more):
        async def receive():
            if receive.given:
                await asyncio.sleep(60)
            receive.given = True
            return {"type": "http.request", "body": b"x" * n_bytes, "more_body": more}

        receive.given = False
        return receive

    async def scenario():
        assert await status_of_one(guarded(Limits(sending=0.05)), never) == 408
        guard = guarded(Limits(bodies=1, sending=0.2))
        first = asyncio.create_task(status_of_one(guard, never))
        await asyncio.sleep(0.02)
        assert await status_of_one(guard, sending(1, more=False)) == 503
        assert await first == 408
        assert await status_of_one(guard, sending(1, more=False)) == 200
        guard = guarded(Limits(held=1000, sending=0.2))
        first = asyncio.create_task(status_of_one(guard, sending(900, more=True)))
        await asyncio.sleep(0.02)
        assert await status_of_one(guard, sending(200, more=False)) == 503
        assert await first == 408
        assert await status_of_one(guard, sending(200, more=False)) == 200

    asyncio.run(scenario())


def test_requests_in_the_middle_of_their_way_are_told_that_the_server_ends():
    async def never():
        await asyncio.sleep(60)

    async def scenario():
        one = asyncio.create_task(status_of_one(guarded(Limits()), never))
        await asyncio.sleep(0.02)
        one.cancel()
        assert await one == 503

    asyncio.run(scenario())
