"""SmoothGrad: no noise, closed forms under noise, standard errors, convergence, captum, seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from transformers.modeling_outputs import SequenceClassifierOutput

import heedful
import zoo
from factory import make_classifier
from heedful.classifier import Classifier
from heedful.classifier.inside import Inside, look_inside
from heedful.errors import SettingError
from heedful.explanation import Explanation
from heedful.methods import SmoothGrad
from heedful.methods.gradient import SUMMARIES
from heedful.question import Choices, ask
from heedful.text.encoding import Encoded

TEXT = "the plot was not good but the acting was very good !"
GRADIENTS = {"l2": "gradient-l2", "l1": "gradient-l1", "mean": "gradient-mean", "gxi": "gradient-x-input"}


@pytest.mark.parametrize("name", zoo.NAMES)
@pytest.mark.parametrize("output", ["logit", "probability", "logit_difference"])
def test_without_noise_it_is_the_gradient(name: str, output: str) -> None:
    classifier = zoo.make(name)
    for summary, gradient in GRADIENTS.items():
        smooth = heedful.explain(
            classifier, TEXT, SmoothGrad(4, noise_level=0.0, summary=summary), target=1, output=output
        )
        plain = heedful.explain(classifier, TEXT, gradient, target=1, output=output)
        # a batch of other size sums in another order; GxI is rounding to a part where word vectors are normalised
        largest = np.abs(plain.scores).max() / (plain.details.get("largest_cosine") or 1.0)
        assert np.abs(smooth.scores - plain.scores).max() <= 1e-10 * largest
        assert (smooth.std_error <= 1e-10 * largest).all()
        assert smooth.signed == plain.signed
        assert smooth.details["mean_output"] == pytest.approx(smooth.prediction, rel=1e-10)
        assert smooth.details["noise"] == 0


@pytest.mark.parametrize("own", [{"problem_type": "multi_label_classification"}, {"num_labels": 1}])
@pytest.mark.parametrize("name", ["modernbert", "gpt2"])
def test_labels_that_do_not_exclude_each_other_and_single_ones(name: str, own: dict[str, object]) -> None:
    classifier = zoo.make(name, **own)
    smooth = heedful.explain(classifier, TEXT, SmoothGrad(4, noise_level=0.0), target=0, output="probability")
    plain = heedful.explain(classifier, TEXT, "G-l2", target=0, output="probability")
    assert smooth.scores == pytest.approx(plain.scores, rel=1e-9)


def words_of(classifier: Classifier, encoded: Encoded) -> torch.Tensor:
    return look_inside(classifier, encoded).word_vectors(encoded.input_ids)


class Wave(torch.nn.Module):
    """Word vectors v to logits sum_t cos(w . v_t) times 1, -1 and 2: under noise the mean gradient is known."""

    def __init__(self, slope: torch.Tensor) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        heights = torch.cos(vectors @ self.slope).sum(-1)
        return heights[:, None] * torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)


def waving(monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> tuple[Classifier, torch.Tensor]:
    """A classifier of which only the word vectors are kept."""
    classifier = make_classifier(seed)
    slope = torch.from_numpy(np.random.default_rng(seed).standard_normal(16)) / 4
    wave = Wave(slope)

    def forward(input_ids=None, attention_mask=None, inputs_embeds=None, **_):
        vectors = classifier.model.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        return SequenceClassifierOutput(logits=wave(vectors))

    monkeypatch.setattr(classifier.model, "forward", forward)
    return classifier, slope


def smoothed(classifier: Classifier, slope: torch.Tensor, noise: float) -> np.ndarray:
    """E sin(w . (v + noise)) = sin(w . v) exp(-noise^2 |w|^2 / 2), for every token."""
    vectors = words_of(classifier, classifier.encode(TEXT))
    damped = torch.exp(-(noise**2) * (slope @ slope) / 2)
    return -(torch.sin(vectors @ slope)[:, None] * slope * damped).numpy()


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000), st.sampled_from(SUMMARIES))
def test_the_mean_gradient_under_noise_by_hand(seed: int, summary: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        classifier, slope = waving(patch, seed)
        method = SmoothGrad(2000, noise_level=0.15, summary=summary)
        result = heedful.explain(classifier, TEXT, method, target=0, unit="token", seed=seed)
        encoded = classifier.encode(TEXT)
        noise = 0.15 * np.ptp(words_of(classifier, encoded).numpy())
        assert result.details["noise"] == pytest.approx(noise)
        mean = smoothed(classifier, slope, noise)[1:]
        expected = {
            "l2": np.sqrt((mean**2).sum(1)),
            "l1": np.abs(mean).sum(1),
            "mean": mean.mean(1),
            "gxi": (mean * look_inside(classifier, encoded).input_vectors()[1:]).sum(1),
        }[summary]
        # 11 tokens: six standard errors are exceeded once in 1e8 texts; where a norm is near 0 its bias comes on top
        assert (np.abs(result.scores - expected) < 6 * result.std_error + 1e-12).all()
        assert (result.std_error < 0.2 * np.abs(expected).max()).all()


def test_two_pairs_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their mean and half their difference; the mean output is over all four copies."""
    classifier, seen = make_classifier(), []
    at_once = Inside.gradients

    def recorded(*args: object) -> Iterator[tuple[float, np.ndarray]]:
        seen.extend(at_once(*args))
        return iter(seen)

    monkeypatch.setattr(Inside, "gradients", recorded)
    found = heedful.explain(classifier, TEXT, SmoothGrad(4, 0.1, "gxi"), unit="token")
    vectors = look_inside(classifier, classifier.encode(TEXT)).input_vectors()
    a, b, c, d = [(gradient * vectors).sum(1)[1:] for _, gradient in seen]
    assert found.scores == pytest.approx((a + b + c + d) / 4, rel=1e-12)
    assert found.std_error == pytest.approx(np.abs(a + b - c - d) / 4, rel=1e-9)
    assert found.details["mean_output"] == pytest.approx(np.mean([value for value, _ in seen]), rel=1e-12)
    assert found.details["degrees_of_freedom"] == 1


