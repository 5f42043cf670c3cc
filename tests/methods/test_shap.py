"""permutation-shap and kernel-shap on classifiers; `test_shapley_sampling` has the mathematics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

import heedful
from factory import make_bert
from heedful.classifier import Classifier
from heedful.errors import SettingError, TextError
from heedful.games import Game
from heedful.games.sampled.kernel_regression import kernel_shapley
from heedful.games.sampled.permutations import permutation_shapley
from heedful.games.sampled.stopping import Sampled
from heedful.methods.shap import KernelShap, PermutationShap
from heedful.question import Choices, ask

TEXT = "the plot was not good but the acting was very good and the end was never dull what a film"
Estimate = Callable[..., Sampled]
METHODS = [PermutationShap(), PermutationShap(30, antithetic=False), KernelShap(512), KernelShap(512, "leverage")]


class TestMethods:
    @pytest.mark.parametrize("method", METHODS, ids=str)
    @pytest.mark.parametrize("masking", ["unk", "delete", "ignore"])
    @pytest.mark.parametrize("output", ["logit", "probability"])
    def test_adds_up_and_is_the_same_twice(
        self, classifier: Classifier, method: KernelShap | PermutationShap, masking: str, output: str
    ) -> None:
        first, second, other = (
            heedful.explain(classifier, TEXT, method, masking=masking, output=output, seed=seed) for seed in (1, 1, 2)
        )
        assert first.additive
        # forwards and look-up tables agree to 1e-12 in float64
        assert first.base_value + first.scores.sum() == pytest.approx(first.prediction, abs=1e-9)
        assert np.array_equal(first.scores, second.scores)
        assert not np.array_equal(first.scores, other.scores)
        assert (first.std_error > 0).all()
        assert first.details["n_evaluations"] > 0
        assert first.seed == 1

    @pytest.mark.parametrize(
        ("method", "function"),
        [
            (PermutationShap(30), partial(permutation_shapley, n_permutations=30)),
            (PermutationShap(30, antithetic=False), partial(permutation_shapley, n_permutations=30, antithetic=False)),
            (PermutationShap(30, antithetic=0.3), partial(permutation_shapley, n_permutations=30, antithetic=0.3)),
            (KernelShap(100), partial(kernel_shapley, n_samples=100)),
            (KernelShap(100, "leverage"), partial(kernel_shapley, n_samples=100, sampling="leverage")),
            (KernelShap(100, paired=False), partial(kernel_shapley, n_samples=100, paired=False)),
        ],
        ids=[
            "permutations",
            "permutations, single",
            "permutations, part of the reverse",
            "kernel",
            "leverage",
            "kernel, single",
        ],
    )
    def test_every_setting_arrives(
        self, classifier: Classifier, method: KernelShap | PermutationShap, function: Estimate
    ) -> None:
        result, expected = heedful.explain(classifier, TEXT, method, seed=3), function(self.game(classifier), seed=3)
        assert np.array_equal(result.scores, expected.values)
        assert np.array_equal(result.std_error, expected.std_error)
        assert result.base_value == expected.base_value
        assert result.details["degrees_of_freedom"] == expected.degrees_of_freedom

    @staticmethod
    def game(classifier: Classifier) -> Game:
        return ask(classifier, TEXT, Choices()).game()

    @pytest.mark.parametrize("method", METHODS, ids=str)
    def test_agrees_with_the_exact_value(self, classifier: Classifier, method: KernelShap | PermutationShap) -> None:
        sampled, truth = (heedful.explain(classifier, TEXT, m, masking="unk") for m in (method, "shapley-exact"))
        # 15 units, at least 9 degrees of freedom: beyond 6 standard errors once in some 400 texts
        assert (np.abs(sampled.scores - truth.scores) < 6 * sampled.std_error).all()
        assert sampled.base_value == pytest.approx(truth.base_value)

    def test_counts_forwards_on_any_other_classifier(self) -> None:
        classifier, text = make_bert(), "the plot was not good"
        kernel, game = heedful.explain(classifier, text, KernelShap()), heedful.games.from_text(classifier, text)
        assert kernel.n_forward == 2**5 + 1  # every coalition of 5 words, and the prediction itself
        assert kernel.scores.sum() + kernel.base_value == pytest.approx(kernel.prediction, abs=1e-6)
        walked = permutation_shapley(game, 200)
        assert game.n_forward <= 2**5  # the game evaluates equal masks once
        assert walked.n_evaluations == 2 + 200 * 4
        assert (np.abs(kernel.scores - walked.values) < 6 * walked.std_error + 1e-9).all()

    @pytest.mark.parametrize(("share", "enumerated", "n"), [(True, 1, 128), (0.1, 0, 2 + 15 * 8)])
    def test_a_part_of_the_reverse_has_a_smaller_budget(
        self, classifier: Classifier, share: bool | float, enumerated: int, n: int
    ) -> None:
        """30 walks of 7 units could pay for all 128 masks, 15 and two steps of each one's reverse could not."""
        result = heedful.explain(
            classifier, "the plot was not good a film", PermutationShap(30, antithetic=share), unit="word"
        )
        assert result.details["enumerated"] == enumerated
        assert result.details["n_evaluations"] == n

    @pytest.mark.parametrize("method", METHODS, ids=str)
    def test_one_word_and_none(self, classifier: Classifier, method: KernelShap | PermutationShap) -> None:
        result = heedful.explain(classifier, "dull", method)
        assert result.scores[0] == pytest.approx(result.prediction - result.base_value, abs=1e-9)
        with pytest.raises(TextError, match="nothing to explain"):
            heedful.explain(classifier, "!", method)

    def test_says_when_the_text_is_too_long_for_the_budget(self, classifier: Classifier) -> None:
        with pytest.raises(SettingError, match="at least"):
            heedful.explain(classifier, TEXT, KernelShap(20))

    @pytest.mark.parametrize(
        ("call", "named"),
        [
            (lambda: PermutationShap(n_permutations=0), "n_permutations must be at least 1"),
            (lambda: PermutationShap(n_permutations=7), "even, got 7"),
            (lambda: PermutationShap(antithetic=1.5), "antithetic must be from 0 to 1, got 1.5"),
            (lambda: KernelShap(n_samples=1), "n_samples must be at least 2"),
            (lambda: KernelShap(sampling="lasso"), "use one of kernel, leverage"),
        ],
    )
    def test_refuses(self, call: Callable[[], object], named: str) -> None:
        with pytest.raises(SettingError, match=named):
            call()
