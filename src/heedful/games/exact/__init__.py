"""Numerically exact expectations of ratio games: no sampling, and a certified error with every result."""

from heedful.games.exact.batch import batch
from heedful.games.exact.curves import Expectation, deletion_curve, expected_value, insertion_curve
from heedful.games.exact.groups import Group, group
from heedful.games.exact.interactions import Interactions, banzhaf_interactions, shapley_interactions
from heedful.games.exact.lime import LimeFit, lime
from heedful.games.exact.semivalues import Semivalue, banzhaf, semivalue, shapley
from heedful.games.exact.sizes import Beta

__all__ = [
    "Beta",
    "Expectation",
    "Group",
    "Interactions",
    "LimeFit",
    "Semivalue",
    "banzhaf",
    "banzhaf_interactions",
    "batch",
    "deletion_curve",
    "expected_value",
    "group",
    "insertion_curve",
    "lime",
    "semivalue",
    "shapley",
    "shapley_interactions",
]
