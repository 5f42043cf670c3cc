"""Running the compiled loops over all blocks, and refining until the certificate meets the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64

from heedful.errors import PrecisionError, SettingError
from heedful.games.exact import bounds, compiled
from heedful.games.exact.arrays import AnyArray
from heedful.games.exact.checks import check_number
from heedful.games.exact.laplace import ExponentialSum, exponential_sum
from heedful.games.exact.prepared import Prepared
from heedful.games.exact.rules import Allowance, Rule
from heedful.games.exact.tables import Nodes, Tables, all_nodes, split, tables
from heedful.games.ratio import Number
from heedful.support.parallel import in_parallel

_FINEST = 1e-18
FIRST = 2e-13  # first target: costs little more than 1e-9 would, and mostly meets tolerances of 1e-12
MANY = 4  # blocks of nodes from which on threads pay
_ROWS = 1 << 15  # numbers in the rows that chances have by themselves: what a core's cache holds

Values = Float64[AnyArray, "..."]
PerOutput = Float64[AnyArray, "*games outputs"]
RuleOf = Callable[[Tables, Allowance], Rule]
Sums = tuple[Values, Values, Values]


@dataclass(frozen=True, eq=False)
class Attempt:
    """Values computed to one target, and the two parts of their error bound, one number an output.

    For many games at once every array has their axis first, and `nodes` is one number a game; so in `Pass`.

    Attributes:
        values: (outputs, ...).
        quadrature: what more nodes would lower.
        rounding: what they would not.
        nodes: quadrature points (u, p) evaluated.
        offset: constant that belongs to the values, e.g. an intercept; one number an output.
    """

    values: Values
    quadrature: PerOutput
    rounding: PerOutput
    nodes: Any
    offset: Values = field(default_factory=lambda: np.zeros(0))

    @property
    def bound(self) -> PerOutput:
        """Bound on the absolute error of every value of an output."""
        return self.quadrature + self.rounding


@dataclass(frozen=True, eq=False)
class Pass:
    """One run over all nodes.

    Attributes:
        slope: weighted derivatives by each unit's chance, (outputs, units).
        together: weighted derivatives by the chance that all units share, see `rules.Chances`.
        mean: expected values for every column of the rule, or their weighted sums, (outputs, columns), relative to the
            heads' centres.
        missed: what the rules miss of a sum of differences whose weights add up to 1.
        recipe: the exponential sum used.
        points: nodes (u, p) evaluated.
    """

    slope: Float64[AnyArray, "*games outputs units"]
    together: PerOutput
    mean: Float64[AnyArray, "*games outputs columns"]
    missed: PerOutput
    recipe: ExponentialSum
    points: Any


def run(game: Prepared, target: float, rule_of: RuleOf) -> Pass:
    """Integrate the first derivatives of a game, each node's rule chosen by `rule_of`."""
    recipe, nodes, allow = plan(game, target)

    def one(part: Nodes) -> tuple[Sums, Rule]:
        block = tables(game, part)
        rule = rule_of(block, allow)
        return _sums(block, rule), rule

    sums, rules = zip(*in_parallel(one, split(nodes, game), least=MANY), strict=True)
    slope, together = (np.sum([each[i] for each in sums], axis=0) for i in range(2))
    mean = np.zeros((game.n_outputs, max(each[2].shape[1] for each in sums)))
    for _, _, part in sums:
        mean[:, : part.shape[1]] += part
    missed = np.sum([rule.missed for rule in rules], axis=0)
    return Pass(slope, together, mean, missed, recipe, sum(rule.points for rule in rules))


def _sums(block: Tables, rule: Rule) -> Sums:
    """Return `slope`, `together` and `mean` of one block."""
    if rule.together is None:
        slope, mean = compiled.marginals(block.arrays, rule.arrays, 1)
        return slope[:, 0], slope[:, 0].sum(1), mean
    outputs, columns = block.mass.shape[1], len(rule.together)
    slope, together, mean = np.zeros((outputs, block.n_units)), np.zeros(outputs), np.zeros((outputs, columns))
    size = max(1, _ROWS // slope.size)
    for start in range(0, columns, size):
        some = slice(start, start + size)
        rows, mean[:, some] = compiled.marginals(block.arrays, rule.part(some), min(size, columns - start))
        slope += np.einsum("i,cij->cj", rule.weight[0, some], rows)
        together += rows.sum(2) @ rule.together[some]
    return slope, together, mean


def plan(game: Prepared, target: float, order: int = 1) -> tuple[ExponentialSum, Nodes, Allowance]:
    """Exponential sum, nodes and allowance for errors of about `target` times the scale of what is averaged."""
    recipe = exponential_sum(target)
    nodes = all_nodes(game, recipe)
    scale = bounds.first_scale(game) if order == 1 else bounds.second_scale(game)
    return recipe, nodes, Allowance(scale, game.bounds.swing.mean(0), 0.1 * target / len(nodes), order)


def refine(attempt: Callable[[float], Attempt], tolerance: Number) -> Attempt:
    """Repeat an attempt with finer targets until its bound is at most `tolerance` times its largest value.

    Values that cannot be told from zero at the finest target are returned with their bound.

    Raises:
        SettingError: the tolerance is not a positive number.
        PrecisionError: the tolerance cannot be met in double precision.
    """
    target = first_target(tolerance)
    while True:
        result = attempt(target)
        largest = np.abs(result.values).reshape(len(result.values), -1).max(1)
        allowed = tolerance * largest
        short = ~(result.bound <= allowed)  # not-a-number is short, too
        if not short.any():
            return result
        if target <= _FINEST:
            break
        # negative where rounding alone exceeds the tolerance: then the finest target settles it
        with np.errstate(over="ignore"):
            room = ((allowed - result.rounding)[short] / np.maximum(result.quadrature[short], 1e-300)).min()
        target = max(_FINEST, target * min(0.1, 0.3 * room))
    if (np.isfinite(result.bound) & (largest <= result.bound))[short].all():
        return result
    reached = (result.bound / np.maximum(largest, 1e-300))[short].max()
    raise PrecisionError(
        f"cannot certify {tolerance:.1e} of the largest value, only {reached:.1e}: raise the tolerance"
    )


def first_target(tolerance: Number) -> float:
    """The target to begin with.

    Raises:
        SettingError: the tolerance is not a positive number.
    """
    check_number("tolerance", tolerance)
    if not 0.0 < tolerance < np.inf:
        raise SettingError(f"tolerance must be a positive number, got {tolerance}")
    return max(_FINEST, min(FIRST, 0.05 * tolerance))
