"""Connections of the page's server: silent ones end, they take no place from others, and too many are told so."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

pytest.importorskip("uvicorn")

from heedful.page import Hosts, Limits
from heedful.page.guard import Guard
from page_server import running

HALF = b"GET / HTTP/1.1\r\nhost: localhost\r\n"  # an empty line would end it


class Answers:
    """An application that answers, /slow only when it is released."""

    def __init__(self):
        self.begun, self.released = threading.Semaphore(0), threading.Event()

    async def __call__(self, scope, receive, send):
        import asyncio

        if scope["type"] != "http":
            return
        if scope["path"] == "/slow":
            self.begun.release()
            while not self.released.is_set():
                await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"fine"})


def serving(limits, app=None):
    return running(Guard(app or Answers(), Hosts("127.0.0.1"), limits), limits)


def connect(address, said=b""):
    one = socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=20)
    one.sendall(said)
    return one


def is_closed(one, within):
    one.settimeout(within)
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def get(address, path="/", over=None):
    asked = over or http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=20)
    asked.request("GET", path, headers={"host": "localhost"})
    answer = asked.getresponse()
    content = answer.read()
    if over is None:
        asked.close()
    return answer, content


def test_a_request_has_to_come_in_time_and_the_next_one_too():
    with serving(Limits(sending=0.6)) as address:
        kept = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=20)
        assert get(address, over=kept)[1] == b"fine"
        silent = [connect(address), connect(address, HALF)]
        time.sleep(0.3)
        assert get(address, over=kept)[1] == b"fine"  # over the same connection
        kept.sock.sendall(HALF)
        silent.append(kept.sock)
        assert all(is_closed(one, 10) for one in silent)
        for one in silent:
            one.close()


def test_a_slow_answer_is_waited_for():
    app = Answers()
    threading.Timer(0.8, app.released.set).start()
    with serving(Limits(sending=0.2), app) as address:
        assert get(address, "/slow")[1] == b"fine"


def test_silent_connections_make_room():
    with serving(Limits(connections=3)) as address:
        many = [connect(address) for _ in range(5)]
        assert is_closed(many[0], 5)
        assert is_closed(many[1], 5)
        assert get(address)[1] == b"fine"
        assert is_closed(many[2], 5)
        assert not is_closed(many[4], 0.1)
        for one in many:
            one.close()


def test_one_too_many_is_told_so_in_the_form_of_the_page():
    app = Answers()
    with serving(Limits(connections=2), app) as address:
        busy = [connect(address, HALF.replace(b"/", b"/slow", 1) + b"\r\n") for _ in range(2)]
        assert all(app.begun.acquire(timeout=10) for _ in busy)
        answer, content = get(address)
        assert (answer.status, answer.headers["retry-after"]) == (503, "3")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert json.loads(content) == {"error": "2 connections are open already: try again in a few seconds"}
        app.released.set()
        for one in busy:
            assert one.recv(12) == b"HTTP/1.1 200"
            one.close()
        time.sleep(0.2)
        assert get(address)[1] == b"fine"
