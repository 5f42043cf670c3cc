"""What the plots of explanations draw: lengths, order, colours, and no state of pyplot."""

import subprocess
import sys
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

import heedful
from explanations import example, make
from heedful.errors import InputError, SettingError
from heedful.explanation import Comparison
from heedful.render.style import AGAINST, FOR, WEIGHT


def rectangles(figure):
    return figure.axes[0].patches


def test_bars_are_the_scores_largest_first_coloured_by_sign():
    e = make(scores=[0.5, -2.0, 0.0, 1.0, 0.1, 0.2, -0.3])
    drawn = rectangles(e.plot("bars"))
    assert [bar.get_width() for bar in drawn] == [-2.0, 1.0, 0.5, -0.3, 0.2, 0.1, 0.0]
    assert [to_hex(bar.get_facecolor()) for bar in drawn] == [AGAINST, FOR, FOR, AGAINST, FOR, FOR, FOR]
    labels = [tick.get_text() for tick in e.plot().axes[0].get_yticklabels()]
    assert labels == [unit for unit, _ in e.top(7)]


def test_weights_without_a_sign_have_one_colour():
    drawn = rectangles(make(scores=[0.1, 0.2, 0.3, 0.4, 0.0, 0.0, 0.0], signed=False).plot("bars"))
    assert {to_hex(bar.get_facecolor()) for bar in drawn} == {WEIGHT}


def test_bars_of_sampled_scores_have_their_margins():
    e = example()
    (errors,) = e.plot("bars").axes[0].collections
    lengths = [abs(segment[1][0] - segment[0][0]) / 2 for segment in errors.get_segments()]
    order = np.argsort(-np.abs(e.scores), kind="stable")
    assert np.allclose(lengths, e.margin_of_error[order])


def test_of_many_units_the_largest_fifteen_are_shown():
    text = " ".join(f"w{i}" for i in range(40))
    e = make(text, scores=np.arange(40.0), additive=True, base_value=1.0, prediction=1.0 + sum(range(40)))
    assert [bar.get_width() for bar in rectangles(e.plot())] == list(np.arange(39.0, 24.0, -1))
    steps = rectangles(e.plot("waterfall"))
    assert len(steps) == 15
    assert steps[-1].get_width() == sum(range(26))  # the others together


def test_a_waterfall_goes_from_the_base_value_to_the_prediction():
    e = make(scores=[0.5, -2.0, 0.0, 1.0, 0.1, 0.2, -0.3], additive=True, base_value=0.25, prediction=-0.25)
    figure = e.plot("waterfall")
    steps = [(bar.get_x(), bar.get_width()) for bar in rectangles(figure)]
    assert steps[0] == (0.25, -2.0)
    for (start, width), (following, _) in pairwise(steps):
        assert following == pytest.approx(start + width)
    assert sum(steps[-1]) == pytest.approx(e.prediction)


@pytest.mark.parametrize("changes", [{"additive": False, "base_value": 0.0}, {"additive": True}])
def test_no_waterfall_of_scores_that_do_not_add_up(changes):
    with pytest.raises(InputError, match="do not add up to the prediction: use kind='bars'"):
        make(**changes).plot("waterfall")


def test_the_text_is_drawn_whole_with_every_unit_on_its_colour():
    e = make(
        "not <b>bad</b> at\nall", scores=[-2.0, 1.0, 0.0, 0.5], spans=[[(0, 3)], [(4, 14)], [(15, 17)], [(18, 21)]]
    )
    drawn = {t.get_gid(): t for t in e.plot("text").texts if t.get_gid()}
    assert [drawn[f"unit-{i}"].get_text() for i in range(4)] == ["not", "<b>bad</b>", "at", "all"]
    boxes = [to_hex(drawn[f"unit-{i}"].get_bbox_patch().get_facecolor()) for i in range(4)]
    assert boxes[0] == AGAINST
    assert boxes[2] == "#ffffff"
    red, _, blue = (int(boxes[1][i : i + 2], 16) for i in (1, 3, 5))
    assert red > blue


