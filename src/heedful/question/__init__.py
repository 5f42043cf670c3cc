"""One prediction to be explained, and the games that need a classifier to be played."""

from heedful.question.question import Choices, Question, about, ask, ask_all, check_text, from_text, ratio_games
from heedful.question.removing import without

__all__ = ["Choices", "Question", "about", "ask", "ask_all", "check_text", "from_text", "ratio_games", "without"]
