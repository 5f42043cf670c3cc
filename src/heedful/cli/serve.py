"""`heedful serve`: the page on which a person types a sentence and sees what every explanation says of it."""

from __future__ import annotations

import socket
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

import heedful
from heedful.cli.options import Device, command
from heedful.cli.reading import load_classifier
from heedful.errors import SettingError
from heedful.support.progress import say, waiting
from heedful.support.settings import check_whole

_GRACE = 3  # seconds that requests have to end in after Ctrl-C


def serve(  # noqa: PLR0913, PLR0917 - one option a choice
    model: Annotated[
        list[str] | None,
        typer.Argument(help="Hub ids, model folders, or 'demo' (the default); of several, the page has a list."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; by default only this machine reaches it.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any that is free.")] = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name the page may be opened under, as behind a proxy; repeat.")
    ] = None,
    audit: Annotated[
        list[Path] | None, typer.Option(help="A folder of 'heedful audit --out' to browse; repeat for several.")
    ] = None,
    corpus: Annotated[
        list[Path] | None, typer.Option(help="A folder of 'heedful corpus --out' to search; repeat for several.")
    ] = None,
    characters: Annotated[int, typer.Option(help="Longest text, in characters.")] = 20_000,
    seconds: Annotated[int, typer.Option(help="Longest time for one answer.")] = 60,
    queue: Annotated[int, typer.Option(help="Requests that may wait for their turn.")] = 100,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    device: Device = None,
) -> None:
    """Serve a page: type a sentence, see what every explanation says of it. Stops on Ctrl-C."""
    for name, given, least in (("characters", characters, 1), ("seconds", seconds, 1), ("queue", queue, 0)):
        check_whole(f"--{name}", given, least)
    with _bound(host, port) as bound:
        with waiting("loading"):
            page = heedful.page
            audits = {name: heedful.Audit.read(folder) for name, folder in page.named(audit or []).items()}
            corpora = page.corpora(corpus or [])
        models = {name: load_classifier(name, device) for name in dict.fromkeys(model or ["demo"])}
        limits = page.Limits(
            characters=characters, body=20_000 + 12 * characters, seconds=float(seconds), waiting=queue
        )
        with waiting("trying every method"):
            app = page.create_app(page.Served(models, audits, corpora, limits), page.Hosts(host, allow_host or []))
        address = _address(host, bound.getsockname()[1])
        typer.echo(address)
        say("open this address in a browser; Ctrl-C stops the page")
        if browser:
            webbrowser.open(address)
        _run(page.config(app, limits, log_level="warning", timeout_graceful_shutdown=_GRACE), bound)


def _run(config: Any, bound: socket.socket) -> None:
    import uvicorn

    uvicorn.Server(config).run(sockets=[bound])


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens there, before anything is loaded."""
    if not 0 <= port < 65_536:
        raise SettingError(f"--port is a number from 0 to 65535, got {port}")
    if not host.strip():
        raise SettingError("--host is empty: give 127.0.0.1 for this machine alone, or 0.0.0.0 for everybody")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()  # now: a port that is only bound may be given to another, too
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or error
        raise SettingError(f"cannot listen on {host}, port {port}: {reason}; try --port 0") from None
    return bound


def _address(host: str, port: int) -> str:
    name = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host  # noqa: S104 - compared, not bound
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


COMMAND = command(
    serve,
    "heedful serve --open",
    "heedful serve MODEL OTHER_MODEL --port 9000",
    "heedful serve MODEL --audit audit/ --corpus run/",
)
