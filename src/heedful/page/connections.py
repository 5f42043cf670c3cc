"""Connections of the server: of those that send no request there are few, and none for long."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from heedful.page.guard import CROWDED, App
from heedful.page.limits import Limits


def config(app: App, limits: Limits, **options: Any) -> uvicorn.Config:
    """Make the settings of a server that serves an application within limits.

    Args:
        app: the application.
        limits: connections at once, and the seconds in which a request has to be there.
        options: further ones of uvicorn.
    """
    return uvicorn.Config(
        app,
        http=bounded(limits),
        ws="none",
        server_header=False,
        proxy_headers=False,
        access_log=False,
        **options,
    )


def bounded(limits: Limits) -> type[H11Protocol]:
    """Make the protocol of one server's connections.

    A connection that is silent, without a request on its way, is closed after `limits.sending` seconds. One too many
    takes the place of that which has been silent longest; if none is, its requests are refused.
    """
    silent: dict[H11Protocol, asyncio.TimerHandle] = {}  # in the order in which they fell silent

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(cast("asyncio.Transport", transport))
            if len(self.connections) > limits.connections:
                if silent:
                    _close(next(iter(silent)))
                else:
                    self.app = _crowded(self.app)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._heard()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            super().handle_events()
            if self._is_busy():
                self._heard()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._is_busy() and not self.transport.is_closing():
                self._wait()

        def _is_busy(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _wait(self) -> None:
            self._heard()
            silent[self] = self.loop.call_later(limits.sending, _close, self)

        def _heard(self) -> None:
            timer = silent.pop(self, None)
            if timer is not None:
                timer.cancel()

    def _close(one: H11Protocol) -> None:
        timer = silent.pop(one, None)
        if timer is not None:
            timer.cancel()
        one.connections.discard(one)  # at once: that it is lost is told later
        one.transport.abort()

    return Connection


def _crowded(app: Any) -> Any:
    async def refused(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, CROWDED: True}, receive, send)

    return refused
