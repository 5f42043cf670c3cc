import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explanations import TEXTUAL, in_place_of, make
from heedful.explanation import Comparison
from heedful.render import html
from heedful.support.visible import visible

# Any characters at all, with those that mean something to HTML, CSS, Jinja and terminals made likely.
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(list("<>&\"'`=/ \n\r\t\x00\x1b\u202e\u200d{}%#-")),
        st.sampled_from(
            ["<script>", "</div>", "<!--", "-->", "]]>", "&lt", "&#0;", "{{7*7}}", "{%", "%}", "onload=x", "</style>"]
        ),
        st.characters(),
    ),
    max_size=12,
).map("".join)
EMPTY = {"meta"}  # elements without an end


class Parsed(HTMLParser):
    """Tags with their attributes in order, and the text inside every element of class sentence."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.sentences, self._open, self._sentence = [], [], [], None
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))
        if tag not in EMPTY:
            self._open.append(tag)
        if ("class", "sentence") in attrs:
            self.sentences.append("")
            self._sentence = len(self._open)

    def handle_endtag(self, tag):
        if self._sentence == len(self._open):
            self._sentence = None
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._sentence is not None:
            self.sentences[-1] += data


@st.composite
def texts_with_spans(draw):
    text = draw(HOSTILE)
    places = st.integers(0, len(text))
    span = st.tuples(places, places).map(sorted).map(tuple)
    spans = draw(st.lists(st.lists(span, min_size=1, max_size=2), max_size=4))
    return text, spans, tuple(draw(st.lists(span, max_size=1)))


@settings(deadline=None)  # templates compile on first use
@given(texts_with_spans(), HOSTILE, HOSTILE)
def test_nothing_of_the_text_or_a_label_becomes_markup(drawn, target_name, name):
    text, spans, cut = drawn

    def rendered(text, target_name, name):
        chosen = {"alpha": name, name + "x": 1}
        common = {"target_name": target_name, "model": name, "settings": chosen, "versions": {name: name}, "cut": cut}
        return html.page([make(text, spans, **common), make(text, spans, signed=False, method="m", **common)])

    hostile, harmless = Parsed(rendered(text, target_name, name)), Parsed(rendered("x" * len(text), "x", "x"))
    assert hostile.tags == harmless.tags
    assert hostile.sentences == [visible(text, keep_newlines=True)] * 2


@settings(deadline=None)  # templates compile on first use
@given(HOSTILE)
def test_a_hostile_method_name_stays_inside_its_attribute(method):
    tags = Parsed(html.page([make(method=method), make(method="m")])).tags
    harmless = Parsed(html.page([make(method="h"), make(method="m")])).tags
    assert [(tag, [key for key, _ in attrs]) for tag, attrs in tags] == [
        (tag, [key for key, _ in attrs]) for tag, attrs in harmless
    ]


@pytest.mark.parametrize("field", TEXTUAL)
@pytest.mark.parametrize("write", [html.page, html.fragment])
def test_no_character_that_acts_on_a_display_is_written(write, field):
    everything = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
    hostile = f"<b>{everything}</b>"
    fields = {"predicted": 1, "predicted_name": "positive", "cut": ((4, 6),)} | in_place_of(field, hostile)
    weights = {"method": "attention-mean", "signed": False}
    written = write([make(**fields), make(**fields), make(**(weights | fields)), make(scores=[0] * 7, **fields)])
    assert not set(written) & set(everything) - {"\n"}
    assert hostile[:3] + "\x00" not in written


def test_it_states_the_prediction_and_the_finding():
    fields = {"predicted": 0, "predicted_name": "<negative>", "probability": 0.8125}
    weights = make("a b c", method="attention-mean", signed=False, scores=[0.5, 0.25, 0.125], **fields)
    both = html.page([weights, make("a b c", method="shapley-exact", scores=[-2.0, 1.0, 0.5], **fields)])
    for sentence in (
        '<p>Predicted: <bdi class="name">&lt;negative&gt;</bdi>, with probability <b>0.812</b>.</p>',
        '<p>Explained here: <bdi class="name">positive</bdi>.</p>',
        'Attention&#39;s top word “<bdi class="word">a</bdi>” (<b>0.5</b> by <bdi class="name">attention-mean</bdi>) '
        'speaks against <bdi class="name">positive</bdi>: <b>−2</b> by <bdi class="name">shapley-exact</bdi>.',
        "(Kendall&#39;s tau-b): signed <b>−0.33</b>, unsigned <b>1.00</b>.",
    ):
        assert sentence in both
    assert "<h4>Signed agreement, of the scores as they are</h4>" in both
    assert "<h4>Unsigned agreement, of absolute scores</h4>" in both
    assert re.findall('title="shapley-exact and attention-mean">(.*?)</td>', both) == ["−0.33", "1.00"]


def test_a_row_that_hardly_reacts_is_pale_and_says_so():
    small = {"scores": [3.7e-05, -1e-05, 0.0], "prediction": 1.45}
    written = html.page([make("a b c", **small), make("a b c", method="gradient-mean", scores=[0, 0, 0])])
    assert "the classifier hardly reacts, the largest score is 3.7e−05 beside a logit of +1.45</p>" in written
    assert '<p class="faint">all scores are 0</p>' in written
    assert "hardly reacts, the largest score is 3.7e−05 beside a logit of +1.45.</p>" in html.page(
        [make("a b c", **small)]
    )
    assert written.count('class="scale"') == 1  # zeros have none
    assert 'class="u for" style="--s:0.003" title="+3.7e−05' in written
    assert html.page([make("a b c")]).count("faint") == html.fragment([]).count("faint")  # of the style sheet


def test_long_texts_and_names_are_shown_in_part():
    huge = "x" * 1_000_000
    one = make(f"good {huge}", [[(0, 4)]], target_name=huge, model=huge, method=huge, settings={"a": huge})
    assert len(html.page([one, one])) < 60_000
    assert len(html.page([make(huge, [[(0, len(huge))]])])) < 60_000


def test_of_very_many_units_the_table_has_the_leading_ones(monkeypatch):
    monkeypatch.setattr(html, "_UNITS", 2)
    monkeypatch.setattr(html, "_PIECES", 4)
    written = html.page([make("a b c d", scores=[1.0, -3.0, 0.5, 2.0])])
    assert "<summary>Scores of the 2 leading units</summary>" in written
    table = written[written.index("<summary>Scores") :]
    assert re.findall("<th scope=.row.><bdi>(.)</bdi>", table) == ["b", "d"]
    assert Parsed(written).sentences == ["a [… 3 characters with 2 scores left out …] d"]


@pytest.mark.parametrize("write", [html.page, html.fragment])
def test_offline_and_without_scripts(write):
    written = write([make(), make(method="occlusion")])
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<img|<iframe|\bon\w+=|\bsrc=|\bhref=", written)


def test_fragment_stands_inside_another_page():
    tags = {tag for tag, _ in Parsed(html.fragment([make()])).tags}
    assert not tags & {"html", "head", "body", "meta", "title"}
    style = "".join(re.findall(r"<style>(.*?)</style>", html.fragment([make()]), re.DOTALL))
    selectors = re.findall(r"([^{}@;/]+)\{", re.sub(r"/\*.*?\*/|@media[^{]*\{", "", style))
    assert selectors
    assert all(".heedful:not(#_)" in selector for selector in selectors)


def test_signs_show_in_class_and_hover():
    written = html.page([make("good bad so", scores=[0.5, -1.0, 0.0], std_error=np.array([0.125, 0.25, 0.0]))])
    assert 'class="u for" style="--s:0.500" title="+0.5 ± 0.245 (95 %) · rank 2 of 3">good<' in written
    assert 'class="u against dark" style="--s:1.000" title="−1 ± 0.49 (95 %) · rank 1 of 3">bad<' in written
    assert 'class="u zero" style="--s:0.000" title="0 ± 0 (95 %) · rank 3 of 3">so<' in written
    assert "<span>−1</span><i" in written  # both ends of the scale
    assert "<span>+1</span></div>" in written


def test_unsigned_methods_have_one_hue():
    written = html.page([make("good bad", scores=[0.5, 0.25], signed=False)])
    assert 'class="u weight dark" style="--s:1.000" title="0.5 · rank 1 of 2">good<' in written
    assert "<span>0</span><i" in written
    assert "speaks against" not in written


def test_every_occurrence_of_a_word_type_is_coloured():
    written = html.page([make("no no yes", [[(0, 2), (3, 5)], [(6, 9)]], scores=[1, 0])])
    assert len(re.findall(r'<span class="u for dark"[^>]*>no</span>', written)) == 2


def test_where_units_overlap_their_sum_shows():
    written = html.page([make("abc", [[(0, 2)], [(1, 3)]], scores=[1.0, -0.5])])
    assert 'title="+0.5: 2 units overlap here, +1 and −0.5">b<' in written


def test_cut_text_is_struck():
    written = html.page([make("seen gone", [[(0, 4)]], cut=((4, 9),))])
    assert '<s title="cut: the classifier never saw this"> gone</s>' in written
    assert "5 of 9 characters" in written


def test_scores_that_are_no_numbers_do_not_break_it():
    odd = make("a b c d", scores=[math.nan, math.inf, -math.inf, 1.0])
    written = Parsed(html.page([odd, make("a b c d", scores=[0, 0, 0, 0])])).tags
    shown = [attrs for tag, attrs in written if tag == "span" and ("title", "undefined · rank 4 of 4") in attrs]
    assert shown == [[("class", "u undefined"), ("style", "--s:0.000"), ("title", "undefined · rank 4 of 4")]]
    assert html.page([make("", [])])


def test_agreement_needs_two():
    pair = Comparison(explanations=(make(scores=range(7)), make(scores=range(7, 0, -1), method="occlusion")))
    assert 'title="lime and occlusion">−1.00</td>' in pair.to_html()
    assert "Do they agree?" not in make().to_html()


def test_it_says_how_the_scores_came_about():
    lime = make(
        method="attention-mean",
        settings={"n_samples": 5000},
        versions={"torch": "2.13.0"},
        seed=7,
        n_forward=5001,
        base_value=-0.25,
        masking="unk",
        error_bound=1e-9,
        target_name="très <bon>",
    )
    written = lime.to_html()
    for fact in (
        "n_samples = 5000",
        "torch 2.13.0",
        "<dd>7</dd>",
        "5,001",
        "12 ms",
        "base value −0.25",
        "unk",
        "1e−09",
    ):
        assert fact in written
    for fact in ("alpha-avg", "(class 1)", "+0.584", "très &lt;bon&gt;", "demo"):
        assert fact in written


def test_texts_that_differ_get_rows_of_their_own():
    written = html.page([make("one two"), make("three")])
    assert Parsed(written).sentences == ["one two", "three"]
    assert written.count("<article>") == 2
