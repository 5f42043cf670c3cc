"""The page in a browser: answers that come too late are dropped, errors leave nothing old, links are checked."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from page_browser import CHROMIUM, retype, settled, visit, word

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
TEXT = "A charming film, not good and not bad, but the plot was dull."
OTHER = "Dull plot and a boring film with nothing good in it."


class Held:
    """Answers of a path that are held back."""

    def __init__(self, tab, path):
        self._tab, self._path, self._routes = tab, f"**/api/{path}", []
        tab.route(self._path, self._keep)

    def _keep(self, route):  # playwright marks what it calls, which cannot be done to a list's method
        self._routes.append(route)

    def wait(self):
        """Wait until the page has asked."""
        for _ in range(1000):
            if self._routes:
                return
            self._tab.wait_for_timeout(10)
        pytest.fail(f"the page does not ask for {self._path}")

    def release(self):
        """Let the page have them, those too that it has given up."""
        api = pytest.importorskip("playwright.sync_api")
        self.wait()
        self._tab.unroute(self._path)
        for route in self._routes:
            with suppress(api.Error):
                route.fulfill(response=route.fetch())
        self._tab.wait_for_timeout(100)


def allow_status(tab, *codes):
    """Forget the browser's own notes of answers with these status codes."""
    tab.failed[:] = [text for text in tab.failed if not any(str(code) in text for code in codes)]


def test_heads_of_another_text_are_dropped(tab, address):
    visit(tab, address, text=TEXT, methods="occlusion,attention-mean")
    held = Held(tab, "heads")
    tab.locator("#heads-fold summary").click()
    held.wait()
    tab.locator("#heads-fold summary").click()
    retype(tab, OTHER)
    held.release()
    assert tab.locator("#heads .row").count() == 0
    tab.locator("#heads-fold summary").click()
    tab.locator("#heads .row").first.wait_for()
    words = tab.locator("#heads .row").first.locator(".u").all_inner_texts()
    assert words == tab.locator("#rows .row").first.locator(".u").all_inner_texts()


def test_heads_wait_for_the_text_that_they_are_painted_on(tab, address):
    visit(tab, address, text=TEXT, methods="occlusion")
    tab.locator("#heads-fold summary").click()
    tab.locator("#heads .row").first.wait_for()
    held = Held(tab, "explain")
    tab.locator("#text").fill(OTHER)
    held.wait()
    with tab.expect_response("**/api/heads"):
        tab.locator("#layer").dispatch_event("change")  # heads of the new text, while the old one is still shown
    assert "stale" in tab.locator("#heads").get_attribute("class")
    held.release()
    settled(tab)
    tab.wait_for_function("() => !document.querySelector('#heads.stale')")
    assert tab.locator("#heads .u").first.inner_text() == "Dull"


def test_a_joint_value_of_words_no_longer_selected_is_dropped(tab, address):
    visit(tab, address, text=TEXT, mode="select", methods="occlusion")
    first, second = (word(tab, one, "occlusion") for one in ("good", "dull"))
    held = Held(tab, "joint")
    first.click()
    second.click()
    held.wait()
    tab.locator("#unselect").click()
    held.release()
    assert tab.locator("#joint").inner_text() == ""
    held = Held(tab, "joint")
    first.click()
    second.click()
    held.wait()
    retype(tab, OTHER)
    held.release()
    assert tab.locator("#joint").inner_text() == ""
    word(tab, "Dull", "occlusion").click()
    word(tab, "boring", "occlusion").click()
    tab.locator("#joint dl").wait_for()
    retype(tab, TEXT)
    assert tab.locator("#joint").inner_text() == ""


def test_words_of_a_text_that_has_changed_do_not_act(tab, address):
    visit(tab, address, text=TEXT, methods="occlusion")
    held = Held(tab, "explain")
    tab.locator("#text").fill(OTHER)
    word(tab, "dull", "occlusion").click()  # a word of the text before
    held.release()
    settled(tab)
    assert tab.locator("#rows .removed").count() == 0
    assert "removed" not in tab.url


