"""Results: what a method says about a prediction, and what several say about the same."""

from heedful.explanation.comparison import Comparison
from heedful.explanation.explanation import FORMAT, Explanation
from heedful.explanation.saving import SUFFIXES

__all__ = ["FORMAT", "SUFFIXES", "Comparison", "Explanation"]
