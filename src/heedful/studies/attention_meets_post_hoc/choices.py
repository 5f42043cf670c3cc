"""What the paper explains, and how Shapley values are computed."""

from heedful.question import Choices

POSITIVE = 1  # the class whose logit is explained
PAPER = Choices(target=POSITIVE, masking="unk")
EXACT, SAMPLED = "exact", "permutations"
