# ruff: noqa: T201 - it prints
"""A search for certificates that lie: random games of every awkward kind, their answers against decimal numbers.

    PYTHONPATH=tests python -m games.exact.search --games 3000 [--seed 0]

prints, for every function on either engine, how many answers were compared, how many lie further from the truth than
their `error_bound`, the worst ratio of error to bound with the seed of its game, and how large the bounds are.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from games.exact.precise import Truth, furthest
from heedful.errors import PrecisionError, SettingError
from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import engine

TINY = Decimal(2) ** -1022  # numbers below it are held with fewer digits
COARSE = 1e-4  # a value of `engine.FIRST` that leaves quadrature errors far above rounding
Rng = np.random.Generator


class Question(NamedTuple):
    """One call on one game, and how to answer it exactly."""

    name: str
    call: partial[Any]
    truth: Callable[[Truth], np.ndarray]


def draw(seed: int) -> RatioGame:
    """A game small enough to enumerate: near-equal terms, peaked weights, values that cancel, and mixtures of these."""
    rng = np.random.default_rng(seed)
    units, heads = int(rng.integers(1, 9)), int(rng.choice([1, 1, 2, 3, 8]))
    outputs = tuple(rng.choice([1, 2], size=1)) if rng.random() < 0.3 else ()
    kept = _logs(rng, heads, units), _values(rng, (heads, units, *outputs))
    fixed = _logs(rng, heads, 1)[:, 0] + rng.choice([0, 0, 0, 20, 80, -30, -80]), _values(rng, (heads, *outputs))
    removed = _removed(rng, kept)
    if rng.random() < 0.15:
        fixed = np.full(heads, -np.inf), fixed[1]
    if rng.random() < 0.1:  # light units with huge values
        for log, value in (kept, removed):
            value.T[:] *= np.exp(np.clip(-rng.choice([0.5, 1.0]) * log, -90, 90)).T
    if rng.random() < 0.1:  # units that have a term only once they are removed, or never
        kept[0][rng.random(kept[0].shape) < 0.4] = -np.inf
    if heads > 1 and rng.random() < 0.05:  # a head without any term
        for log, _ in (kept, removed, fixed):
            log[0] = -np.inf
    offset = rng.choice([0, 0, 0, 1, 50, -700, 3000, 2e5]) * rng.normal(size=heads)
    size, shift = _size(rng), _shift(rng)
    parts = [((log.T + offset).T, size * value + shift) for log, value in (kept, removed, fixed)]
    if units > 1 and rng.random() < 0.15:  # the same unit several times
        order = rng.integers(0, max(1, units // 2), size=units)
        parts[:2] = [(log[:, order], value[:, order]) for log, value in parts[:2]]
    if heads > 1 and rng.random() < 0.2:  # heads that cancel, or nearly do
        noise = rng.choice([0.0, 1e-14, 1e-9, 1e-3])
        for log, value in parts:
            log[1], value[1] = log[0], -value[0] * (1 + noise * rng.normal())
    return RatioGame(*(Terms(*part) for part in parts), empty=float(size * rng.normal() + shift))


def _logs(rng: Rng, heads: int, units: int) -> np.ndarray:
    spread = rng.choice([0.0, 0.1, 1.0, 1.0, 5.0, 20.0, 60.0])
    return spread * (rng.normal(size=(heads, units)) if rng.random() < 0.7 else rng.standard_t(3, size=(heads, units)))


def _values(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    value = rng.normal(size=shape)
    kind = rng.choice(["plain", "plain", "wild", "whole", "zeros", "equal"])
    if kind == "wild":
        value *= 10.0 ** rng.uniform(-12, 6, size=shape)
    if kind == "whole":
        value = np.round(2 * value)
    if kind == "zeros":
        value[rng.random(shape) < 0.6] = 0.0
    if kind == "equal":
        value[:] = value.flat[0]
    return value


def _removed(rng: Rng, kept: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Terms of removed units: others, none, equal or nearly equal ones, or some of each."""
    log, value = kept
    other_log, other = _logs(rng, *log.shape), _values(rng, value.shape)
    kinds = rng.choice(["other", "near", "equal", "none"], size=log.shape[1])
    if rng.random() < 0.7:
        kinds[:] = kinds[0]
    delta, part = 10.0 ** -rng.integers(1, 16), rng.choice(["both", "log", "value"])
    near_log = log + (delta * rng.normal(size=log.shape) if part != "value" else 0.0)
    near = value + (delta * rng.normal(size=value.shape) if part != "log" else 0.0)
    for j, kind in enumerate(kinds):
        if kind != "other":
            other_log[:, j] = {"near": near_log[:, j], "equal": log[:, j], "none": -np.inf}[kind]
            other[:, j] = near[:, j] if kind == "near" else value[:, j]
    return other_log, other


def _size(rng: Rng) -> float:
    return float(rng.choice([1.0, 1.0, 1.0, 1e-30, 1e30, 1e-200, 1e200]))


def _shift(rng: Rng) -> float:
    return float(rng.choice([0.0, 0.0, 0.0, 1.0, 1e4, 1e12]) * rng.normal())


