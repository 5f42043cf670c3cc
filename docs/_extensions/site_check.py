"""After the build: no page asks another machine for anything, and every link within the site leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
LOADING = {"img", "script", "iframe", "source", "video", "audio", "embed", "object"}  # by src or data
RELATIONS = {"stylesheet", "preload", "icon", "shortcut", "modulepreload", "preconnect", "dns-prefetch"}


class Page(HTMLParser):
    """What a page loads, where it leads, and what can be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take over one element."""
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and RELATIONS & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        if tag in LOADING:
            self.loads += [given[name] for name in ("src", "data") if name in given]
        self.loads += re.findall(r"url\(['\"]?([^'\")]+)", given.get("style", ""))


def elsewhere(address: str) -> bool:
    """True if fetching it asks another machine."""
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https", "ws", "wss")


def complaints(site: Path) -> Iterator[str]:
    """What is wrong with a built site, a line each."""
    pages = {
        path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts
    }
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name} loads {address}" for address in page.loads if elsewhere(address))
        for address in [*page.links, *page.loads]:
            place = urlsplit(address)
            if place.scheme or place.netloc:
                continue
            target = path if not place.path else (path.parent / unquote(place.path)).resolve()
            if not target.exists():
                yield f"{name} leads to {address}, which is not there"
            elif target in pages and unquote(place.fragment) not in pages[target].names:
                yield f"{name} leads to {address}: no such place on that page"
    for path in sorted(site.rglob("*.css")):
        for address in re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")\s]+)", path.read_text("utf-8")):
            if elsewhere(address):
                yield f"{path.relative_to(site)} loads {address}"


def check(app: Sphinx, exception: Exception | None) -> None:
    """Warn of everything that is wrong, so that a build with warnings as errors fails."""
    if exception is None and app.builder.name == "html":
        for line in complaints(Path(app.outdir).resolve()):
            LOGGER.warning("%s", line, type="site")


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the site once it is there."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
