"""Early stopping at a requested precision, and enumeration where it is cheap: for every sampled method."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

import heedful
from factory import make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games import Game, RatioGame, Terms
from heedful.games.sampled.stopping import Sampled, Stop, relative_error, sample_or_enumerate
from heedful.methods import Banzhaf, KernelShap, Lime, LimeExact, Method, Partition, PermutationShap, get

TEXT = "the plot was not good but the acting was very good. and the end was never dull! what a film"
SHORT = "the plot was not good. very dull"
# all of 2^15 masks are far more than these budgets
SAMPLED: list[Method] = [
    Lime(3000),
    Lime(3000, sampler="lime"),
    KernelShap(3000),
    KernelShap(3000, paired=False),
    PermutationShap(200),
    PermutationShap(200, antithetic=False),
    PermutationShap(),
    Partition(700),
    Banzhaf(3000),
    Banzhaf(3000, "msr", paired=False),
]
ENUMERATING: list[Method] = [KernelShap(), PermutationShap(200), Partition(), Banzhaf()]
every_sampled = pytest.mark.parametrize("method", SAMPLED, ids=str)
every_enumerating = pytest.mark.parametrize("method", ENUMERATING, ids=str)


class TestStop:
    @given(first=st.integers(1, 1000), most=st.integers(1, 10**6), precision=st.floats(1e-9, 1e3))
    def test_looks_rise_by_half_and_end_with_all(self, first: int, most: int, precision: float) -> None:
        looks = list(Stop(precision, first).looks(most))
        assert looks[-1] == most
        assert looks[0] == min(first, most)
        assert all(before < after <= 1.5 * before + 1 for before, after in pairwise(looks))
        assert list(Stop(None, first).looks(most)) == [most]

    @pytest.mark.parametrize(
        ("n", "values", "errors", "reached"),
        [
            (10, [1.0, -2.0], [0.2, 0.1], True),  # 0.2 of 2
            (10, [1.0, -2.0], [0.1, 0.21], False),
            (9, [1.0, -2.0], [0.0, 0.0], False),  # too few draws to believe their errors
            (10, [1.0, -2.0], [np.nan, 0.0], False),
            (10, [0.0, 0.0], [0.0, 0.0], True),
        ],
    )
    def test_reached(self, n: int, values: list[float], errors: list[float], reached: bool) -> None:
        assert Stop(0.1, 10).reached(n, np.array(values), np.array(errors)) == reached
        assert not Stop(None, 10).reached(n, np.array(values), np.array(errors))

    def test_relative_error(self) -> None:
        assert relative_error(np.array([1.0, -4.0]), np.array([0.2, 0.1])) == 0.05
        assert np.isnan(relative_error(np.zeros(2), np.zeros(2)))


class TestPrecision:
    @every_sampled
    def test_stops_early_and_says_so(self, classifier: Classifier, method: Method) -> None:
        whole = heedful.explain(classifier, TEXT, method, seed=2)
        wanted = 2.5 * relative_error(whole.scores, whole.std_error)
        short = heedful.explain(classifier, TEXT, replace(method, precision=wanted), seed=2)
        assert short.details["n_evaluations"] < whole.details["n_evaluations"]
        assert short.details["precision_reached"] == 1
        assert short.details["relative_error"] == relative_error(short.scores, short.std_error) <= wanted
        assert short.settings["precision"] == wanted
        assert "precision_reached" not in whole.details
        assert whole.settings["precision"] is None
        # what it stopped at is an estimate of the same: at most 6 standard errors of the difference apart
        gap = np.abs(short.scores - whole.scores)
        assert (gap < 6 * np.hypot(short.std_error, whole.std_error)).all()

    @every_sampled
    def test_out_of_reach_changes_nothing(self, classifier: Classifier, method: Method) -> None:
        whole, vain = (heedful.explain(classifier, TEXT, replace(method, precision=p), seed=2) for p in (None, 1e-9))
        assert vain.details["precision_reached"] == 0
        assert vain.details["n_evaluations"] == whole.details["n_evaluations"]
        # the same masks, but evaluated and added up in other blocks: last digits may differ
        assert vain.scores == pytest.approx(whole.scores, abs=1e-13)
        assert vain.std_error == pytest.approx(whole.std_error, abs=1e-13)

    @pytest.mark.parametrize("method", [m for m in SAMPLED if "sampler='lime'" not in str(m)], ids=str)
    def test_coverage_survives_the_looks(self, classifier: Classifier, method: Method) -> None:
        """95 % intervals after stopping hold the exact value: in at least 86 % of 30 runs, all 15 units pooled.

        Ten pairs of permutations leave intervals a little short, as `permutation_shapley` says; 30 runs whose units err
        together are known to some 3 %. Without a least number of draws it would be half of the intervals.
        """
        truth = heedful.explain(classifier, TEXT, reference(method)).scores
        runs = [heedful.explain(classifier, TEXT, replace(method, precision=0.1), seed=s) for s in range(30)]
        assert all(run.details["precision_reached"] for run in runs)
        freedom = [run.details.get("degrees_of_freedom", np.inf) for run in runs]
        covered = [
            np.abs(run.scores - truth) < student.ppf(0.975, free) * run.std_error
            for run, free in zip(runs, freedom, strict=True)
        ]
        assert np.mean(covered) > 0.86

    @pytest.mark.parametrize("sampler", ["fast", "lime"])
    def test_lime_stopped_early_is_not_shrunk(self, classifier: Classifier, sampler: str) -> None:
        """The penalty is that of the whole run: at full strength it would halve the scores of a hundred samples."""
        method = Lime(1000, sampler=sampler, precision=1e3)
        runs = [heedful.explain(classifier, TEXT, method, seed=seed) for seed in range(20)]
        assert {run.details["n_evaluations"] for run in runs} == {100}
        truth = heedful.explain(classifier, TEXT, reference(method)).scores
        mean = np.mean([run.scores for run in runs], axis=0)
        assert mean @ truth / (truth @ truth) == pytest.approx(1.0, abs=0.1)

    def test_saves_forwards_on_any_classifier(self) -> None:
        classifier = make_bert()
        for method, most in (
            (Lime(2000), 2000),
            (KernelShap(2000), 2000),
            (Banzhaf(2000), 2000),
            (PermutationShap(), 282),
        ):
            result = heedful.explain(classifier, TEXT, replace(method, precision=0.2), masking="unk")
            assert result.details["precision_reached"] == 1
            assert result.n_forward <= result.details["n_evaluations"] + 1 < 0.75 * most

    @pytest.mark.parametrize("precision", [0.0, -0.1, np.inf, np.nan])
    @every_sampled
    def test_refuses(self, method: Method, precision: float) -> None:
        with pytest.raises(SettingError, match="precision must be a number above 0"):
            replace(method, precision=precision)

    def test_is_read_from_text(self) -> None:
        assert get("partition:precision=0.05,n_samples=100") == Partition(100, 0.05)
        with pytest.raises(SettingError, match="lime: precision must be a number, got 'high'"):
            get("lime:precision=high")
        with pytest.raises(SettingError, match=r"n_features must be a whole number, got '0.5'"):
            get("lime:n_features=0.5")


def reference(method: Method) -> Method:
    """The same quantity without sampling error."""
    if isinstance(method, Lime):
        return LimeExact(n_samples=method.n_samples)
    if isinstance(method, Banzhaf):
        return get("banzhaf-exact")
    return Partition(1 << 20) if isinstance(method, Partition) else get("shapley-exact")


class TestEnumeration:
    @every_enumerating
    def test_is_exact_and_says_so(self, method: Method) -> None:
        classifier = make_bert()
        result = heedful.explain(classifier, SHORT, method)
        assert result.details["enumerated"] == 1
        assert np.array_equal(result.std_error, np.zeros(7))
        n = 2**2 + 2 * (2**5 - 2 + 2**2 - 2) if isinstance(method, Partition) else 2**7
        assert result.details["n_evaluations"] == n
        assert result.n_forward == n + 1  # and the prediction itself
        again = heedful.explain(classifier, SHORT, method, seed=9)
        assert again.scores == pytest.approx(result.scores, abs=1e-12)

    @every_enumerating
    def test_samples_beyond_the_budget(self, method: Method) -> None:
        classifier = make_classifier()
        assert heedful.explain(classifier, TEXT, method).details["enumerated"] == isinstance(method, Partition)
        if isinstance(method, (Banzhaf, Partition)):
            result = heedful.explain(classifier, SHORT, replace(method, n_samples=60))
            assert result.details["enumerated"] == 0
            assert (result.std_error > 0).all()

    @pytest.mark.parametrize("method", [PermutationShap(), KernelShap(), Banzhaf(), Partition()], ids=str)
    def test_twelve_units_are_enumerated_unless_the_caller_asks_for_less(
        self, classifier: Classifier, method: Method
    ) -> None:
        words = ["plot", "was", "not", "good", "but", "the", "acting", "very", "dull", "end", "never", "what", "a"]
        for n in (12, 13):
            text = " ".join(words[:n])
            found = heedful.explain(classifier, text, method, masking="unk")
            assert len(found) == n
            assert found.details["enumerated"] == (n == 12)
            if isinstance(method, (PermutationShap, KernelShap)):
                exact = heedful.explain(classifier, text, "shapley-exact", masking="unk")
                assert (found.scores == pytest.approx(exact.scores, abs=1e-9)) == (n == 12)
        fewer = {"n_permutations": 4} if isinstance(method, PermutationShap) else {"n_samples": 60}
        found = heedful.explain(classifier, " ".join(words[:12]), replace(method, **fewer), masking="unk")
        assert found.details["enumerated"] == 0

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("text", ["dull film", "a dull film"])
    def test_masks_too_few_to_sample_are_enumerated(self, classifier: Classifier, text: str, seed: int) -> None:
        for method in (Banzhaf(precision=0.1), Banzhaf(precision=0.1, paired=False), KernelShap(precision=0.1)):
            found = heedful.explain(classifier, text, method, seed=seed)
            assert found.details["enumerated"] == 1
            assert found.details["n_evaluations"] == 2 ** len(found)

    @every_enumerating
    def test_a_precision_comes_first_and_wastes_nothing(self, method: Method) -> None:
        classifier = make_bert()
        exact = heedful.explain(classifier, SHORT, method)
        vain = heedful.explain(classifier, SHORT, replace(method, precision=1e-9))
        assert vain.details["enumerated"] == vain.details["precision_reached"] == 1
        assert vain.scores == pytest.approx(exact.scores, abs=1e-9)
        assert vain.n_forward <= exact.n_forward
        rough = heedful.explain(classifier, SHORT, replace(method, precision=1e3))
        assert rough.details["precision_reached"] == 1
        assert rough.n_forward <= exact.n_forward

    @every_enumerating
    def test_one_unit(self, classifier: Classifier, method: Method) -> None:
        for precision in (None, 0.1):
            result = heedful.explain(classifier, "dull", replace(method, precision=precision))
            assert result.scores[0] == pytest.approx(result.prediction - result.base_value, abs=1e-12)
            assert result.std_error[0] == 0
            assert result.details["enumerated"] == 1

    def test_never_more_than_a_million(self) -> None:
        """A budget may be as large as it likes: masks of more than 20 units are not listed."""
        game = RatioGame(Terms(np.zeros((1, 21)), np.ones((1, 21))), Terms.none(1, 21), Terms(np.zeros(1), np.ones(1)))
        sampled = Sampled(np.zeros(21), np.zeros(21), 0.0, 5, 5)

        def never(_: Game) -> tuple[np.ndarray, float]:
            raise AssertionError

        assert sample_or_enumerate(game, 1 << 22, 1 << 21, lambda *_: sampled, never, None) is sampled
