"""The page in a real browser: gestures, the keyboard, hostile texts, accessibility, and no request to anybody else."""

from __future__ import annotations

import json

import pytest

import heedful
from heedful.models.builtin import REVIEW
from page_browser import CHROMIUM, retype, settled, visit, word

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
HOSTILE = (
    '<script>window.hit = 1</script> <img src=x onerror="window.hit = 2"> **dull** [link](javascript:hit) &amp; '
    "\u202eevil\u202c 👩‍👩‍👧 \u05e9\u05dc\u05d5\u05dd charming"
)


def test_a_click_takes_a_word_away_and_another_puts_it_back(tab, address):
    visit(tab, address)
    assert tab.locator(".verdict").inner_text() == "positive 82 %"
    assert tab.locator("#legend").inner_text().replace("\n", " ").startswith("red speaks for positive")
    note = word(tab, "dull").get_attribute("aria-label")
    assert note == "dull: −0.876, speaks against positive, rank 1 of 20"
    word(tab, "dull").click()
    settled(tab)
    assert tab.locator(".verdict").inner_text() == "positive 96 %"
    assert "removed" in word(tab, "dull").get_attribute("class")
    word(tab, "dull", "attention-mean").click()
    settled(tab)
    assert tab.locator(".verdict").inner_text() == "positive 82 %"


def test_everything_follows_another_class(tab, address):
    visit(tab, address)
    tab.locator("#target").select_option(label="negative")
    settled(tab)
    assert "for" in word(tab, "dull").get_attribute("class").split()
    assert "speaks for negative" in word(tab, "dull").get_attribute("aria-label")
    assert "towards negative" in tab.locator(".push").inner_text()


def test_the_keyboard_alone(tab, address):
    visit(tab, address)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.locator('#rows .row[data-method="shapley-exact"] .u').first.focus()
    tab.keyboard.press("End")
    assert tab.evaluate("document.activeElement.textContent") == "dull"
    assert tab.locator("#tip").inner_text().startswith("−0.876")
    tab.keyboard.press("Space")
    for _ in range(7):
        tab.keyboard.press("ArrowLeft")
    assert tab.evaluate("document.activeElement.textContent") == "not"
    tab.keyboard.press("Space")
    tab.locator("#joint dl").wait_for()
    assert "Together: “not” and “dull”" in tab.locator("#joint").inner_text()
    tab.keyboard.press("Delete")
    settled(tab)
    assert tab.locator("#restore").is_enabled()
    assert tab.evaluate("document.activeElement.textContent") == "not"
    assert tab.locator("#rows .u[tabindex='0']").count() == tab.locator("#rows .row").count()


def test_a_link_restores_the_view(tab, address):
    visit(tab, address)
    retype(tab, "A dull film with a charming end, שלום.")
    word(tab, "dull").click()
    settled(tab)
    assert tab.locator("#rows .u.removed").first.inner_text() == "dull"
    before = tab.locator("#rows").inner_html(), tab.locator(".verdict").inner_text()
    link = tab.url
    tab.goto("about:blank")
    tab.goto(link)
    settled(tab)
    assert (tab.locator("#rows").inner_html(), tab.locator(".verdict").inner_text()) == before


def test_hostile_texts_stay_text(tab, address):
    visit(tab, address, text=HOSTILE, text2=HOSTILE, methods="shapley-exact,attention-mean")
    sentence = tab.locator("#rows .sentence").first
    shown = HOSTILE.replace("\u202e", "[U+202E]").replace("\u202c", "[U+202C]")
    assert sentence.evaluate("one => one.textContent") == shown
    assert sentence.get_attribute("dir") == "auto"
    word(tab, "charming").click()
    settled(tab)
    tab.locator("#views button", has_text="Compare").click()
    settled(tab)
    assert tab.evaluate("window.hit") is None
    assert tab.locator("main img, main script, main a").count() == 0


def test_an_error_is_one_line_and_the_page_goes_on(tab, address):
    visit(tab, address)
    tab.locator("#text").fill("?!")
    tab.locator("#error:not([hidden])").wait_for()
    assert "word" in tab.locator("#error").inner_text()
    tab.locator("#text").fill("A gem? A bore!")
    tab.locator("#error").wait_for(state="hidden")
    settled(tab)
    assert tab.locator("#rows .u").first.inner_text() == "A"
    tab.failed[:] = [text for text in tab.failed if "400" not in text]  # the browser's own note of the answer's status


