"""Arguments of the wrong type, refused in one line before they fail somewhere inside."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real

from heedful.errors import SettingError
from heedful.games.ratio import RatioGame


def check_game(game: object) -> None:
    """Refuse what is no ratio game.

    Raises:
        SettingError: it is none.

    Example:
        >>> check_game([0.5, 0.5])
        Traceback (most recent call last):
        heedful.errors.SettingError: exact functions take a RatioGame, got list: RatioGame.from_weights(...) makes one
    """
    if not isinstance(game, RatioGame):
        kind = type(game).__name__
        raise SettingError(f"exact functions take a RatioGame, got {kind}: RatioGame.from_weights(...) makes one")


def check_number(name: str, value: object) -> None:
    """Refuse a setting that is no real number; infinity and not-a-number are left to others.

    Raises:
        SettingError: it is none.
    """
    if not isinstance(value, Real):
        raise SettingError(f"{name} must be a number, got {type(value).__name__}")


def check_batch(function: object, games: object) -> None:
    """Refuse what is no function and a collection to apply it to.

    Raises:
        SettingError: it is neither, or only one of the two.
    """
    if not callable(function) or not isinstance(games, Iterable):
        kinds = f"{type(function).__name__} and {type(games).__name__}"
        raise SettingError(f"batch takes an exact method and a list of games, got {kinds}")
