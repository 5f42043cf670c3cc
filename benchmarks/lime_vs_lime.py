"""LIME on look-up tables against the lime package on plain forwards: the same masks, one document, one run.

    python benchmarks/lime_vs_lime.py [--model DIR] [--samples 5000] [--words 180]

Without --model the classifier has the paper's sizes and random weights, since time does not depend on what it learned;
it runs once with padding masked out and once as the paper's authors had it, padded to 256 tokens and attended to.
lime gets the plain forward (queries, keys, values as the paper writes them) in batches of 256 texts, tokenised in
one call a batch: in single precision, as most callers would have it, and in double precision, as heedful's tables are.
All explain the logit of the same class over the same 5,000 masks (lime's own sampler), so the coefficients must agree;
the speed of heedful's default sampler is printed beside it.
"""

from __future__ import annotations

import argparse
import copy
import platform
import time
from collections.abc import Callable

import numpy as np
import torch
from lime.lime_text import LimeTextExplainer
from transformers import PreTrainedTokenizerBase

import heedful
from heedful.methods import Lime
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification, build_tokenizer
from metering import median_seconds

BATCH = 256


def main() -> None:
    """Time both and print the ratio and the largest coefficient difference."""
    options = _options()
    print(f"machine: {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads")
    if options.model:
        classifier = heedful.load(options.model)
        _race(classifier, _known_words(classifier, options.words), options)
        return
    document = " ".join(f"word{i}" for i in np.random.default_rng(0).permutation(options.words))
    for attend_padding in (False, True):
        _race(_random_classifier(document, attend_padding=attend_padding), document, options)


def _race(classifier: heedful.Classifier, document: str, options: argparse.Namespace) -> None:
    def ours(sampler: str) -> heedful.Explanation:
        method = Lime(n_samples=options.samples, sampler=sampler)
        return heedful.explain(classifier, document, method, target=1, masking="delete", seed=0)

    exact = ours("lime")
    ours("fast")  # compiles once a process
    seconds = {sampler: median_seconds(lambda s=sampler: ours(s), options.repeats) for sampler in ("fast", "lime")}

    config = classifier.model.config
    padding = f"attended to, {config.max_position_embeddings} tokens always" if config.attend_padding else "masked out"
    print(
        f"\n{len(exact.units)} distinct words, {options.samples} samples, {config.num_attention_heads} heads,", end=""
    )
    print(f" padding {padding}")
    for sampler, name in (("fast", "default sampler"), ("lime", "lime's sampler")):
        print(f"heedful, tables, {name + ':':33s} {seconds[sampler]:9.4f} s")
    for dtype in (torch.float32, torch.float64):
        _against(classifier, document, dtype, exact, seconds, options.samples)


def _against(
    classifier: heedful.Classifier,
    document: str,
    dtype: torch.dtype,
    exact: heedful.Explanation,
    seconds: dict[str, float],
    n_samples: int,
) -> None:
    """Run lime on the plain forward in one precision, and print how heedful compares."""
    model = copy.deepcopy(classifier.model).to(dtype)
    forwards = Stopwatch(lambda texts: plain_logits(model, classifier.tokenizer, texts))
    started = time.perf_counter()
    theirs = LimeTextExplainer(random_state=0).explain_instance(
        document, forwards, labels=(1,), num_features=len(exact.units), num_samples=n_samples
    )
    their_seconds = time.perf_counter() - started
    scores = dict(theirs.as_list(label=1))
    difference = max(abs(score - scores[unit]) for unit, score in zip(exact.units, exact.scores, strict=True))
    largest = max(abs(score) for score in scores.values())
    name = f"lime, plain forward in {str(dtype).removeprefix('torch.')}, batches of {BATCH}:"
    print(f"{name:50s} {their_seconds:9.3f} s  ({forwards.seconds:.3f} s in forwards)")
    for sampler, which in (("fast", "the default sampler"), ("lime", "lime's sampler")):
        print(f"  times of heedful's with {which}:  {their_seconds / seconds[sampler]:.0f}")
    print(f"  largest coefficient difference, same masks: {difference:.2e} ({difference / largest:.2e} of the largest)")


class Stopwatch:
    """A function that adds up the time spent in it."""

    def __init__(self, function: Callable[[list[str]], np.ndarray]) -> None:
        self._function = function
        self.seconds = 0.0

    def __call__(self, texts: list[str]) -> np.ndarray:
        """Call and time."""
        started = time.perf_counter()
        result = self._function(texts)
        self.seconds += time.perf_counter() - started
        return result


def plain_logits(
    model: AttentionPoolingForSequenceClassification, tokenizer: PreTrainedTokenizerBase, texts: list[str]
) -> np.ndarray:
    """Logits by the plain forward, in batches, as a caller of lime would write it."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            batch = tokenizer(texts[start : start + BATCH], truncation=True, padding=True, return_tensors="pt")
            rows.append(model.plain(batch["input_ids"], batch["attention_mask"]).double().numpy())
    return np.concatenate(rows)


def _random_classifier(document: str, *, attend_padding: bool) -> heedful.Classifier:
    tokenizer = build_tokenizer([document], min_frequency=1, pad_with_unknown=attend_padding)
    torch.manual_seed(0)
    config = AttentionPoolingConfig(
        vocab_size=len(tokenizer), attend_padding=attend_padding, pad_token_id=tokenizer.pad_token_id
    )
    model = AttentionPoolingForSequenceClassification(config)
    return heedful.load(model.eval(), tokenizer)


def _known_words(classifier: heedful.Classifier, n: int) -> str:
    """Frequent words of a trained classifier that lime splits as the tokenizer does."""
    vocabulary = sorted(classifier.tokenizer.get_vocab().items(), key=lambda item: item[1])
    return " ".join([word for word, _ in vocabulary if word.isascii() and word.isalpha()][:n])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a trained model folder instead of random weights")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--words", type=int, default=180)
    parser.add_argument("--repeats", type=int, default=15)
    return parser.parse_args()


if __name__ == "__main__":
    main()
