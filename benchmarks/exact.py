"""Exact Shapley values and exact LIME against the sampled ones of shap, shapiq and lime: all sides in one run.

    python benchmarks/exact.py --model DIR --data reviews.parquet [--all [--device cuda]]

DIR is a classifier trained by `heedful train`; the texts are the data's reviews with about 120 distinct words. The
other tools are timed twice: fed heedful's fast game, and fed the plain forward as their users would. `--all` also runs
every review of the file, both methods, and prints the time and the memory; `--device` does that on a torch device.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from lime.lime_text import LimeTextExplainer

import heedful
from heedful.data import read
from heedful.games import RatioGame, Terms, exact
from heedful.question import Choices, Question, ask
from metering import median_seconds

WORDS = range(110, 131)
Value = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Print every table."""
    options = _options()
    warnings.simplefilter("ignore")
    classifier = heedful.load(options.model)
    texts = read(options.data).texts
    print(f"machine: {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads\n")
    questions = _questions(classifier, texts, options.texts)
    games = [question.ratio_game() for question in questions]
    _describe(games)
    ours = _exact_table(games)
    _against_shapley(questions[: options.opponents], ours[: options.opponents])
    _against_lime(questions[0], ours)
    _growth()
    _instances()
    _roofline(games)
    if options.all:
        _every_text(classifier, texts, options.device)


def _questions(classifier: heedful.Classifier, texts: Sequence[str], n: int) -> list[Question]:
    questions: list[Question] = []
    for i in np.random.default_rng(0).permutation(len(texts)):
        question = ask(classifier, texts[i], Choices())
        if len(question.units) in WORDS:
            questions.append(question)
        if len(questions) == n:
            break
    return questions


def _describe(games: list[RatioGame]) -> None:
    ratios = []
    for game in games:
        kept, removed = game.kept.log_weight, game.removed.log_weight
        top, low = (np.logaddexp.reduce(pick(kept, removed), axis=1) for pick in (np.maximum, np.minimum))
        ratios.append(np.max(np.logaddexp(top, game.fixed.log_weight) - np.logaddexp(low, game.fixed.log_weight)))
    units = [game.n_units for game in games]
    print(f"{len(games)} reviews of {min(units)} to {max(units)} word types, {games[0].n_heads} heads;")
    print(f"largest over smallest total weight of a head: up to {np.exp(max(ratios)):.1e}\n")


def _exact_table(games: list[RatioGame]) -> list[tuple[float, float]]:
    """Time in a batch, and the largest certified error relative to the largest score."""
    methods = {"Shapley": exact.shapley, "Banzhaf": exact.banzhaf, "LIME, nu 0.25": exact.lime}
    per_text = {}
    print("exact, in a batch, tolerance 1e-9       ms a text   largest certified error / largest score")
    for name, method in methods.items():
        exact.batch(method, games[:4])  # compiles
        started = time.perf_counter()
        results = exact.batch(method, games)
        seconds = (time.perf_counter() - started) / len(games)
        error = max(r.error_bound / np.abs(r.values).max() for r in results)
        print(f"  {name:36s} {1e3 * seconds:10.2f}   {error:.1e}")
        per_text[name] = seconds
    print()
    return [(per_text["Shapley"], per_text["LIME, nu 0.25"])] * len(games)


def _against_shapley(questions: list[Question], ours: list[tuple[float, float]]) -> None:
    print("Shapley, one text at a time             s a text   times ours   largest error / largest score")
    for fed, game_of in (("fast game", _fast), ("plain forward", _plain)):
        for name, run in (("shap.KernelExplainer, defaults", _shap), ("shapiq KernelSHAP, 2,048", _shapiq)):
            seconds, errors = [], []
            for question in questions:
                truth = exact.shapley(question.ratio_game()).values
                started = time.perf_counter()
                scores = run(game_of(question), len(question.units))
                seconds.append(time.perf_counter() - started)
                errors.append(np.abs(scores - truth).max() / np.abs(truth).max())
            ratio = np.mean(seconds) / ours[0][0]
            print(f"  {name + ', ' + fed:46s} {np.mean(seconds):7.3f} {ratio:10.0f}x   {np.max(errors):.1e}")
    print()


def _fast(question: Question) -> Value:
    game = question.game()
    return lambda masks: game(np.asarray(masks) > 0.5)


def _plain(question: Question) -> Value:
    """Forwards by queries, keys and values, 256 masked texts at a time."""
    model, ids = question.classifier.paper_model, question.encoded.input_ids
    owner = question.units.of_token

    def values(masks: np.ndarray) -> np.ndarray:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(masks), 256):
                kept = np.column_stack(
                    [np.asarray(masks[start : start + 256]) > 0.5, np.ones(len(masks[start : start + 256]), bool)]
                )
                batch = torch.from_numpy(np.where(kept[:, owner], ids, model.config.unk_token_id))
                rows.append(model.plain(batch)[:, question.output.target].double().numpy())
        return np.concatenate(rows)

    return values


def _shap(value: Value, n_units: int) -> np.ndarray:
    import shap

    explainer = shap.KernelExplainer(value, np.zeros((1, n_units)))
    return np.asarray(explainer.shap_values(np.ones(n_units), silent=True))


def _shapiq(value: Value, n_units: int) -> np.ndarray:
    from shapiq.approximator import KernelSHAP

    values = KernelSHAP(n=n_units, random_state=0).approximate(budget=2048, game=value)
    return np.array([values[(i,)] for i in range(n_units)])


