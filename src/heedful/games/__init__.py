"""Games: what a prediction is worth when only part of the text is kept. No text is known here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from heedful.games.output import Output
from heedful.games.protocol import Game
from heedful.games.ratio import RatioGame, Terms

if TYPE_CHECKING:
    from heedful.question import from_text

__all__ = ["Game", "Output", "RatioGame", "Terms", "from_text"]

# Under names of this package, as callers know them: where they really are.
_ELSEWHERE = {"asymptotic": "heedful.games.formulas", "slalom": "heedful.games.surrogate.slalom"}


def __getattr__(name: str) -> Any:
    if name == "from_text":
        return import_module("heedful.question").from_text
    if name in _ELSEWHERE:
        return import_module(_ELSEWHERE[name])
    raise AttributeError(f"module 'heedful.games' has no attribute {name!r}")