def questions(game: RatioGame, rng: Rng) -> Iterator[Question]:
    """Every public function, with settings drawn at random."""
    d = game.n_units
    yield Question("shapley", partial(exact.shapley), Truth.shapley)
    yield Question("banzhaf", partial(exact.banzhaf), Truth.banzhaf)
    a, b = (float(10.0 ** rng.uniform(-1, 1.5)) for _ in range(2))
    yield Question("semivalue", partial(exact.semivalue, density=exact.Beta(a, b)), lambda t: t.beta(a, b))
    yield Question("density", partial(exact.semivalue, density=lambda p: 6 * p * (1 - p)), lambda t: t.beta(2.0, 2.0))
    width = float(rng.choice([np.inf, 1.0, 0.1, 0.05, 10.0 ** rng.uniform(-2, 3)]))
    yield Question("lime", partial(exact.lime), Truth.lime)
    yield Question("lime width", partial(exact.lime, kernel_width=width), lambda t: t.lime(width))
    n, ridge = int(10.0 ** rng.uniform(0, 6)), float(10.0 ** rng.uniform(-4, 4))
    settings = {"kernel_width": width, "n_samples": n, "ridge": ridge}
    yield Question("lime ridge", partial(exact.lime, **settings), lambda t: t.lime(width, n, ridge))
    if d > 1:
        yield Question("interactions", partial(exact.shapley_interactions), Truth.shapley_interactions)
        yield Question("banzhaf inter.", partial(exact.banzhaf_interactions), Truth.banzhaf_interactions)
    p = rng.choice([0.0, 1.0, 0.5, 1e-12, 1 - 1e-12, *rng.random(5)], size=d)
    yield Question("expected", partial(exact.expected_value, p=p), lambda t: t.expected_value(p))
    one = float(rng.random())
    yield Question("expected one p", partial(exact.expected_value, p=one), lambda t: t.expected_value([one] * d))
    scores = rng.integers(0, 3, size=d).astype(float)
    deletion, insertion = (partial(curve, scores=scores) for curve in (exact.deletion_curve, exact.insertion_curve))
    yield Question("deletion", deletion, lambda t: t.curve(scores, insertion=False))
    yield Question("insertion", insertion, lambda t: t.curve(scores, insertion=True))
    equal = np.zeros(d)
    yield Question("random curve", partial(insertion, scores=equal), lambda t: t.curve(equal, insertion=True))


ON_DEVICE = ("shapley", "banzhaf", "semivalue", "density", "lime", "lime width", "lime ridge")


class Answer(NamedTuple):
    """One answer against the truth: error over bound, and bound over the largest true value; NaN if it was refused."""

    name: str
    ratio: float
    relative: float


def examine(game: RatioGame, seed: int = 0, *, coarse: bool = False, only: str = "") -> Iterator[Answer]:
    """All answers on a game, or those whose names begin with `only`, with settings drawn by the seed.

    With `coarse` quadrature errors may stand, see `COARSE`.

    Raises:
        Exception: any but a `PrecisionError`, or the refusal of a kernel too narrow.
    """
    truth = Truth(game)
    for name, call, true in questions(game, np.random.default_rng([seed, 1])):
        if not name.startswith(only):
            continue
        method = partial(call, tolerance=0.5) if coarse else call
        expected = true(truth)
        yield Answer(name, *_compared(partial(method, game), expected, truth.noise))
        if name in ON_DEVICE:
            batch = partial(exact.batch, method, [game], device="cpu")
            yield Answer(f"{name} (device)", *_compared(lambda batch=batch: batch()[0], expected, truth.noise))


def _compared(call: Callable[[], Any], expected: np.ndarray, noise: Decimal) -> tuple[float, float]:
    try:
        result = call()
    except (PrecisionError, SettingError) as error:
        if "cannot certify" not in str(error) and "gives all weight" not in str(error):
            raise
        return np.nan, np.nan
    error, bound = furthest(result.values, expected), Decimal(result.error_bound)
    largest = max(abs(one) for one in expected.flat)
    # where floats lose digits for being tiny, none is promised
    ratio = 0.0 if error <= max(TINY, noise) else float(error / bound) if bound else np.inf
    return ratio, float(bound / largest) if largest > TINY else 0.0


def main() -> None:
    """Search and print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--games", type=int, default=3000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--coarse", action="store_true", help="let quadrature errors of some 1e-4 stand")
    chosen = options.parse_args()
    if chosen.coarse:
        engine.FIRST = COARSE
    answers: dict[str, list[tuple[Answer, int]]] = {}
    for seed in range(chosen.seed, chosen.seed + chosen.games):
        try:
            for answer in examine(draw(seed), seed, coarse=chosen.coarse):
                answers.setdefault(answer.name, []).append((answer, seed))
        except Exception as error:
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
    print(f"{'function':24} compared  refused  above bound  worst error/bound (seed)  bound/largest: median, 95 %")
    for name, each in answers.items():
        compared = [(answer.ratio, seed) for answer, seed in each if not np.isnan(answer.ratio)]
        worst, seed = max(compared)
        above, refused = sum(ratio > 1 for ratio, _ in compared), len(each) - len(compared)
        middle, high = np.nanquantile([answer.relative for answer, _ in each], [0.5, 0.95])
        print(f"{name:24} {len(compared):8} {refused:8} {above:12} {worst:12.3g} ({seed}){middle:22.1e} {high:8.1e}")


if __name__ == "__main__":
    main()
