"""Card: what kind of measure a metric is; and the cards of all that are built in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Need = Literal["exact values", "rationales", "attention", "several seeds", "weights"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What kind of measure it is: a row of `heedful metrics`.

    Attributes:
        name: registered name.
        aliases: other names.
        direction: "higher" or "lower", whichever is better; "none" where neither is.
        range: smallest and largest value there can be, with the default settings.
        source: paper and equation.
        cost: forward passes a text, beyond those of the explanation.
        needs: what must be had beside a question and an explanation: "exact values" (which softmax pooling has),
            "rationales" (of people, in the data set), "attention", "several seeds", "weights" (of the model).

    Example:
        >>> KENDALL.direction, KENDALL.range
        ('higher', (-1.0, 1.0))
    """

    name: str
    aliases: tuple[str, ...] = ()
    direction: Literal["higher", "lower", "none"]
    range: tuple[float, float]
    source: str
    cost: str
    needs: tuple[Need, ...] = ()


_REFERENCE = "those of the reference method"

KENDALL = Card(
    name="kendall",
    aliases=("kendall-tau-b", "tau-b"),
    direction="higher",
    range=(-1.0, 1.0),
    source="Kendall 1945",
    cost=_REFERENCE,
    needs=("exact values",),
)
SPEARMAN = Card(
    name="spearman",
    direction="higher",
    range=(-1.0, 1.0),
    source="Spearman 1904",
    cost=_REFERENCE,
    needs=("exact values",),
)
TOP_K = Card(
    name="top-k-overlap",
    aliases=("top-k",),
    direction="higher",
    range=(0.0, 1.0),
    source="Krishna et al. 2022, section 3 (feature agreement)",
    cost=_REFERENCE,
    needs=("exact values",),
)
SIGN = Card(
    name="sign-agreement",
    aliases=("sign",),
    direction="higher",
    range=(0.0, 1.0),
    source="Krishna et al. 2022, section 3, over all units that both score",
    cost=_REFERENCE,
    needs=("exact values",),
)
WEIGHTED_KENDALL = Card(
    name="weighted-kendall",
    aliases=("weighted-tau",),
    direction="higher",
    range=(-1.0, 1.0),
    source="Vigna 2015, additive hyperbolic weights",
    cost=_REFERENCE,
    needs=("exact values",),
)
JENSEN_SHANNON = Card(
    name="jensen-shannon",
    aliases=("jsd",),
    direction="lower",
    range=(0.0, 1.0),
    source="Lin 1991; Jain and Wallace 2019, section 4 (in bits, not nats)",
    cost=_REFERENCE,
    needs=("exact values",),
)
EXACT_ERROR = Card(
    name="exact-error",
    direction="lower",
    range=(0.0, math.inf),
    source="Euclidean distance from Shapley values, as a share of their length",
    cost=_REFERENCE,
    needs=("exact values",),
)

