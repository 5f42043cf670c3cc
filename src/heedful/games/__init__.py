"""Games: what a prediction is worth when only part of the text is kept."""

from heedful.games.bridge import from_text
from heedful.games.output import Output
from heedful.games.protocol import Game
from heedful.games.ratio import RatioGame, Terms

__all__ = ["Game", "Output", "RatioGame", "Terms", "from_text"]
