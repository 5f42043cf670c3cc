"""The page for tests: an application, a client without browser, and a server that a browser can open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import heedful
from heedful.page import Hosts, Limits, Served, config, create_app


def application(models: Any = None, **given: Any) -> Any:
    """An application, of the built-in model if none is given."""
    limits = given.pop("limits", None) or Limits()
    return create_app(Served(models or {"demo": heedful.load("demo")}, limits=limits, **given), Hosts("127.0.0.1"))


def client(app: Any) -> Any:
    """A client that asks as a browser on this machine does."""
    from fastapi.testclient import TestClient

    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@contextmanager
def running(app: Any, limits: Limits | None = None) -> Iterator[str]:
    """The address of a server of this application, on a thread."""
    import uvicorn

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(config(app, limits or Limits(), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    started = time.monotonic()
    while not server.started and time.monotonic() < started + 60:
        time.sleep(0.02)
    try:
        yield f"http://localhost:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()
