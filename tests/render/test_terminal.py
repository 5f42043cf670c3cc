import io
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from explanations import TEXTUAL, in_place_of, make
from heedful.explanation import Comparison
from heedful.render import terminal, view
from heedful.render.colour import HUES
from heedful.render.terminal import print_comparison, print_explanation
from heedful.support.visible import visible

COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
NOT_SHOWN = {"settings", "versions", "details"}  # in a terminal
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(
            ["\x1b[2J", "\x1b]8;;http://x\x1b\\", "\x9b31m", "[bold red]", "[/]", "[link=x]", ":smile:", "\r", "\u202e"]
        ),
        st.sampled_from(list("[]\\ \n\t\x07\x08\x7f\u2066\u200d家")),
        st.characters(),
    ),
    max_size=10,
).map("".join)


def shown(result, *, coloured, width=100, environment=None):
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=coloured,
        color_system="truecolor" if coloured else None,
        _environ=environment or {},
    )
    (print_comparison if isinstance(result, Comparison) else print_explanation)(result, console)
    return console.file.getvalue()


def both(explanation):
    fields = {"target_name": explanation.target_name, "model": explanation.model, "cut": explanation.cut}
    other = make(explanation.text, explanation.spans, signed=False, method="attention-mean", **fields)
    return Comparison(explanations=(explanation, other))


def acts(character):
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return unicodedata.category(character) in {"Cc", "Cs"} or unicodedata.bidirectional(character) in bidi


@settings(deadline=None)
@given(HOSTILE, HOSTILE, st.integers(1, 120), st.booleans())
def test_nothing_of_the_text_or_a_label_commands_the_terminal(text, label, width, coloured):
    half = len(text) // 2
    one = make(
        text, [[(0, half)]], method=label, target_name=label, model=label, cut=((half, len(text)),), settings={label: 1}
    )
    for result in (one, both(one)):
        written = shown(result, coloured=coloured, width=width)
        left = COLOUR_CODE.sub("", written) if coloured else written
        assert not [character for character in left if acts(character) and character != "\n"]


@pytest.mark.parametrize("field", TEXTUAL)
@pytest.mark.parametrize("coloured", [True, False])
def test_no_field_reaches_the_terminal_raw(field, coloured):
    hostile = "a\x1b[2J\x1b]0;x\x07b\x9b31m\r\x08\u202e\u2066c"
    fields = {"predicted": 0, "predicted_name": "negative", "cut": ((4, 6),)} | in_place_of(field, hostile)
    weights = {"method": "attention-mean", "signed": False}
    several = (make(**fields), make(**fields), make(**(weights | fields)), make(scores=[0] * 7, **fields))
    for result in (several[0], several[2], Comparison(explanations=several)):
        left = COLOUR_CODE.sub("", shown(result, coloured=coloured)) if coloured else shown(result, coloured=coloured)
        assert not [character for character in left if acts(character) and character != "\n"]
        assert "[2J" in left or field in NOT_SHOWN


def test_what_is_overlooked_is_caught_at_the_door(monkeypatch):
    monkeypatch.setattr(terminal, "shortened", lambda text, _: text)
    written = shown(make(output="\x1b[2Jlogit", target_name="\x1b]0;x\x07", model="\x9b"), coloured=False)
    assert not {"\x1b", "\x07", "\x9b"} & set(written)


def test_it_states_the_prediction_and_the_finding():
    fields = {"predicted": 0, "predicted_name": "negative", "probability": 0.8125}
    weights = make("a b c", method="attention-mean", signed=False, scores=[0.5, 0.25, 0.125], **fields)
    both = Comparison(explanations=(weights, make("a b c", method="shapley-exact", scores=[-2.0, 1.0, 0.5], **fields)))
    for coloured in (True, False):
        written = COLOUR_CODE.sub("", shown(both, coloured=coloured))
        for line in (
            "Predicted: negative, with probability 0.812.",
            "Attention's top word “a” (0.5 by attention-mean) speaks against positive: -2 by shapley-exact.",
            "Agreement of attention-mean and shapley-exact (Kendall's tau-b): signed -0.33, unsigned 1.00.",
        ):
            assert line in written
        signed, unsigned = written.index("\nSigned agreement"), written.index("\nUnsigned agreement")
        assert re.search(r"shapley-exact +-0.33 +\+1.00\n", written[signed:unsigned])
        assert re.search(r"shapley-exact +\+1.00 +\+1.00\n", written[unsigned:])