def test_an_error_leaves_nothing_of_the_last_answer(tab, address):
    visit(tab, address, text=TEXT, methods="occlusion,attention-mean")
    tab.locator("#take-fold summary").click()
    retype(tab, "?!")
    assert tab.locator("#error").is_visible()
    for place in ("#rows", "#glance", "#legend", "#snippet", "#joint"):
        assert tab.locator(place).inner_text() == "", place
    tab.locator("[data-take=svg]").click()
    assert "not explained" in tab.locator("#error").inner_text()
    retype(tab, TEXT)
    for view, places in (("noise", ("#noise-said", "#noise-table")), ("compare", ("#sides", "#matrix", "#curves"))):
        tab.locator(f"[data-view={view}]").click()
        for place in places:
            tab.wait_for_function("place => document.querySelector(place).textContent", arg=place)
        tab.locator("#text").fill("?!")
        tab.locator("#error:not([hidden])").wait_for()
        for place in places:
            assert tab.locator(place).text_content() == "", place
        tab.locator("#text").fill(TEXT)
        tab.locator("#error").wait_for(state="hidden")
    allow_status(tab, 400)


def test_all_words_removed_can_be_put_back(tab, address):
    visit(tab, address, text="Good film", removed="0", methods="occlusion")
    word(tab, "film", "occlusion").click()
    settled(tab)
    tab.locator("#restore").click()
    settled(tab)
    tab.wait_for_function("() => document.querySelectorAll('#rows .u').length === 2")
    allow_status(tab, 400)


def test_a_class_is_asked_for_by_its_place_and_never_by_its_name(tab, address):
    sent = []
    tab.on("request", lambda one: sent.append(one.post_data_json["target"]) if "/api/explain" in one.url else None)
    visit(tab, address, text=TEXT, methods="occlusion")
    assert set(sent) == {None}
    names = tab.locator("#target option").all_inner_texts()
    for given in ("1", "#1", names[2]):
        sent.clear()
        tab.goto("about:blank")
        visit(tab, address, text=TEXT, methods="occlusion", target=given)
        assert set(sent) == {"#1"}
        assert tab.locator("#target").input_value() == "1"
        assert names[2] in tab.locator("#legend").inner_text()


def test_the_explained_class_is_among_the_bars(tab, address):
    def many(route):
        answer = route.fetch().json()
        for name in ("classes", "classes_before"):
            answer[name] += [{"name": f"c{i}", "logit": 50 + i, "probability": 0.0} for i in range(8)]
        answer["predicted"] = 9
        route.fulfill(json=answer)

    tab.route("**/api/explain", many)
    visit(tab, address, text=TEXT, methods="occlusion", target="1")
    bars = tab.locator(".bars .class")
    assert bars.count() == 7
    assert re.sub(r"\s+", " ", tab.locator(".bars .target").inner_text()).startswith("positive")


def test_what_a_link_cannot_mean_is_left_at_its_default(tab, address):
    visit(
        tab, address, text=TEXT, removed="2,999", selected="0,5000", unit="zzz", masking="zzz", output="zzz",
        mode="zzz", scale="zzz", target="99", layer="1e9", offset="-5", toString="x", constructor="y",
        methods=",".join(["occlusion", "no-such", *(f"m{i}" for i in range(20))]),
    )  # fmt: skip
    assert tab.locator("#error").is_hidden()
    assert tab.locator("#rows .row").count() == 1
    assert tab.locator("#rows .removed").all_inner_texts() == ["film"]
    assert re.sub(r"[^#&]*#", "", tab.url).split("&")[-3:] == ["methods=occlusion", "removed=2", "selected=0"]
    for view in ("toString", "__proto__"):
        tab.evaluate("view => { location.hash = `view=${view}` }", view)
        settled(tab)
        assert tab.locator("#view-explain").is_visible()
    tab.evaluate("location.hash = 'view=corpus&order=zzz&offset=100000'")
    tab.locator("#corpus-rows article").first.wait_for()
    assert tab.locator("#error").is_hidden()


def test_a_link_to_a_corpus_restores_without_a_reload(tab, address):
    visit(tab, address, view="corpus", word="the")
    tab.locator("#corpus-rows .pager").wait_for()
    tab.evaluate("location.hash = 'view=corpus&word=plot&first=attention_mean&second=-&order=row'")
    tab.wait_for_function("() => document.querySelector('#corpus-rows .who h3')?.textContent === 'attention_mean'")
    assert tab.locator("#word").input_value() == "plot"
    assert [tab.locator(f"#{name}").input_value() for name in ("first", "second", "order")] == [
        "attention_mean", "-", "row",
    ]  # fmt: skip
    assert "word=plot" in tab.url
    has = "one => /\\bplot\\b/i.test(one.textContent)"
    tab.wait_for_function(f"() => [...document.querySelectorAll('#corpus-rows .sentence')].every({has})")
