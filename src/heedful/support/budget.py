"""Whether a number of samples can be worked off at all: asked before the first is drawn."""

from __future__ import annotations

from heedful.errors import SettingError
from heedful.support.memory import memory_limit
from heedful.support.turns import claim

MOST = 10**9  # evaluations: at a microsecond each, a quarter of an hour; with a model, for ever
_SHARE = 0.5  # of the memory there is, that samples may take up


def check_budget(
    name: str, n: int, *, bytes_each: float = 0.0, bytes_besides: float = 0.0, evaluations_each: float = 1.0
) -> None:
    """Refuse a number of samples that memory has no room for, or that would take for ever.

    Args:
        name: what errors call it, such as "lime: n_samples".
        n: how many are wanted.
        bytes_each: memory that each takes up.
        bytes_besides: memory that is needed however few there are.
        evaluations_each: evaluations of the model, or of tables in its place, for each.

    Raises:
        SettingError: there are too many; the message says how many would do.

    Example:
        >>> check_budget("lime: n_samples", 5000, bytes_each=100.0)
        >>> check_budget("lime: n_samples", 10**13)
        Traceback (most recent call last):
        heedful.errors.SettingError: lime: n_samples must be at most 1,000,000,000 here, or it would take for ever
    """
    room = max(0.0, _SHARE * memory_limit() - bytes_besides)
    enough = int(MOST / evaluations_each)
    fitting = int(room / bytes_each) if bytes_each > 0 else enough
    if n <= min(enough, fitting):
        claim(bytes_each * n + bytes_besides)
        return
    if fitting < 1:
        raise SettingError(f"{name}: there is not enough memory for so long a text: use a shorter one, or occlusion")
    reason = "there is no memory for more" if fitting < enough else "or it would take for ever"
    raise SettingError(f"{name} must be at most {_round(min(enough, fitting)):,} here, {reason}")


def _round(n: int) -> int:
    """Down to two digits: the first ones say enough."""
    unit = 10 ** max(0, len(str(n)) - 2)
    return n // unit * unit
