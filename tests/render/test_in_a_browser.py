"""Pages as a browser lays them out: nothing scrolls a phone sideways, and a notebook's own style stays outside."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import pytest

from explanations import make
from heedful.render import html

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --allow-file-access-from-files"
)
NAMES = {
    "unbroken": "x" * 60,
    "long": "x" * 500,
    "lines": "a class\nwith lines\r\nin its name " * 5,
    "joiners": "x\u200d" * 80,
    "family": "👩\u200d" * 60 + "👩",
    "joined letters": "ब्" * 60,
    "hangul": "\u1100" * 80,
    "no-break": "a\u00a0" * 60,
    "word joiners": "a\u2060" * 80,
    "marks": "a" + "\u0301" * 200,
    "tabs": "\t" * 60,
    "override": "\u202e\u05d0" * 40,
}
# What notebooks and the style sheets that they bring say of elements and of classes, and somewhat more.
HOST = """
dl { display: block; width: 100%; overflow: hidden; } dt { font-weight: bold; float: left; width: 20%; }
.host dt { position: absolute; } dd { margin-left: 20%; font-size: 40px; float: left; }
.row { display: flex; margin: -15px; }
.row::before, .row::after { content: " "; display: table; } .host tbody tr:nth-child(odd) { background: green; }
.host td, .host th, .host p, .host h2 { text-align: right !ignored; padding: 30px; white-space: pre; color: green; }
.host .host h1 { font-size: 5px; } html { font-size: 7px; } .long, .facts, .scale, .top { position: fixed; }
.host { text-align: right; letter-spacing: 4px; font: 9px serif; white-space: pre; text-transform: uppercase; }
.host span, .host b, .host s, .host div, .host details { border: 3px solid green; display: inline-block; margin: 9px; }
"""
STYLES = (
    "display position float content color background-color text-align white-space text-transform letter-spacing "
    "font-size font-family font-weight line-height margin-top margin-left padding-top padding-left border-top-width"
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


def measured(tmp_path, pages, script, width=360):
    """What a script finds in each of several documents, as JSON: one frame a document."""
    frames = "".join(f'<iframe width={width} height=700 srcdoc="{escape(page)}"></iframe>' for page in pages)
    collect = """
    onload = () => { const found = [];
      for (const frame of document.querySelectorAll("iframe")) found.push((SCRIPT)(frame.contentDocument));
      document.getElementById("found").textContent = JSON.stringify(found); }
    """.replace("SCRIPT", script)
    path = tmp_path / "frames.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8>{frames}<pre id=found></pre><script>{collect}</script>", "utf-8"
    )
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return json.loads(unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)[1]))


def named(name):
    """A page on which everything that can have a name has this one."""
    text = f"{name} good {name}"
    spans = [[(0, len(name))], [(len(name) + 1, len(name) + 5)], [(len(name) + 6, len(text))]]
    fields = {
        "target_name": name, "model": name, "output": name, "unit": name, "masking": name, "settings": {name: name},
        "versions": {name: name}, "details": {name: 1.0}, "predicted": 0, "predicted_name": name, "probability": 0.5,
        "unknown": 1, "base_value": 1.0, "cut": ((0, len(text)),),
    }  # fmt: skip
    rows = (
        ("attention-mean", False, [0.7, 0.2, 0.1]),
        ("shapley-exact", True, [-1, 0.5, 0.2]),
        (name, True, [0, 0, 0]),
    )
    return html.page([make(text, spans, method=m, signed=s, scores=v, **fields) for m, s, v in rows])


def test_no_name_makes_a_phones_page_scroll_sideways(tmp_path):
    script = """page => { for (const details of page.querySelectorAll("details")) details.open = true;
        return page.documentElement.scrollWidth - page.documentElement.clientWidth }"""
    beyond = measured(tmp_path, [named(name) for name in NAMES.values()], script)
    assert dict(zip(NAMES, beyond, strict=True)) == dict.fromkeys(NAMES, 0)


def test_a_notebooks_style_stays_outside_and_ours_inside(tmp_path):
    fragment = html.fragment([make("a b", method="attention-mean", signed=False), make("a b", scores=[0, 0])])
    around = "<!doctype html><style>html {overflow-y: scroll} %s</style>" + (
        "<div class=host><div class=host style='width: 700px'>%s</div></div>"
        "<h1>host</h1><dl><dt>a</dt><dd>b</dd></dl><table><tr><td>c</table>"
    )
    pages = [around % (style, inside) for style in ("", HOST) for inside in (fragment, "")]
    script = """page => { const names = "NAMES".split(" ");
        const styles = element => [null, "::before", "::after"].map(part => {
          const found = getComputedStyle(element, part); return names.map(name => found.getPropertyValue(name)) });
        const ours = [...page.querySelectorAll(".heedful *")], theirs = [...page.body.querySelectorAll("*")]
          .filter(one => !one.closest(".heedful") && !one.classList.contains("host") && one.tagName != "STYLE");
        const box = one => (({width, height}) => [width, height])(one.getBoundingClientRect());
        return {ours: ours.map(styles), boxes: ours.map(box), theirs: theirs.map(styles)} }""".replace("NAMES", STYLES)
    bare, bare_host, styled, styled_host = measured(tmp_path, pages, script, width=900)
    assert len(bare["ours"]) > 100
    assert styled["ours"] == bare["ours"]
    assert styled["boxes"] == bare["boxes"]
    assert bare["theirs"] == bare_host["theirs"]
    assert styled["theirs"] == styled_host["theirs"] != bare["theirs"]
