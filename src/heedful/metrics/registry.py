"""Metrics by name: those built in, and those that callers and other packages register."""

from __future__ import annotations

from heedful.metrics import cards
from heedful.support.registry import Registry

REGISTRY: Registry[cards.Card] = Registry(
    "metric",
    "heedful.metrics",
    {
        "erasure:Comprehensiveness": cards.COMPREHENSIVENESS,
        "erasure:Sufficiency": cards.SUFFICIENCY,
        "erasure:AopcComprehensiveness": cards.AOPC_COMPREHENSIVENESS,
        "erasure:AopcSufficiency": cards.AOPC_SUFFICIENCY,
        "soft:SoftComprehensiveness": cards.SOFT_COMPREHENSIVENESS,
        "soft:SoftSufficiency": cards.SOFT_SUFFICIENCY,
        "curves:Deletion": cards.DELETION,
        "curves:Insertion": cards.INSERTION,
        "decisions:DecisionFlip": cards.DECISION_FLIP,
        "decisions:TopFlip": cards.TOP_FLIP,
        "replacement:ReplacementFlip": cards.REPLACEMENT_FLIP,
        "infidelity:Infidelity": cards.INFIDELITY,
        "leave_one_out:LeaveOneOut": cards.LEAVE_ONE_OUT,
        "leave_one_out:SignViolations": cards.SIGN_VIOLATIONS,
        "reference:ExactError": cards.EXACT_ERROR,
        "reference:Kendall": cards.KENDALL,
        "reference:Spearman": cards.SPEARMAN,
        "reference:WeightedKendall": cards.WEIGHTED_KENDALL,
        "reference:TopKOverlap": cards.TOP_K,
        "reference:SignAgreement": cards.SIGN,
        "reference:JensenShannon": cards.JENSEN_SHANNON,
        "stability:SeedStability": cards.SEED_STABILITY,
        "stability:EditSensitivity": cards.EDIT_SENSITIVITY,
        "stability:BatchSensitivity": cards.BATCH_SENSITIVITY,
        "plausibility:TokenF1": cards.TOKEN_F1,
        "plausibility:IouF1": cards.IOU_F1,
        "plausibility:Auprc": cards.AUPRC,
        "plausibility:MassInside": cards.MASS_INSIDE,
    },
)
