"""What stands before every request: the host it names, where it comes from, its size; and headers on every answer.

An answer that fails becomes one here too, so that it has these headers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from heedful.errors import InputError
from heedful.page.limits import BusyError, ForbiddenError, Limits, SlowBodyError, TooLargeError, status_of
from heedful.support.visible import shortened

LOOPBACK = ("localhost", "127.0.0.1", "::1")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_UPLOAD = "/api/upload"
CROWDED = "heedful.crowded"  # in the scope of a connection that is one too many
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?", re.IGNORECASE)
App = Callable[[Any, Any, Any], Any]


class Hosts:
    """The names under which the page may be asked for.

    A browser can be led to this machine under a stranger's name (DNS rebinding): the Host header then has that name.

    Args:
        host: where the page listens; loopback names alone unless it is another.
        others: further names, as those of a proxy.

    Example:
        >>> [Hosts("127.0.0.1").known(name) for name in ("localhost:8000", "evil.example", "evil@localhost")]
        [True, False, False]
        >>> Hosts("0.0.0.0").known("192.168.1.2:8000"), Hosts("0.0.0.0").known("evil.example")
        (True, False)
    """

    def __init__(self, host: str, others: Sequence[str] = ()) -> None:
        self._names = {name.casefold() for name in (*LOOPBACK, host, *others) if name}
        self._any_address = host in ("0.0.0.0", "::")  # noqa: S104 - asked for, not bound here
        if self._any_address:
            self._names.add(socket.gethostname().casefold())

    def known(self, header: str) -> bool:
        """Tell whether a Host header names one of them."""
        name = _name(header)
        return name in self._names or (self._any_address and _is_address(name))


def _name(header: str) -> str:
    """The name in a Host header, without its port; empty if it has more than these two."""
    parts = _HOST.fullmatch(header)
    return parts[1].strip("[]").casefold().removesuffix(".") if parts else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware: refuses what should not come, bounds what may, and puts headers on every answer.

    Args:
        app: what answers.
        hosts: names the page may be asked under.
        limits: bytes of a request.
    """

    def __init__(self, app: App, hosts: Hosts, limits: Limits) -> None:
        self._app, self._hosts, self._limits = app, hosts, limits
        self._bodies = self._held = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def answer(message: Any) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = [(name, value) for name, value in message.get("headers", []) if name.lower() != b"server"]
                known = {name.lower() for name, _ in given}
                more = {"cache-control": "no-store", **HEADERS}
                given += [(k.encode(), v.encode()) for k, v in more.items() if k.encode() not in known]
                message = {**message, "headers": given}
            await send(message)

        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = bytearray()
        try:
            self._check(scope, headers)
            await self._read(body, scope, receive)
            await self._app(scope, _again(bytes(body), receive), answer)
        except InputError as error:
            await _refuse(error, answer)
        except asyncio.CancelledError:  # only when the server ends
            if begun:
                raise
            await _refuse(BusyError("the server is shutting down"), answer)
        except Exception as error:
            traceback.print_exception(error, file=sys.stderr)
            if begun:
                raise
            await _refuse(error, answer)
        finally:
            self._held -= len(body)

    def _check(self, scope: Any, headers: dict[bytes, str]) -> None:
        if scope.get(CROWDED):
            raise BusyError(f"{self._limits.connections} connections are open already: try again in a few seconds")
        host = headers.get(b"host", "")
        if not self._hosts.known(host):
            raise ForbiddenError(
                f"this page is not served as {shortened(host, 100)!r}: open it as localhost, or start it with --host"
            )
        if scope["method"] in ("GET", "HEAD"):
            return
        origin = headers.get(b"origin")
        if headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none") or (
            origin is not None and urlsplit(origin).netloc.casefold() != host.casefold()
        ):
            raise ForbiddenError("another site may not ask this page: open the page itself")

    async def _read(self, body: bytearray, scope: Any, receive: Any) -> None:
        """Read the whole body, refused as soon as it is too long, too slow, or one too many."""
        if self._bodies >= self._limits.bodies:
            raise BusyError(f"{self._bodies} requests arrive already: try again in a few seconds")
        self._bodies += 1
        try:
            async with asyncio.timeout(self._limits.sending):
                await self._fill(body, scope, receive)
        except TimeoutError:
            raise SlowBodyError(
                f"this request was not there after {self._limits.sending:g} seconds: send it again"
            ) from None
        finally:
            self._bodies -= 1

    async def _fill(self, body: bytearray, scope: Any, receive: Any) -> None:
        most = self._limits.upload + 10_000 if scope["path"] == _UPLOAD else self._limits.body
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            chunk = message.get("body", b"")
            if len(body) + len(chunk) > most:
                raise TooLargeError(f"this request is larger than the {most / 1e6:.1f} MB that the page takes")
            if self._held + len(chunk) > self._limits.held:
                raise BusyError("too many large requests at once: try again in a few seconds")
            body += chunk
            self._held += len(chunk)
            if not message.get("more_body"):
                return


def _again(body: bytes, receive: Any) -> Any:
    """What gives the body that has been read, and then whatever comes."""
    given = False

    async def one() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return one


async def _refuse(error: Exception, send: Any) -> None:
    status = status_of(error)
    said = str(error) if status != 500 else f"the server failed ({type(error).__name__}): its terminal says more"
    content = json.dumps({"error": said}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    headers.append((b"connection", b"close"))
    if status == 503:
        headers.append((b"retry-after", b"3"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