def test_a_method_that_hardly_reacts_says_so_and_is_pale():
    small = make("a b c", scores=[3.7e-05, -1e-05, 0.0], prediction=1.45)
    zero = make("a b c", method="gradient-mean", scores=[0, 0, 0], prediction=1.45)
    note = "the classifier hardly reacts, the largest score is 3.7e-05 beside a logit of +1.45"
    assert shown(small, coloured=False).count(f"lime: {note}.") == 1
    written = shown(Comparison(explanations=(small, zero)), coloured=True)
    assert f"lime: {note}\n" in COLOUR_CODE.sub("", written)
    assert "gradient-mean: all scores are 0\n" in COLOUR_CODE.sub("", written)
    table = written[written.index("Scores") : written.index("Signed agreement")]
    assert set(re.findall(r"48;2;(\d+;\d+;\d+)m", table)) <= {"255;255;255", "255;254;254"}


def test_long_texts_and_names_are_shown_in_part():
    huge = "x" * 1_000_000
    one = make(f"good {huge}", [[(0, 4)]], target_name=huge, model=huge, method=huge, settings={"a": huge})
    for coloured in (True, False):
        assert len(shown(both(one), coloured=coloured)) < 30_000


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colours_gets_no_escape_at_all(environment):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="auto", width=100, _environ=environment)
    print_comparison(both(make()), console)
    assert "\x1b" not in file.getvalue()
    assert "questionable" in file.getvalue()


@settings(deadline=None)
@given(HOSTILE)
def test_the_whole_text_is_there_and_markup_is_text(text):
    wanted = re.sub(r"\s", "", visible(text, keep_newlines=True))
    written = re.sub(r"\s", "", shown(make(text, [[(0, len(text))]], scores=[0.0]), coloured=False, width=500))
    assert wanted in written


def test_colours_underlines_and_numbers():
    result = make("good bad so", scores=[1.0, -2.0, 0.0])
    written = shown(result, coloured=True)
    blue, white = ("8;2;" + ";".join(map(str, rgb)) for rgb in (HUES["against"], (255, 255, 255)))
    assert f"\x1b[4;3{white};4{blue}mbad" in written  # underlined white on blue
    assert re.search(rf"\x1b\[38;2;0;0;0;4{white}m +0\x1b", written)  # black on white paper
    assert "-2 to +2" in written
    plain = COLOUR_CODE.sub("", written)
    assert re.search(r"good +\+1\n", plain)
    assert re.search(r"bad +-2\n", plain)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("coloured", [True, False])
def test_no_number_is_cut_short_however_narrow(width, coloured):
    rng = np.random.default_rng(width)
    many = [make(scores=rng.normal(size=7) * 10.0 ** -(3 * i), method=f"method-{i}") for i in range(9)]
    written = COLOUR_CODE.sub("", shown(Comparison(explanations=tuple(many)), coloured=coloured, width=width))
    table = written[written.index("\nScores") :]
    numbers = re.findall(r"(?<= )[-+]?\d\S*", table)
    for explanation in many:
        for score in explanation.scores:
            assert view.number(score) in numbers
    assert max(map(len, written.splitlines())) <= width


def test_long_texts_show_leading_units_only():
    text = " ".join(f"word{i}" for i in range(60))
    scores = np.arange(60.0)
    one = make(text, scores=scores)
    written = shown(both(one), coloured=False)
    assert "15 of 60 units" in written
    table = written[written.index("Largest scores") : written.index("Signed agreement")]
    assert re.findall(r"^word\d+", table, re.MULTILINE)[0] in {"word0", "word59"}
    assert len(re.findall(r"^word\d+", table, re.MULTILINE)) == 15


def test_plain_output_has_numbers_scale_cut_and_errors():
    one = make("seen gone", [[(0, 4)]], scores=[-1.5], cut=((4, 9),), std_error=np.array([0.25]), base_value=0.5)
    written = shown(one, coloured=False, width=200)
    for part in ("seen[never seen:  gone]", "5 of 9 characters", "-1.5", "std. error", "0.25", "base value +0.5"):
        assert part in written


def test_agreement_numbers():
    pair = Comparison(explanations=(make(scores=range(7)), make(scores=range(7, 0, -1), method="occlusion")))
    assert re.search(r"occlusion +-1.00 +\+1.00\n", shown(pair, coloured=False))
    constant = Comparison(explanations=(make(scores=range(7)), make(scores=[0.0] * 7, method="occlusion")))
    assert re.search(r"occlusion +n/a +\+1.00\n", COLOUR_CODE.sub("", shown(constant, coloured=True)))


def test_scores_that_are_no_numbers_do_not_break_it():
    odd = make("a b c d", scores=[np.nan, np.inf, -np.inf, 1.0])
    for coloured in (True, False):
        assert re.search(r"b +\+inf", COLOUR_CODE.sub("", shown(odd, coloured=coloured)))
        assert shown(make("", []), coloured=coloured)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_can_be_written(encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_explanation(make("naïve 家 film 👩‍👩‍👧"), Console(file=file, width=80))
    file.flush()
    assert "naïve" in file.buffer.getvalue().decode(encoding) or encoding == "ascii"