def _against_lime(question: Question, ours: list[tuple[float, float]]) -> None:
    value, words = _plain(question), [f"w{i}" for i in range(len(question.units))]
    place = {word: i for i, word in enumerate(words)}

    def classify(texts: list[str]) -> np.ndarray:
        masks = np.zeros((len(texts), len(words)), dtype=bool)
        for row, text in enumerate(texts):
            masks[row, [place[word] for word in text.split()]] = True
        return np.column_stack([np.zeros(len(texts)), value(masks)])

    started = time.perf_counter()
    theirs = LimeTextExplainer(random_state=0).explain_instance(" ".join(words), classify, num_features=len(words))
    seconds = time.perf_counter() - started
    truth = exact.lime(question.ratio_game()).values
    scores = np.array([score for _, score in sorted(theirs.local_exp[1])])
    error = np.abs(scores - truth).max() / np.abs(truth).max()
    print("LIME                                    s a text   times ours   largest error / largest score")
    print(f"  {'lime, 5,000 samples, plain forward':46s} {seconds:7.3f} {seconds / ours[0][1]:10.0f}x   {error:.1e}\n")


def _peaked(n_units: int, n_heads: int = 6, spread: float = 5.0) -> RatioGame:
    rng = np.random.default_rng(n_units)
    shape = (n_heads, n_units)
    return RatioGame(
        Terms(rng.normal(0, spread, shape), rng.normal(0.3, 1, shape)),
        Terms(rng.normal(-1, 0.3, shape), rng.normal(0, 0.1, shape)),
        Terms(np.zeros(n_heads), rng.normal(0, 1, n_heads)),
    )


def _growth() -> None:
    print("growth, 6 heads, log weights N(0, 25):   d      s     s / d relative to d = 64")
    first = None
    for d in (64, 128, 256, 512, 1024, 2048, 4096, 8192):
        seconds = _timed(partial(exact.shapley, _peaked(d)), 3 if d < 2048 else 1)
        first = first or seconds / d
        print(f"  {'Shapley':36s} {d:6d} {seconds:7.4f} {seconds / d / first:8.2f}")
    print()


def _instances() -> None:
    """Attention pooling over 10,000 instances, one head: nothing stands in for a removed instance."""
    rng = np.random.default_rng(0)
    kept = Terms(rng.normal(0, 2, (1, 10_000)), rng.normal(0, 1, (1, 10_000)))
    game = RatioGame(kept, Terms.none(1, 10_000), Terms(np.zeros(1), np.zeros(1)))
    seconds = _timed(partial(exact.shapley, game), 3)
    print(f"10,000 instances, one head, Shapley: {seconds:.3f} s\n")


def _roofline(games: list[RatioGame]) -> None:
    """Multiply-adds a plain evaluation of the nodes would need, against the machine's rate in matrix products."""
    a = np.random.default_rng(0).normal(size=(2000, 2000))
    rate = 2000**3 / _timed(lambda: a @ a, 5)
    results = exact.batch(exact.shapley, games)
    seconds = _timed(partial(exact.batch, exact.shapley, games), 3)
    # a node (u, p) of a head takes each unit through a product, two sums and the slopes: about 6 multiply-adds
    work = sum(6.0 * r.nodes * game.n_units for r, game in zip(results, games, strict=True))
    print(f"roofline: {rate / 1e9:.1f} G multiply-adds/s in float64 matrix products;")
    print(f"  Shapley of the batch: {work / 1e9:.3f} G in {seconds:.3f} s = {work / seconds / 1e9:.1f} G/s, ")
    print(f"  {work / seconds / rate:.0%} of that rate ({np.mean([r.nodes for r in results]):.0f} nodes a text)\n")


def _every_text(classifier: heedful.Classifier, texts: Sequence[str], device: str | None) -> None:
    started = time.perf_counter()
    worst, of_method = 0.0, dict.fromkeys((exact.shapley, exact.lime), 0.0)
    at_once = 256 if device is None else 4096
    for start in range(0, len(texts), at_once):
        games = [ask(classifier, text, Choices()).ratio_game() for text in texts[start : start + at_once]]
        for method in of_method:
            before = time.perf_counter()
            results = exact.batch(method, games, device)
            of_method[method] += time.perf_counter() - before
            worst = max(worst, *(r.error_bound / max(np.abs(r.values).max(), 1e-300) for r in results))
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"all {len(texts):,} reviews, Shapley and LIME: {seconds / 60:.1f} minutes, {memory:.2f} GiB resident at most,"
    )
    parts = ", ".join(f"{method.__name__} {of_method[method]:.1f} s" for method in of_method)
    print(f"  of that on {device or 'the processor'}: {parts}; largest certified error / largest score {worst:.1e}")


def _timed(run: Callable[[], object], repeats: int) -> float:
    run()
    return median_seconds(run, repeats)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of a classifier trained by `heedful train`")
    parser.add_argument("--data", required=True, help="file of reviews")
    parser.add_argument("--texts", type=int, default=200, help="reviews in the batch")
    parser.add_argument("--opponents", type=int, default=3, help="reviews the other tools explain")
    parser.add_argument("--all", action="store_true", help="also every review of the file")
    parser.add_argument("--device", help="torch device for --all, such as cuda; without it the compiled loops")
    return parser.parse_args()


if __name__ == "__main__":
    main()
