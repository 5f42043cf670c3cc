"""Long texts: cut at the classifier's limit, or explained window by window as exactly as the joint game allows."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest
import torch

import heedful
import zoo
from factory import make_bert
from heedful import Windows, methods
from heedful.classifier import Classifier
from heedful.errors import InputError, ModelError, SettingError, TextError
from heedful.explaining.windows import ask_long
from heedful.explanation import Explanation
from heedful.games.exact import enumeration
from heedful.question import Choices
from heedful.text.encoding import Encoded, encode
from heedful.text.units import Units, sentence_of

FOUR = ("bert", "roberta", "llama", "paper")
CLASSIFIERS = {name: zoo.make(name) for name in zoo.NAMES}
TEXT = "good plot, dull film. dull good film was good! plot was dull."  # words come again in other windows
LONG = " ".join((*zoo.PAIRS, *zoo.SENTENCES)) * 3


def long_words(classifier: Classifier, n_tokens: int) -> str:
    """A text of exactly so many tokens, special ones included."""
    tokenize = classifier.tokenizer.tokenize
    word = next(word for word in LONG.split() if word.isalpha() and len(tokenize(f"{word} {word}")) == 2)
    text = " ".join([word] * (n_tokens - len(classifier.encode(word)) + 1))
    assert len(classifier.tokenizer(text, verbose=False)["input_ids"]) == n_tokens
    return text


def windows_of(classifier: Classifier, text: str, windows: Windows) -> list[Encoded]:
    asked = ask_long(classifier, text, Choices(), windows)
    return [part.question.encoded for part in asked.parts]


def timeless(explanation: Explanation) -> Explanation:
    return replace(explanation, seconds=0.0)


class Joint:
    """All windows at once: tokens whose characters belong to a removed unit go in each, the outputs are averaged."""

    def __init__(self, classifier: Classifier, text: str, windows: Windows, result: Explanation) -> None:
        self.classifier, self.result = classifier, result
        self.windows = windows_of(classifier, text, windows)

    @cached_property
    def values(self) -> dict[bytes, float]:
        masks = enumeration.subsets(len(self.result))
        values = np.mean([self.outputs(window, masks) for window in self.windows], axis=0)
        return dict(zip(map(bytes, masks), values.tolist(), strict=True))

    def outputs(self, window: Encoded, masks: np.ndarray) -> np.ndarray:
        spans = [{i for start, end in unit for i in range(start, end)} for unit in self.result.spans]
        gone = [
            [
                span is not None
                and any(not keep and unit & set(range(*span)) for keep, unit in zip(mask, spans, strict=True))
                for span in window.offsets
            ]
            for mask in masks
        ]
        token = self.classifier.replacement_id(self.result.masking)
        if token is None:
            ids = [window.input_ids[~np.array(row)] for row in gone]
        else:
            ids = [np.where(row, token, window.input_ids) for row in gone]
        logits = np.concatenate([self.classifier.logits(ids[i : i + 64]) for i in range(0, len(ids), 64)])
        if self.result.output == "probability":
            logits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return logits[:, self.result.target]

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        return np.array([self.values[bytes(mask)] for mask in masks])


@pytest.mark.parametrize("name", zoo.NAMES)
def test_limits_hold(name: str) -> None:
    """62 of 64 positions for RoBERTa and its kin, which count from behind the padding; no index error, all seen."""
    classifier = CLASSIFIERS[name]
    limit = classifier.max_tokens
    assert limit == (62 if name in {"roberta", "xlm-roberta"} else 64)
    for n_tokens in (limit, limit + 1, 10 * limit):
        text = long_words(classifier, n_tokens)
        cut = heedful.explain(classifier, text, "G-l2", unit="word")
        seen = heedful.explain(classifier, text, "G-l2", unit="word", long_text="windows")
        assert len(cut) == len(text.split()) - max(0, n_tokens - limit)
        assert len(seen) == len(text.split())
        assert (seen.cut, bool(cut.cut)) == ((), n_tokens > limit)
        if n_tokens == limit:
            assert timeless(seen) == timeless(cut)
        else:
            assert seen.settings["window_size"] == limit
            assert (seen.scores > 0).all()


@pytest.mark.parametrize("name", zoo.NAMES)
def test_windows_are_the_tokenizers_own(name: str) -> None:
    """The windows of transformers, but for the last, which reaches back to be as long as the others."""
    classifier, size, stride = CLASSIFIERS[name], 16, 9
    found = windows_of(classifier, LONG, Windows(size, stride))
    special = len(classifier.tokenizer("", verbose=False)["input_ids"])
    theirs = classifier.tokenizer(
        LONG, truncation=True, max_length=size, stride=size - special - stride, return_overflowing_tokens=True
    )["input_ids"]
    classifier.tokenizer.backend_tokenizer.no_truncation()
    assert [window.input_ids.tolist() for window in found[:-1]] == theirs[: len(found) - 1]
    whole = encode(classifier.tokenizer, LONG, sys.maxsize, name)
    tokens = [pair for pair in zip(whole.input_ids.tolist(), whole.offsets, strict=True) if pair[1] is not None]
    for i, window in enumerate(found):
        inner = [pair for pair in zip(window.input_ids.tolist(), window.offsets, strict=True) if pair[1] is not None]
        start = i * stride if i < len(found) - 1 else len(tokens) - size + special
        assert inner == tokens[start : start + size - special]
        assert (len(window), window.text, window.cut) == (size, LONG, ())


@pytest.mark.parametrize(
    ("unit", "output", "text", "windows"),
    [
        ("word_type", "logit", TEXT, Windows(size=9, stride=4)),
        ("word_type", "probability", TEXT, Windows(size=9, stride=4)),
        ("sentence", "logit", TEXT, Windows(size=9, stride=4)),
        ("word", "logit", "film was good! plot was dull.", Windows(size=6)),
        ("token", "logit", "not a plot", Windows(size=3, stride=1)),
    ],
)
@pytest.mark.parametrize("name", FOUR)
def test_games_of_windows_add_up_to_the_joint_game(
    name: str, unit: str, output: str, text: str, windows: Windows
) -> None:
    classifier, choices = CLASSIFIERS[name], {"output": output, "unit": unit, "target": 1, "long_text": windows}
    exact = "kernel-shap:n_samples=100000"
    results = heedful.compare(
        classifier, text, ["occlusion", exact, "partition:n_samples=100000", "banzhaf"], **choices
    )
    first = results["occlusion"]
    assert first.settings["windows"] > 1
    game = Joint(classifier, text, windows, first)
    d = len(first)
    assert 2 <= d <= 8
    whole = game(np.ones((1, d), dtype=bool))[0]
    assert first.prediction == pytest.approx(whole, abs=1e-12)
    assert first.scores == pytest.approx(whole - game(~np.eye(d, dtype=bool)), abs=1e-10)
    assert results["kernel-shap"].scores == pytest.approx(enumeration.shapley(game, d), abs=1e-8)
    units = Units(unit, first.units, first.spans, tuple(() for _ in first.units), 0)
    owen = enumeration.owen(game, sentence_of(units, text))
    assert results["partition"].scores == pytest.approx(owen, abs=1e-10)
    assert results["banzhaf"].scores == pytest.approx(enumeration.banzhaf(game, d), abs=1e-10)
    for additive in (results["kernel-shap"], results["partition"]):
        assert additive.base_value + additive.scores.sum() == pytest.approx(additive.prediction, abs=1e-8)


@pytest.mark.parametrize("name", FOUR)
def test_the_largest_window_is_explained_alone(name: str) -> None:
    classifier, windows = CLASSIFIERS[name], Windows(size=8, combine="max")
    result = heedful.explain(classifier, TEXT, "occlusion", unit="word", long_text=windows)
    joint = Joint(classifier, TEXT, replace(windows, combine="mean"), result)
    logits = np.stack([classifier.logits([window.input_ids])[0] for window in joint.windows])
    assert (result.target, result.prediction) == (logits.max(axis=0).argmax(), logits.max())
    best = joint.windows[int(logits[:, result.target].argmax())]
    d = len(result)
    alone = result.prediction - joint.outputs(best, ~np.eye(d, dtype=bool))
    assert result.scores == pytest.approx(alone, abs=1e-10)
    assert 0 < np.count_nonzero(result.scores) < d
    seen = [span for span in best.offsets if span is not None]
    assert result.settings["window"] == [seen[0][0], seen[-1][1]]
    outside = [j for j, spans in enumerate(result.spans) if all(b <= seen[0][0] or a >= seen[-1][1] for a, b in spans)]
    assert outside
    assert not result.scores[outside].any()


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_the_predicted_class_is_that_of_the_combined_logits(combine: str) -> None:
    found = set()
    for seed in range(12):
        classifier = zoo.make("bert", seed)
        ids = [window.input_ids for window in windows_of(classifier, TEXT, Windows(size=8))]
        logits = classifier.logits(ids)
        combined = logits.mean(axis=0) if combine == "mean" else logits.max(axis=0)
        result = heedful.explain(classifier, TEXT, "random", long_text=Windows(size=8, combine=combine))
        assert result.target == combined.argmax()
        found.add(bool(combined.argmax() == heedful.explain(classifier, TEXT, "random").target))
    assert found == {True, False}  # else nothing could go wrong here


def test_gradients_are_those_of_the_mean_output() -> None:
    classifier, windows = CLASSIFIERS["bert"], Windows(size=10, stride=3)
    result = heedful.explain(classifier, TEXT, "G-l1", unit="word", target=2, long_text=windows)
    seen = windows_of(classifier, TEXT, windows)
    vectors = [classifier.model.get_input_embeddings()(torch.tensor(w.input_ids))[None].detach() for w in seen]
    for vector in vectors:
        vector.requires_grad_()
    mean = sum(classifier.model(inputs_embeds=vector).logits[0, 2] for vector in vectors) / len(seen)
    gradients = torch.autograd.grad(mean, vectors)
    expected = np.zeros(len(result))
    for window, gradient in zip(seen, gradients, strict=True):
        for span, size in zip(window.offsets, gradient[0].abs().sum(dim=1).tolist(), strict=True):
            for j, ((start, end),) in enumerate(result.spans):
                expected[j] += size if span is not None and start <= span[0] < end else 0.0
    assert result.scores == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize("name", ["bert", "paper"])
def test_every_method_answers_windows_or_refuses_as_ever(name: str, method: str) -> None:
    classifier, windows = CLASSIFIERS[name], Windows(size=18)
    spec = f"{method}:n_samples=200" if "n_samples" in methods.get(method).settings() else method
    text = LONG[:160]
    try:
        short = heedful.explain(classifier, text[:60], spec)
    except (SettingError, ModelError) as refusal:
        with pytest.raises(type(refusal)):
            heedful.explain(classifier, text, spec, long_text=windows)
        return
    result = heedful.explain(classifier, text, spec, long_text=windows)
    assert result.settings["windows"] >= 3
    assert np.isfinite(result.scores).all()
    assert np.count_nonzero(result.scores) > len(result) / 2 or not short.scores.any()  # as BERT's mean gradients are
    assert (result.cut, result.text) == ((), text)
    assert set(result.details) == set(short.details) or method == "random"
    assert (result.base_value is None) == (short.base_value is None)
    assert (result.std_error is None) == (short.std_error is None)
    if result.additive:
        gap = result.base_value + result.scores.sum() - result.prediction
        assert abs(gap) <= 1e-3 * np.abs(result.scores).sum()  # integrated gradients' own tolerance
    assert Explanation.from_json(result.to_json()) == result


def test_standard_errors_are_those_of_the_combined_scores() -> None:
    """Three windows all alike: with equal draws their errors would be equal, and not cancel as they are said to."""
    classifier, windows = CLASSIFIERS["paper"], Windows(size=14, stride=13)
    text = " ".join(list(dict.fromkeys(word for word in LONG.split() if word.isalpha()))[:13] * 3)
    runs = [
        heedful.explain(classifier, text, "permutation-shap:n_permutations=10", seed=seed, long_text=windows)
        for seed in range(40)
    ]
    assert (len(runs[0]), runs[0].settings["windows"]) == (13, 3)
    assert not runs[0].details["enumerated"]
    spread = np.stack([run.scores for run in runs]).std(axis=0, ddof=1)
    said = np.sqrt(np.mean([run.std_error**2 for run in runs], axis=0))
    # each spread is good to 11 %; their mean over a dozen units to a third of that
    assert np.mean(spread / said) == pytest.approx(1.0, abs=0.2)


def test_seeds_of_windows_are_taken_by_every_sampler() -> None:
    classifier, method = CLASSIFIERS["bert"], "lime:sampler=lime,n_samples=50"
    first, again, other = (
        heedful.explain(classifier, TEXT, method, long_text=Windows(size=10), seed=seed) for seed in (1, 1, 2)
    )
    assert first.settings["windows"] > 1
    assert np.array_equal(first.scores, again.scores)
    assert not np.array_equal(first.scores, other.scores)


def test_windows_of_punctuation_have_an_output_and_nothing_to_explain() -> None:
    classifier, windows = CLASSIFIERS["bert"], Windows(size=8)
    text = "good film " + "! " * 10 + "the plot"
    results = heedful.compare(classifier, text, ["occlusion", "kernel-shap", "G-l2"], long_text=windows)
    game = Joint(classifier, text, windows, results["occlusion"])
    assert any(set(window.input_ids[1:-1].tolist()) == {int(game.windows[1].input_ids[2])} for window in game.windows)
    assert results["kernel-shap"].scores == pytest.approx(enumeration.shapley(game, 4), abs=1e-8)
    assert results["kernel-shap"].base_value == pytest.approx(game(np.zeros((1, 4), dtype=bool))[0], abs=1e-9)
    best = heedful.explain(classifier, text, "occlusion", long_text=replace(windows, combine="max"))
    assert np.isfinite(best.scores).all()
    with pytest.raises(TextError, match="nothing to explain"):
        heedful.explain(classifier, "! " * 40, "G-l2", long_text=windows)


@pytest.mark.parametrize("name", FOUR)
def test_a_text_that_fits_is_explained_as_ever(name: str) -> None:
    classifier = CLASSIFIERS[name]
    for method in ("lime:n_samples=30", "alpha-avg"):
        expected = timeless(heedful.explain(classifier, TEXT[:40], method, unit="word"))
        for windows in ("windows", Windows(size=60, stride=3, combine="max")):
            fitting = heedful.explain(classifier, TEXT[:40], method, unit="word", long_text=windows)
            assert timeless(fitting) == expected


def test_a_method_that_looks_at_nothing_needs_no_windows() -> None:
    classifier, windows = CLASSIFIERS["bert"], Windows(size=10)
    seen = heedful.explain(classifier, TEXT, "random", long_text=windows)
    assert np.array_equal(seen.scores, heedful.explain(classifier, TEXT, "random").scores)


def test_alone_among_others_and_side_by_side_windows_give_the_same() -> None:
    classifier, choices = CLASSIFIERS["llama"], {"long_text": "windows:size=9,stride=4", "seed": 3, "unit": "word"}
    alone = heedful.explain(classifier, TEXT, "lime:n_samples=20", **choices)
    among = heedful.explain(classifier, ["good", TEXT], "lime:n_samples=20", progress=True, **choices)
    beside = heedful.compare(classifier, TEXT, ["alpha-avg", "lime:n_samples=20"], progress=True, **choices)
    assert timeless(alone) == timeless(among[1]) == timeless(beside["lime"])
    assert "windows" not in among[0].settings
    assert alone.settings["n_samples"] == 20
    assert alone.settings["windows"] == len(windows_of(classifier, TEXT, Windows(9, 4)))
    # of each window: the prediction, attention and readout, and no words, to judge by how far words move the logits
    assert alone.n_forward > beside["attention-mean"].n_forward == 3 * alone.settings["windows"]


@pytest.mark.parametrize(
    ("long_text", "message"),
    [
        ("cut", "unknown long_text 'cut': use truncate, or windows"),
        ("windows:length=3", "windows has no setting 'length'; it has size, stride, combine"),
        ("windows:size=many", "windows: size must be a whole number"),
        ("windows:size=0", "windows: size must be at least 1, got 0"),
        ("windows:stride=-1", "windows: stride must be at least 1"),
        ("windows:combine=sum", "unknown combine 'sum': use one of mean, max"),
        ("windows:size=65", "windows of 65 tokens: bert takes 64 at most"),
        ("windows:size=2", "windows of 2 tokens have no room for words: 2 tokens are special"),
        ("windows:size=10,stride=9", "windows of 10 tokens have room for 8: a stride of 9 leaves words out"),
    ],
)
def test_what_makes_no_windows_is_refused_in_one_line(long_text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        heedful.explain(CLASSIFIERS["bert"], TEXT, "occlusion", long_text=long_text)
    assert "\n" not in str(raised.value)


def test_a_tokenizer_of_another_model_is_refused_in_windows_too() -> None:
    classifier = make_bert()
    classifier.model.resize_token_embeddings(9)
    mixed = Classifier(classifier.model, classifier.tokenizer, "mixed")
    with pytest.raises(ModelError, match="they do not belong together"):
        heedful.explain(mixed, TEXT, "occlusion", long_text="windows:size=9")


def test_pairs_have_no_windows_and_texts_are_texts() -> None:
    with pytest.raises(SettingError, match="pair of texts that is too long can only be truncated"):
        heedful.explain(CLASSIFIERS["bert"], ("good", "film"), "occlusion", long_text="windows")
    with pytest.raises(TextError, match="the text is missing"):
        inspect.unwrap(ask_long)(CLASSIFIERS["bert"], None, Choices(), Windows())
