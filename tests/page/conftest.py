"""A server of the page, a browser, and a tab that nothing may fail in."""

from __future__ import annotations

import pytest

import heedful
from page_browser import CHROMIUM, FLAGS
from page_server import application, running


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    from heedful import page

    folder = tmp_path_factory.mktemp("corpus")
    texts = [one.text for one in heedful.planted.generate(30, seed=1)]
    heedful.corpus.run(heedful.load("demo"), texts, ["shapley-exact", "attention-mean"], out=folder / "run")
    with running(application(corpora=page.corpora([folder / "run"]))) as one:
        yield one


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        one = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield one
        one.close()


@pytest.fixture
def tab(browser, address):
    """A tab on the page; in the end, nothing has been asked of others, and no script has failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page, asked, failed = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda message: failed.append(message.text) if message.type == "error" else None)
    page.set_default_timeout(10_000)
    page.failed = failed
    yield page
    context.close()
    assert asked
    assert not [url for url in asked if not url.startswith((address, "blob:", "data:"))]
    assert not failed
