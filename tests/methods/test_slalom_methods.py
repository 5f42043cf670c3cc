"""The SLALOM methods on classifiers: exact where the classifier is a surrogate, honest where it is not."""

from __future__ import annotations

import numpy as np
import pytest

import heedful
import zoo
from factory import make_classifier
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games import exact
from heedful.games.surrogate import slalom
from heedful.methods import Slalom, SlalomLime, SlalomShapley
from heedful.question import Choices, ask

TEXT = "the plot was not good but the acting was very good !"
LONG = "the plot was not good , but the acting was unbelievably good and the end was never dull , what a film"
METHODS = [Slalom(), SlalomShapley(), SlalomLime()]


@pytest.fixture(scope="module")
def one_head() -> Classifier:
    return make_classifier(1, num_attention_heads=1)


@pytest.fixture(scope="module")
def bert() -> Classifier:
    return zoo.make("bert", 3)  # random weights that a surrogate fits with an R2 of some 0.95


@pytest.mark.parametrize("output", ["logit", "logit_difference"])
@pytest.mark.parametrize(("method", "oracle"), [("slalom-shapley", "shapley-exact"), ("slalom-lime", "lime-exact")])
@pytest.mark.parametrize(("text", "unit"), [(TEXT, "word_type"), (LONG, "word")])
def test_one_head_without_positions_closing_up_is_its_own_surrogate(
    one_head: Classifier, method: str, oracle: str, output: str, text: str, unit: str
) -> None:
    """9 units, so all masks; and 21, so some."""
    choices = {"masking": "ignore", "output": output, "unit": unit, "target": 1}
    found, expected = (heedful.explain(one_head, text, name, **choices) for name in (method, oracle))
    assert found.details["fidelity"] == pytest.approx(1.0, abs=1e-10)
    # the fit stops at 1e-9 of a loss that is 0 but for rounding
    assert found.scores == pytest.approx(expected.scores, abs=1e-7)
    assert found.base_value == pytest.approx(expected.base_value, abs=1e-7)
    assert found.details["surrogate_prediction"] == pytest.approx(found.prediction, abs=1e-7)


def test_importance_is_the_attention_of_one_head(one_head: Classifier) -> None:
    found = heedful.explain(one_head, TEXT, "slalom:score=importance", masking="ignore", target=1)
    attention = heedful.explain(one_head, TEXT, "attention-mean", target=1)
    assert found.scores == pytest.approx(attention.scores, abs=1e-7)
    assert not found.signed


@pytest.mark.parametrize("name", zoo.NAMES)
def test_every_architecture_is_fitted(name: str) -> None:
    """Six words, all 64 masks: the surrogate has 13 free numbers, so how well it fits is not given."""
    result = heedful.explain(zoo.make(name), "what a dull plot it was", "slalom-shapley", target=0)
    assert 0 < result.details["fidelity"] <= 1
    assert result.base_value + result.scores.sum() == pytest.approx(result.details["surrogate_prediction"], abs=1e-9)


class TestOnBert:
    @pytest.mark.parametrize("method", METHODS, ids=lambda method: method.card.name)
    def test_says_that_it_is_of_the_surrogate_and_how_well_that_fits(
        self, bert: Classifier, method: Slalom | SlalomShapley | SlalomLime
    ) -> None:
        result = heedful.explain(bert, LONG, method, unit="word", seed=2, target=0)
        question = ask(bert, LONG, Choices(unit="word", seed=2, target=0))
        game = question.game()
        fitted = slalom.fit(game, seed=2)
        expected = {
            "slalom": lambda: fitted.linear,
            "slalom-shapley": lambda: exact.shapley(fitted.game).values,
            "slalom-lime": lambda: exact.lime(fitted.game).values,
        }[result.method]()
        assert np.array_equal(result.scores, expected)
        assert result.settings["explains"] == "SLALOM surrogate"
        assert result.details["fidelity"] == fitted.fidelity
        assert (result.details["n_held_out"], result.details["n_evaluations"]) == (
            fitted.n_held_out, fitted.n_evaluations
        )  # fmt: skip
        assert result.n_forward == game.n_forward + 1 <= 1003
        assert (result.additive, result.error_bound, result.seed, result.masking) == (False, None, 2, "mask")
        assert result.signed
        if result.method != "slalom":
            assert 0 < result.details["surrogate_error_bound"] <= 1e-9 * np.abs(result.scores).max()

    def test_fidelity_is_honest(self, bert: Classifier) -> None:
        """What other masks say of the same surrogate."""
        game = ask(bert, LONG, Choices(unit="word", target=0)).game()
        fitted = slalom.fit(game)
        rng = np.random.default_rng(99)
        masks = rng.permuted(np.arange(game.n_units) < rng.integers(1, game.n_units, 600)[:, None], axis=1)
        true = game(masks)
        r2 = 1 - ((true - fitted.game(masks)) ** 2).sum() / ((true - true.mean()) ** 2).sum()
        assert 0.3 < r2 < 0.99
        # an R2 of some 170 masks has a standard deviation of a few hundredths
        assert fitted.fidelity == pytest.approx(r2, abs=0.12)

    @pytest.mark.parametrize("method", METHODS, ids=lambda method: method.card.name)
    def test_every_setting_arrives(self, bert: Classifier, method: Slalom | SlalomShapley | SlalomLime) -> None:
        kind, text = type(method), "the plot was not good , but the acting was good"
        plain = heedful.explain(bert, text, kind(), target=0)
        for change in ({"n_samples": 100}, {"fixed": False}, {"n_samples": 100, "sampling": "sizes"}):
            changed = heedful.explain(bert, text, kind(**change), target=0)
            assert changed.settings | change == changed.settings
            assert not np.array_equal(changed.scores, plain.scores)
            alone = slalom.fit(ask(bert, text, Choices(target=0)).game(), **change)
            assert changed.details["fidelity"] == alone.fidelity

    def test_scores_of_the_surrogate(self, bert: Classifier) -> None:
        fitted = slalom.fit(ask(bert, TEXT, Choices(target=0)).game())
        found = {
            score: heedful.explain(bert, TEXT, Slalom(score=score), target=0)
            for score in ("linear", "value", "removal", "importance")
        }
        assert np.array_equal(found["value"].scores, fitted.value)
        assert np.array_equal(found["removal"].scores, fitted.removal)
        assert np.array_equal(found["importance"].scores, fitted.share)
        linear = found["linear"]
        assert linear.base_value + linear.scores.sum() == pytest.approx(linear.details["surrogate_prediction"])
        assert found["value"].base_value is None

    def test_kernel_width(self, bert: Classifier) -> None:
        fitted = slalom.fit(ask(bert, TEXT, Choices(target=0)).game())
        found = heedful.explain(bert, TEXT, "slalom-lime:kernel_width=2.0", target=0)
        assert np.array_equal(found.scores, exact.lime(fitted.game, 2.0).values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Slalom(n_samples=10), "n_samples must be at least 50"),
        (lambda: SlalomShapley(sampling="all"), "unknown sampling 'all'"),
        (lambda: Slalom(score="shares"), "unknown score 'shares': use one of linear, value"),
        (lambda: SlalomShapley(tolerance=0.0), "tolerance must be a number above 0"),
        (lambda: SlalomLime(kernel_width=0.0), "kernel_width must be above 0"),
        (lambda: SlalomLime(tolerance=np.inf), "tolerance"),
    ],
)
def test_settings_out_of_range(make, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()