def test_long_texts_stay_on_the_figure_and_end_after_sixty_lines():
    e = make(" ".join(["word"] * 2000), scores=np.ones(2000))
    figure = e.plot("text")
    assert figure.texts[0].get_position()[0] == pytest.approx(0.02)
    assert all(0 <= t.get_position()[0] < 1 and 0 < t.get_position()[1] < 1 for t in figure.texts)
    assert any(t.get_text() == "…" for t in figure.texts)


@pytest.mark.parametrize("text", ["cost $x_1$ now", "电影 很好 🎬", "فيلم رائع جدا", "a\x1b[31m b\u202e c"])
@pytest.mark.parametrize("kind", ["bars", "text"])
def test_any_text_is_drawn_without_a_warning(text, kind):
    figure = make(text, scores=[1.0, -2.0, 3.0]).plot(kind)
    assert figure._repr_png_().startswith(b"\x89PNG")
    if "$" in text:
        drawn = [t.get_text() for t in figure.findobj(Text)]
        assert "$x_1$" in drawn
        assert not any(t.get_parse_math() for t in figure.findobj(Text) if t.get_text() == "$x_1$")


@pytest.fixture
def comparison():
    scores = [0.5, -2.0, 0.0, 1.0, 0.1, 0.2, -0.3]
    return Comparison(
        explanations=(
            make(scores=scores, method="lime"),
            make(scores=np.abs(scores), method="attention-mean", signed=False),
            make(scores=scores[::-1], method="occlusion"),
        )
    )


def test_agreement_is_written_into_its_cells(comparison):
    axes = comparison.plot("agreement").axes[0]
    written = [float(t.get_text().replace("−", "-")) for t in axes.texts]
    assert np.allclose(written, comparison.agreement().ravel(), atol=0.005)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["lime", "attention-mean", "occlusion"]


def test_a_scatter_shows_the_others_over_the_first(comparison):
    figure = comparison.plot("scatter")
    assert len(figure.axes) == 2
    for axes, other in zip(figure.axes, comparison.explanations[1:], strict=True):
        assert np.array_equal(axes.collections[0].get_offsets(), np.c_[comparison[0].scores, other.scores])
        assert axes.get_xlabel() == "lime"
        assert axes.get_ylabel() == other.method
    with pytest.raises(InputError, match="two methods"):
        Comparison(explanations=comparison.explanations[:1]).plot("scatter")


def test_names_of_a_scatter_do_not_overlap(comparison):
    close = make(scores=[0.5, 0.51, 0.5, 0.49, 0.5, 0.505, 0.495], method="lime")
    figure = Comparison(explanations=(close, close, comparison[2])).plot("scatter")
    for axes in figure.axes:
        boxes = [name.get_window_extent() for name in axes.texts]
        assert boxes
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_agreement_says_where_it_is_that_of_sizes(comparison):
    axes = comparison.plot("agreement").axes[0]
    italic = [name.get_style() == "italic" for name in axes.texts]
    assert italic == [False, True, False, True, True, True, False, True, False]
    assert "sizes" in axes.get_xlabel()
    signed = Comparison(explanations=(comparison[0], comparison[2])).plot("agreement").axes[0]
    assert signed.get_xlabel() == ""


def test_unknown_kinds_are_named(comparison):
    with pytest.raises(SettingError, match="'bars' or 'waterfall' or 'text', got 'pie'"):
        comparison[0].plot("pie")
    with pytest.raises(SettingError, match="'agreement' or 'scatter', got 'bars'"):
        comparison.plot("bars")


def test_a_figure_shows_itself_and_leaves_pyplot_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure = make().plot("BARS")
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before


def test_results_need_no_matplotlib_until_they_are_plotted():
    script = "import heedful.render.views, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_exact_values_of_the_demo_fall_into_place():
    e = heedful.explain(heedful.load("demo"), "The acting was superb.", "shapley-exact")
    steps = rectangles(e.plot("waterfall"))
    assert steps[-1].get_x() + steps[-1].get_width() == pytest.approx(e.prediction)
