"""Many games at once: on threads, or side by side on a torch device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from heedful.games.exact.checks import check_batch
from heedful.games.exact.prepared import prepare_all
from heedful.support.parallel import in_parallel

In = TypeVar("In")
Out = TypeVar("Out")


def batch(function: Callable[[In], Out], games: Iterable[In], device: str | None = None) -> list[Out]:
    """Apply an exact method to many games at once, one thread a core; results in order, the same bits as one by one.

    Args:
        function: the method; for other settings than the defaults `functools.partial(exact.lime, kernel_width=1.0)` and
            the like.
        games: the games, of any sizes.
        device: name of a torch device, such as "cuda", that takes games side by side in double precision; the values
            then differ from those of one by one in rounding only, and are certified to the same tolerance. For
            `shapley`, `banzhaf`, `semivalue` and `lime`. None: no torch, any function.

    Raises:
        SettingError: the device cannot be used, or not for this function; or as `function` itself.

    Example:
        >>> import numpy as np
        >>> from heedful.games import RatioGame, Terms, exact
        >>> game = RatioGame(Terms(np.zeros((1, 2)), np.eye(2)[:1]), Terms.none(1, 2), Terms(np.zeros(1), np.zeros(1)))
        >>> [round(float(r.values.sum()), 9) for r in exact.batch(exact.shapley, [game, game])]
        [0.333333333, 0.333333333]
        >>> [round(float(r.values.sum()), 9) for r in exact.batch(exact.shapley, [game], device="cpu")]
        [0.333333333]
    """
    check_batch(function, games)
    if device is None:
        games = list(games)
        prepare_all(games)
        return in_parallel(function, games)
    from heedful.games.exact.device import on_device  # late: it brings torch, which games do without

    return on_device(function, list(games), device)
