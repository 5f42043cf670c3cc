"""What a screen reader is given: the role and name of every control, and what is said when something changes."""

from __future__ import annotations

import pytest

import heedful
from page_browser import CHROMIUM, retype, visit, word
from page_server import application, running

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
CONTROLS = {
    "alert", "button", "checkbox", "combobox", "link", "navigation", "radio", "radiogroup", "region", "searchbox",
    "slider", "status", "table", "textbox", "toolbar", "DisclosureTriangle", "DisclosureTriangleGrouped",
}  # fmt: skip
TEXTS = ["A dull film.", "A charming plot."]
ARE_SAID = "assertive", "polite"


def told(tab):
    """Controls, regions and tables as the browser tells them to a screen reader, in their order; no words of texts."""
    session = tab.context.new_cdp_session(tab)
    nodes = {node["nodeId"]: node for node in session.send("Accessibility.getFullAXTree")["nodes"]}
    lines = []

    def walk(node):
        role, name = (node.get(key, {}).get("value", "") for key in ("role", "name"))
        if not node["ignored"] and role in CONTROLS:
            live = [one["value"]["value"] for one in node.get("properties", ()) if one["name"] == "live"]
            lines.append(
                " ".join([role.removesuffix("Grouped"), repr(name), *(one for one in live if one in ARE_SAID)])
            )
        if node["ignored"] or role != "toolbar":
            for child in node.get("childIds", ()):
                walk(nodes[child])

    walk(next(node for node in nodes.values() if "parentId" not in node))
    session.detach()
    return lines


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a page with an audit and a corpus of two texts."""
    from heedful import page

    folder, clf = tmp_path_factory.mktemp("corpus") / "run", heedful.load("demo")
    methods = ["shapley-exact", "attention-mean"]
    heedful.corpus.run(clf, TEXTS, methods, out=folder)
    audit = heedful.audit(clf, TEXTS, methods=methods, metrics=["comprehensiveness"], checks=[])
    with running(application({"demo": clf}, audits={"mine": audit}, corpora=page.corpora([folder]))) as one:
        yield one


FRAME = """\
link 'Skip to the result'
navigation 'Views'
button 'Explain'
button 'Sampling noise'
button 'Compare'
button 'Audit'
button 'Corpus'
"""
QUESTION = """\
textbox 'Your text'
combobox 'Examples'
combobox 'Explained class'
DisclosureTriangle 'Methods (2)'
DisclosureTriangle 'Settings'
DisclosureTriangle 'Texts from a file'
status '' polite
"""
VIEWS = {
    "explain": """\
region 'Explain'
radio ' removes it'
radio ' selects it'
checkbox ' same scale for scores in units of the output'
button 'Put all words back'
button 'Select none'
toolbar 'shapley-exact: the words with their scores'
toolbar 'attention-mean: the words with their scores'
DisclosureTriangle 'Attention, head by head'
DisclosureTriangle 'All numbers, as a table'
DisclosureTriangle 'Take it with you'
""",
    "noise": """\
region 'Sampling noise'
slider 'Samples a run'
DisclosureTriangle 'The numbers'
""",
    "compare": """\
region 'Compare'
textbox 'The other text'
region 'The first text'
region 'The other text'
region 'Agreement of the methods'
table 'Agreement of every two methods'
""",
    "audit": """\
status '' polite
region 'Audit'
combobox 'Audit'
region 'Metrics of the audit'
table 'Metrics of the methods'
CELLS
button 'Lowest first'
button 'Explain these words: A dull film'
button 'Explain these words: A charming plot'
button 'Earlier'
button 'Later'
""",
    "corpus": """\
status '' polite
region 'Corpus'
combobox 'Corpus'
searchbox 'Texts with the word'
combobox 'Scores of'
combobox 'beside'
combobox 'Sorted by'
button 'Search'
button 'Explain these words: A dull film'
button 'Explain these words: A charming plot'
button 'Earlier'
button 'Later'
""",
}


@pytest.mark.parametrize("view", VIEWS)
def test_every_control_has_a_role_and_a_name(tab, address, view):
    visit(tab, address, view=view, methods="shapley-exact,attention-mean", text2="A dull film.", order="row", up="")
    spoken(tab, ".")
    tab.wait_for_timeout(200)
    lines = told(tab)
    cells = [line for line in lines if "95 % interval" in line]
    if view == "audit":
        assert all(": comprehensiveness of " in line for line in cells)
        assert len(cells) >= 2
    expected = FRAME + ("" if view in ("audit", "corpus") else QUESTION) + VIEWS[view]
    assert [line for line in lines if line not in cells] == expected.replace("CELLS\n", "").splitlines()


def spoken(tab, part):
    """Wait until this is said."""
    tab.wait_for_function("part => document.querySelector('#spoken').textContent.includes(part)", arg=part)
    return tab.locator("#spoken").text_content()


def test_what_changes_is_said(tab, address):
    visit(tab, address, methods="shapley-exact,attention-mean")
    assert spoken(tab, "Predicted") == "Predicted: positive 82 %."
    word(tab, "dull").click()
    assert spoken(tab, "Without") == "Without “dull”, predicted: positive 96 %; with all words positive 82 %."
    tab.locator("#restore").click()
    spoken(tab, "Predicted: positive 82 %.")
    assert "toolbar" in tab.evaluate("document.activeElement.parentElement.getAttribute('role')")
    word(tab, "not").click(modifiers=["Shift"])
    spoken(tab, "Select another word")
    assert ": selected, " in word(tab, "not").get_attribute("aria-label")
    word(tab, "dull").click(modifiers=["Shift"])
    said = spoken(tab, "Together: “not” and “dull”; joint value ")
    assert "; interaction " in said
    assert len(said) < 150
    tab.locator("#unselect").click()
    tab.locator("#target").select_option(label="negative")
    assert spoken(tab, "Scores are") == "Predicted: positive 82 %. Scores are for negative."
    retype(tab, "A dull film.")
    assert spoken(tab, "Predicted: negative").endswith("%.")
    tab.locator("#text").fill("?!")
    tab.locator("#error:not([hidden])").wait_for()
    (alert,) = [line for line in told(tab) if line.startswith("alert")]
    assert alert.endswith("assertive")
    tab.failed[:] = [text for text in tab.failed if "400" not in text]


def test_the_focus_stays_where_results_are_put_in_the_place_of_others(tab, address):
    visit(tab, address, view="audit")
    spoken(tab, "2 texts by")
    tab.locator("#audit-texts button", has_text="Lowest first").click()
    spoken(tab, "lowest first; 1 to 2 of 2.")
    assert tab.evaluate("document.activeElement.textContent") == "Highest first"
    cell = tab.locator("#audit-table .cell").last
    cell.click()
    spoken(tab, " of ".join(cell.get_attribute("data-cell").split()))
    assert cell.get_attribute("aria-pressed") == "true"
    assert tab.locator("#audit-table [aria-pressed=true]").count() == 1


def test_what_the_server_has_no_time_for_can_be_tried_again(tab, address):
    said = "101 requests are being answered already: try again in a few seconds"
    visit(tab, address, methods="occlusion")
    tab.route("**/api/explain", lambda route: route.fulfill(status=503, json={"error": said}), times=1)
    tab.locator("#text").fill("A dull plot.")
    tab.locator("#error button").wait_for()
    assert tab.locator("#error").inner_text() == f"{said} Try again"
    tab.locator("#error button").click()
    assert spoken(tab, "Predicted: negative")
    assert tab.locator("#error").is_hidden()
    assert tab.locator("#rows .row").count() == 1
    tab.failed[:] = [text for text in tab.failed if "503" not in text]
