"""The page in a real browser, for tests: how to open it, and when it is at rest."""

from __future__ import annotations

import re
import shutil
from urllib.parse import urlencode

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
READY = """() => !document.querySelector("[aria-busy]") && (
    document.querySelector("#status").textContent.startsWith("Expl")
    || document.querySelector("#view-explain").hidden || !document.querySelector("#error").hidden)"""


def visit(tab, address, **state):
    tab.goto(f"{address}/#{urlencode(state)}")
    settled(tab)
    return tab


def settled(tab):
    tab.wait_for_timeout(60)
    tab.wait_for_function(READY, timeout=30_000)


def retype(tab, text):
    """Type another text, which is not the one the page begins with, and wait until it is answered."""
    tab.locator("#text").fill(text)
    is_asked = "text => new URLSearchParams(location.hash.slice(1)).get('text') === text"
    tab.wait_for_function(is_asked, arg=text)  # the page waits for a moment, in case that more is typed
    settled(tab)


def word(tab, text, row="shapley-exact"):
    return tab.locator(f'#rows .row[data-method="{row}"] .u', has_text=re.compile(f"^{re.escape(text)}$")).first
