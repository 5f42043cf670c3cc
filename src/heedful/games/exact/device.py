"""Many games at once on a torch device, in double precision and with the same certificate.

Games of like size stand side by side, padded with units that have no term; preparation, rules and bounds are the
formulas of the compiled engine, on tensors. A game that misses the tolerance at the first target is handed back to that
engine, and so is one that some mask leaves without any term: nothing uncertified is returned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from itertools import groupby
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from heedful.errors import SettingError
from heedful.games.exact import semivalues
from heedful.games.exact.checks import check_game, check_number
from heedful.games.exact.engine import Attempt, Pass, first_target
from heedful.games.exact.lime import Equations, LimeFit, equations, lime, penalty_of, solved
from heedful.games.exact.prepared import Parts, Prepared, arranged
from heedful.games.exact.rules import Chances
from heedful.games.exact.tensors import Mixed, Uniform, cells, run
from heedful.games.ratio import RatioGame, Terms
from heedful.support.parallel import in_parallel

_ALIKE = 1.2  # sizes in a group differ by at most this factor

Numbers = Float64[np.ndarray, " numbers"]
Columns = Float64[np.ndarray, "chances columns"]
OfSize = tuple[Numbers, Chances, Columns]
Settings = dict[str, Any]
Result = semivalues.Semivalue | LimeFit


@dataclass(frozen=True, eq=False)
class Group:
    """Games that go side by side, and their numbers of units."""

    game: Prepared
    sizes: list[int]


Method = Callable[[Group, float, Settings], Attempt]  # computes a group to one target


def on_device(function: Callable[[Any], Any], games: Sequence[Any], device: str) -> list[Any]:
    """Results of an exact method for all games, in order.

    Args:
        function: `exact.shapley`, `banzhaf`, `semivalue` or `lime`, with settings by `functools.partial`.
        games: ratio games, of any sizes.
        device: name of a torch device that computes in float64.

    Raises:
        SettingError: another function, a device that cannot be used, or as the function itself.
        PrecisionError: as the function itself.
    """
    method, settings = _method(function)
    for game in games:
        check_game(game)
    place, target = _usable(device), first_target(settings["tolerance"])
    done: list[Any] = [None] * len(games)
    for group in _groups(games, cells(place)):
        results = _results(method, settings, [games[i] for i in group], place, target)
        for i, result in zip(group, results, strict=True):
            done[i] = result
    left = [i for i, result in enumerate(done) if result is None]
    for i, result in zip(left, in_parallel(function, [games[i] for i in left]), strict=True):
        done[i] = result
    return done


def _method(function: Callable[[RatioGame], Any]) -> tuple[Method, Settings]:
    """How a function goes on a device, and its settings."""
    named, keywords = function, {}
    if isinstance(function, partial) and not function.args:
        named, keywords = function.func, function.keywords
    for known, method in _METHODS:
        if named is known:
            given = signature(known).bind(None, **keywords)
            given.apply_defaults()
            return method, given.arguments
    names = ", ".join(known.__name__ for known, _ in _METHODS)
    raise SettingError(f"on a device go {names}, with settings by name in functools.partial; for others give no device")


def _usable(device: str) -> torch.device:
    try:
        torch.zeros(1, dtype=torch.float64, device=device).item()
        return torch.device(device)
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0][:150]
        raise SettingError(f"cannot compute in float64 on the device {device!r}: {reason}") from error


def _groups(games: Sequence[RatioGame], most_cells: int) -> Iterator[list[int]]:
    """Places of the games that go side by side: those of like shape, not too many at once."""

    def kind(i: int) -> tuple[int, tuple[int, ...], int]:
        return games[i].n_heads, games[i].outputs, int(math.log(games[i].n_units, _ALIKE))

    suited = sorted((i for i, game in enumerate(games) if _suits(game)), key=lambda i: (kind(i), games[i].n_units))
    for _, alike in groupby(suited, kind):
        group = list(alike)
        largest = games[group[-1]]
        most = max(1, most_cells // largest.kept.value.size)
        yield from (group[start : start + most] for start in range(0, len(group), most))


def _suits(game: RatioGame) -> bool:
    """Whether there are two units, and every mask leaves every head some term."""
    bare = np.isneginf(game.fixed.log_weight)
    smaller = np.minimum(game.kept.log_weight[bare], game.removed.log_weight[bare])
    return game.n_units > 1 and bool(np.isfinite(smaller).any(1).all())


def _results(
    method: Method, settings: Settings, games: list[RatioGame], device: torch.device, target: float
) -> Iterator[Result | None]:
    """Results of games that go side by side; None for those that miss the tolerance."""
    group = Group(_prepared(games, device), [game.n_units for game in games])
    attempt = method(group, target, settings)
    real = torch.arange(attempt.values.shape[-1], device=device) < group.game.n_units
    largest = abs(attempt.values * real[:, None]).amax(-1)
    met = ((attempt.bound <= settings["tolerance"] * largest) & largest.isfinite()).all(-1)  # not where anything is NaN
    result = LimeFit if method is _lime else semivalues.Semivalue
    columns = (
        tensor.cpu().numpy()
        for tensor in (met, attempt.values.mT, attempt.offset, attempt.bound.amax(-1), attempt.nodes)
    )
    for game, certain, values, offset, bound, nodes in zip(games, *columns, strict=True):
        shape, d = game.outputs, game.n_units
        scores = values[:d].reshape(d, *shape).copy()
        yield result(scores, offset.reshape(shape).copy(), float(bound), int(nodes)) if certain else None


def _prepared(games: list[RatioGame], device: torch.device) -> Prepared:
    """The games side by side, units that a game does not have without any term."""
    sizes = torch.tensor([[game.n_units] for game in games], device=device)
    heads, most = games[0].n_heads, int(sizes.max())
    real = (torch.arange(most, device=device) < sizes)[:, None].expand(-1, heads, -1)

    def joined(arrays: Iterable[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.concatenate([array.ravel() for array in arrays])).to(device)

    def of_units(terms: list[Terms]) -> tuple[torch.Tensor, torch.Tensor]:
        log_weight = torch.full(real.shape, -math.inf, dtype=torch.float64, device=device)
        log_weight[real] = joined(each.log_weight for each in terms)
        flat = joined(each.value for each in terms).reshape(int(real.sum()), -1)
        value = flat.new_zeros(*real.shape, flat.shape[1])
        value[real] = flat
        return log_weight, value.mT

    log_kept, kept = of_units([game.kept for game in games])
    log_removed, removed = of_units([game.removed for game in games])
    log_fixed = joined(game.fixed.log_weight for game in games).reshape(-1, heads)
    fixed = joined(game.fixed.value for game in games).reshape(*log_fixed.shape, -1)
    parts = Parts(log_kept, log_removed, log_fixed, kept, removed, fixed, torch.zeros_like(fixed))
    return arranged(parts, sizes.double())


def _shapley(group: Group, target: float, _: Settings) -> Attempt:
    game = group.game
    result = semivalues.certified(game, run(game, target, Uniform()))
    semivalues.check_sum(game, result, -game.values.nothing.mean(-2))
    return result


def _semivalue(group: Group, target: float, settings: Settings) -> Attempt:
    def of_size(d: int) -> OfSize:
        density = settings.get("density")
        mixture = semivalues.HALF if density is None else semivalues.mixture_of(density, d - 1, target)
        return np.array([*mixture.total, *mixture.missed]), Chances(mixture.p, mixture.weight[:, 0]), mixture.weight

    done, (total, missed) = _mixed(group, target, of_size)
    return semivalues.certified(group.game, done, total, missed)


def _lime(group: Group, target: float, settings: Settings) -> Attempt:
    check_number("kernel_width", settings["kernel_width"])
    penalty = penalty_of(settings["n_samples"], settings["ridge"])

    def of_size(d: int) -> OfSize:
        return equations(d, float(settings["kernel_width"]), penalty, target)

    done, numbers = _mixed(group, target, of_size)
    return solved(group.game, done, Equations(*numbers))


_METHODS: list[tuple[Callable[..., Any], Method]] = [
    (semivalues.shapley, _shapley),
    (semivalues.banzhaf, _semivalue),
    (semivalues.semivalue, _semivalue),
    (lime, _lime),
]


def _mixed(
    group: Group, target: float, of_size: Callable[[int], OfSize]
) -> tuple[Pass, Float64[torch.Tensor, "numbers games 1"]]:
    """One pass with the chances that each game's size asks for, and the numbers that go with its size."""
    distinct, place = np.unique(group.sizes, return_inverse=True)
    numbers, chances, columns = zip(*in_parallel(of_size, distinct.tolist()), strict=True)
    row = torch.from_numpy(place).to(group.game.n_units.device)

    def padded(rows: Iterable[np.ndarray], with_: float = 0.0) -> torch.Tensor:
        tensors = [torch.from_numpy(row) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=with_).to(row.device)

    p, weight = padded((each.p for each in chances), math.inf), padded(each.weights for each in chances)
    done = run(group.game, target, Mixed(p, weight, padded(columns), row))
    return done, padded(numbers)[row].T[..., None]