def test_noise_is_normal_of_the_stated_size_in_opposite_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, points = make_classifier(), []
    at_once = Inside.gradients

    def recorded(*args: object) -> Iterator[tuple[float, np.ndarray]]:
        points.extend(args[-1])
        return at_once(*args[:-1], points)

    monkeypatch.setattr(Inside, "gradients", recorded)
    found = heedful.explain(classifier, TEXT, SmoothGrad(40))
    vectors = words_of(classifier, classifier.encode(TEXT)).numpy()
    noise = (np.stack(points) - vectors) / found.details["noise"]
    assert noise[::2] == pytest.approx(-noise[1::2], abs=1e-12)
    assert kstest(noise[::2].ravel(), "norm").pvalue > 1e-3  # of one seed


def spread_of(results: list[Explanation]) -> np.ndarray:
    return np.std([e.scores for e in results], axis=0, ddof=1)


@pytest.mark.parametrize("summary", SUMMARIES)
def test_standard_errors_are_the_spread_over_seeds_and_fall_with_the_root(summary: str) -> None:
    classifier = make_classifier()

    def runs(n: int) -> list[Explanation]:
        method = SmoothGrad(n, 0.03, summary)
        return [heedful.explain(classifier, TEXT, method, seed=s, unit="word") for s in range(40)]

    small, large = runs(12), runs(48)
    for results in (small, large):
        stated = np.sqrt(np.mean([e.std_error**2 for e in results], axis=0))
        # a variance from 40 runs is off by a factor within 0.5 to 1.8, of ten words within 0.75 to 1.3 on the mean
        assert 0.75 < np.mean(spread_of(results) / stated) < 1.3
    assert 0.4 < np.mean(spread_of(large) / spread_of(small)) < 0.62


def test_opposite_noise_cancels_what_is_linear_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a quadratic the gradient is linear: no sampling error is left at all."""
    classifier = make_classifier()

    def forward(input_ids=None, attention_mask=None, inputs_embeds=None, **_):
        vectors = classifier.model.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        return SequenceClassifierOutput(logits=(vectors**2).sum((1, 2))[:, None] * torch.tensor([1.0, 2.0, 3.0]))

    monkeypatch.setattr(classifier.model, "forward", forward)
    result = heedful.explain(classifier, TEXT, SmoothGrad(4, noise_level=0.3, summary="mean"), target=1, unit="token")
    vectors = words_of(classifier, classifier.encode(TEXT)).numpy()[1:]
    assert result.scores == pytest.approx(4 * vectors.mean(1), abs=1e-12)
    assert result.std_error.max() < 1e-12
    assert result.details["mean_output"] > result.prediction + 1  # the value is not linear


@pytest.mark.parametrize("name", ["roberta", "llama"])
def test_agrees_with_captum(name: str) -> None:
    """NoiseTunnel over Saliency: another stream of noise, so equal to within the standard errors of both."""
    attr = pytest.importorskip("captum.attr", reason="captum is in the extra 'bench'")
    classifier = zoo.make(name)
    vectors = words_of(classifier, classifier.encode(TEXT))[None]
    ours = heedful.explain(classifier, TEXT, SmoothGrad(600, 0.02, "gxi"), target=1, unit="token")
    tunnel = attr.NoiseTunnel(attr.Saliency(lambda v: classifier.model(inputs_embeds=v).logits))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        noise = ours.details["noise"]
        theirs = tunnel.attribute(vectors, target=1, abs=False, nt_samples=600, stdevs=noise, nt_samples_batch_size=100)
    expected = (theirs[0] * vectors[0]).sum(-1).numpy()
    places = [t for (t,) in ask(classifier, TEXT, Choices(unit="token")).units.positions]
    # pairs take out the greater part of the noise: captum's error is up to three times ours here
    assert (np.abs(ours.scores - expected[places]) < 15 * ours.std_error).all()
    assert (ours.std_error < 0.1 * np.abs(ours.scores).max()).all()


def test_same_seed_same_bits_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, method = make_classifier(), SmoothGrad(10)
    results = [heedful.explain(classifier, TEXT, method, seed=s) for s in (3, 3, 4)]
    assert np.array_equal(results[0].scores, results[1].scores)
    assert not np.array_equal(results[0].scores, results[2].scores)
    at_once = Inside.gradients
    monkeypatch.setattr(Inside, "gradients", lambda *args: at_once(*args, batch_tokens=40))
    chunked = heedful.explain(classifier, TEXT, method, seed=3)
    assert chunked.scores == pytest.approx(results[0].scores, rel=1e-12)  # the same noise; sums in another order


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": 2}, "n_samples must be an even number of at least 4, got 2"),
        ({"n_samples": 7}, "n_samples must be an even number of at least 4, got 7"),
        ({"noise_level": -0.1}, "noise_level must be a number of at least 0"),
        ({"noise_level": np.nan}, "noise_level must be a number of at least 0"),
        ({"noise_level": np.inf}, "noise_level must be a number of at least 0"),
        ({"summary": "l3"}, "unknown summary 'l3': use one of l2, l1, mean, gxi"),
    ],
)
def test_settings_out_of_range(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        replace(SmoothGrad(), **changes)