def test_dots_settle_around_the_exact_line(tab, address):
    visit(tab, address, view="noise", samples="0")
    spread = """() => { const places = [...document.querySelectorAll(".dot")].slice(0, 12)
        .map(one => one.getBoundingClientRect().left); return Math.max(...places) - Math.min(...places) }"""
    tab.locator(".chart .dot").first.wait_for()
    wide = tab.evaluate(spread)
    tab.locator("#samples").focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function("() => document.querySelector('#noise-said').textContent.startsWith('With 1,000')")
    assert tab.evaluate(spread) < wide / 2
    assert tab.locator("#samples").get_attribute("aria-valuetext") == "1,000 samples"


def test_downloads(tab, address, tmp_path):
    visit(tab, address)
    tab.locator("#take-fold summary").click()
    for kind in ("svg", "png", "json", "html", "csv"):
        with tab.expect_download() as info:
            tab.locator(f"[data-take={kind}]").click()
        path = tmp_path / f"x.{kind}"
        info.value.save_as(path)
        content = path.read_bytes()
        if kind == "svg":
            assert content.startswith(b"<svg")
            assert b">charming<" in content
            assert b"<script" not in content
        elif kind == "png":
            assert content[:8] == b"\x89PNG\r\n\x1a\n"
            assert len(content) > 10_000
        elif kind == "json":
            assert len(heedful.Comparison.from_json(content)) == tab.locator("#rows .row").count()
    assert REVIEW in tab.locator("#snippet").inner_text()


def test_a_file_and_a_corpus_open_in_explain(tab, address):
    visit(tab, address)
    tab.locator("#upload-fold summary").click()
    tab.locator("#file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": b"text\nA dull end.\n"})
    tab.locator("#upload").click()
    tab.locator("#uploaded button.text").click()
    settled(tab)
    assert tab.locator("#text").input_value() == "A dull end."
    tab.locator("#views button", has_text="Corpus").click()
    tab.locator("#corpus-rows article").first.wait_for()
    tab.locator("#word").fill("the")
    tab.keyboard.press("Enter")
    has = "one => /\\bthe\\b/i.test(one.textContent)"
    tab.wait_for_function(f"() => [...document.querySelectorAll('#corpus-rows .sentence')].every({has})")
    tab.locator("#corpus-rows article button").first.click()
    settled(tab)
    assert "the" in tab.locator("#text").input_value().lower().split()


@pytest.mark.parametrize(
    ("view", "scheme"),
    [("explain", "light"), ("explain", "dark"), ("noise", "dark"), ("compare", "light"), ("corpus", "dark")],
)
def test_accessible_by_the_rules_of_axe_and_narrow(browser, address, view, scheme):
    """At 320 px nothing scrolls sideways; axe-core finds nothing, with everything opened."""
    axe = pytest.importorskip("axe_core_python.sync_playwright")
    context = browser.new_context(
        viewport={"width": 320, "height": 800}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    tab = context.new_page()
    visit(tab, address, view=view, text2="A dull film.", removed="5", selected="10,19", second="attention_mean")
    tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    tab.wait_for_timeout(300)
    settled(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    found = axe.Axe().run(tab)["violations"]
    told = [(one["id"], [node["html"][:200] + node["failureSummary"] for node in one["nodes"][:3]]) for one in found]
    context.close()
    assert not told, json.dumps(told, indent=1)


def test_long_and_right_to_left_texts(tab, address):
    visit(tab, address, text="الفيلم dull כן charming " * 100, methods="shapley-exact,lime,attention-mean,occlusion")
    assert tab.locator("#rows .sentence").first.evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert "beyond what the model reads" in tab.locator("#text-note").inner_text()
    first = tab.locator("#rows .u").first
    first.focus()
    tab.keyboard.press("ArrowLeft")  # onwards, where text runs to the left
    assert tab.evaluate("document.activeElement === document.querySelectorAll('#rows .u')[1]")