COMPREHENSIVENESS = Card(
    name="comprehensiveness",
    aliases=("comp",),
    direction="higher",
    range=(-1.0, 1.0),
    source="DeYoung et al. 2020, equation 1",
    cost="2",
)
SUFFICIENCY = Card(
    name="sufficiency",
    aliases=("suff",),
    direction="lower",
    range=(-1.0, 1.0),
    source="DeYoung et al. 2020, equation 2",
    cost="2",
)
AOPC_COMPREHENSIVENESS = Card(
    name="aopc-comprehensiveness",
    aliases=("aopc-comp",),
    direction="higher",
    range=(-1.0, 1.0),
    source="DeYoung et al. 2020, section 4.2",
    cost="6",
)
AOPC_SUFFICIENCY = Card(
    name="aopc-sufficiency",
    aliases=("aopc-suff",),
    direction="lower",
    range=(-1.0, 1.0),
    source="DeYoung et al. 2020, section 4.2",
    cost="6",
)
SOFT_COMPREHENSIVENESS = Card(
    name="soft-comprehensiveness",
    aliases=("soft-comp",),
    direction="higher",
    range=(-1.0, 1.0),
    source="Zhao and Aletras 2023, soft erasure; as many units in every draw, not normalised",
    cost="n_samples + 1",
)
SOFT_SUFFICIENCY = Card(
    name="soft-sufficiency",
    aliases=("soft-suff",),
    direction="lower",
    range=(-1.0, 1.0),
    source="Zhao and Aletras 2023, soft erasure; as many units in every draw, not normalised",
    cost="n_samples + 1",
)
DELETION = Card(
    name="deletion",
    direction="lower",
    range=(0.0, 1.0),
    source="Petsiuk et al. 2018 (RISE), causal metrics",
    cost="d + 1, at most steps + 1",
)
INSERTION = Card(
    name="insertion",
    direction="higher",
    range=(0.0, 1.0),
    source="Petsiuk et al. 2018 (RISE), causal metrics",
    cost="d + 1, at most steps + 1",
)
DECISION_FLIP = Card(
    name="decision-flip",
    direction="lower",
    range=(0.0, 1.0),
    source="Serrano and Smith 2019, removal of sets until the decision flips",
    cost="d + 1",
)
TOP_FLIP = Card(
    name="top-flip",
    direction="higher",
    range=(-1.0, 1.0),
    source="Serrano and Smith 2019, the top unit against a random one, over all others",
    cost="d + 1",
)
REPLACEMENT_FLIP = Card(
    name="replacement-flip",
    direction="higher",
    range=(-1.0, 1.0),
    source="Mohammadi 2026 (explainkit), against other units as in top-flip",
    cost="2 n_samples + 1",
)
INFIDELITY = Card(
    name="infidelity",
    direction="lower",
    range=(0.0, 1.0),
    source="Yeh et al. 2019, definition 2.1, for random sets of removed units",
    cost="n_samples + 1",
)
LEAVE_ONE_OUT = Card(
    name="leave-one-out",
    aliases=("loo",),
    direction="higher",
    range=(-1.0, 1.0),
    source="Jain and Wallace 2019, section 4.1",
    cost="d + 1",
)
SIGN_VIOLATIONS = Card(
    name="sign-violations",
    direction="lower",
    range=(0.0, 1.0),
    source="Liu et al. 2022 (faithfulness violation), over all units",
    cost="d + 1",
)

TOKEN_F1 = Card(
    name="token-f1",
    direction="higher",
    range=(0.0, 1.0),
    source="DeYoung et al. 2020, section 4.1",
    cost="none",
    needs=("rationales",),
)
IOU_F1 = Card(
    name="iou-f1",
    direction="higher",
    range=(0.0, 1.0),
    source="DeYoung et al. 2020, section 4.1",
    cost="none",
    needs=("rationales",),
)
AUPRC = Card(
    name="auprc",
    direction="higher",
    range=(0.0, 1.0),
    source="DeYoung et al. 2020, section 4.1 (trapezoids over recall)",
    cost="none",
    needs=("rationales",),
)
MASS_INSIDE = Card(
    name="mass-inside",
    aliases=("relevance-mass",),
    direction="higher",
    range=(0.0, 1.0),
    source="Arras et al. 2022, relevance mass accuracy",
    cost="none",
    needs=("rationales",),
)

SEED_STABILITY = Card(
    name="seed-stability",
    direction="higher",
    range=(-1.0, 1.0),
    source="Visani et al. 2022 (stability over repeated calls), by Kendall's tau-b",
    cost="n_seeds times the method's",
    needs=("several seeds",),
)
EDIT_SENSITIVITY = Card(
    name="edit-sensitivity",
    aliases=("max-sensitivity",),
    direction="lower",
    range=(0.0, math.inf),
    source="Yeh et al. 2019, definition 3.1, over edits that leave the words",
    cost="4 times the method's, and 4",
)
BATCH_SENSITIVITY = Card(
    name="batch-sensitivity",
    aliases=("batch-stability",),
    direction="lower",
    range=(0.0, math.inf),
    source="largest change of the scores, as a share of their length, beside longer texts",
    cost="4 times the method's, and 3",
)
