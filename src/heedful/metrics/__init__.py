"""Measures of explanations: how far two of them agree, and metrics by name that judge one against its question."""

from __future__ import annotations

from dataclasses import is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from heedful.errors import SettingError
from heedful.metrics.cards import Card
from heedful.metrics.registry import REGISTRY
from heedful.support.names import shown
from heedful.support.settings import check_settings

if TYPE_CHECKING:
    from heedful.metrics.agreement import kendall_tau_b, pairwise, sign_agreement, spearman, top_k_overlap
    from heedful.metrics.base import Metric, judge
    from heedful.metrics.curves import Deletion, Insertion
    from heedful.metrics.decisions import DecisionFlip, TopFlip
    from heedful.metrics.emphasis import jensen_shannon, weighted_kendall
    from heedful.metrics.erasure import AopcComprehensiveness, AopcSufficiency, Comprehensiveness, Sufficiency
    from heedful.metrics.infidelity import Infidelity
    from heedful.metrics.leave_one_out import LeaveOneOut, SignViolations
    from heedful.metrics.plausibility import Auprc, IouF1, MassInside, TokenF1
    from heedful.metrics.reference import (
        ExactError,
        JensenShannon,
        Kendall,
        SignAgreement,
        Spearman,
        TopKOverlap,
        WeightedKendall,
    )
    from heedful.metrics.replacement import ReplacementFlip
    from heedful.metrics.soft import SoftComprehensiveness, SoftSufficiency
    from heedful.metrics.stability import BatchSensitivity, EditSensitivity, SeedStability

_ELSEWHERE = {
    **dict.fromkeys(("Metric", "judge"), "heedful.metrics.base"),
    **dict.fromkeys(("jensen_shannon", "weighted_kendall"), "heedful.metrics.emphasis"),
    **dict.fromkeys(
        ("kendall_tau_b", "pairwise", "sign_agreement", "spearman", "top_k_overlap"), "heedful.metrics.agreement"
    ),
}


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    metric = REGISTRY.home_of(name)
    if metric is None:
        raise AttributeError(f"module 'heedful.metrics' has no attribute {name!r}")
    return metric


def names() -> list[str]:
    """List the names of all metrics, without aliases: those built in, registered, and of other packages.

    Example:
        >>> "kendall" in names()
        True
    """
    return REGISTRY.names()


def register(metric: type[Metric]) -> type[Metric]:
    """Make a metric of one's own known by the names on its card; usable as a decorator.

    Other packages do without: an entry point in the group "heedful.metrics", named as the metric, is enough.

    Raises:
        SettingError: it has no card, or a name that another metric has.
    """
    registered: type[Metric] = REGISTRY.register(metric)
    return registered


def get(metric: str | Metric) -> Metric:
    """Return a metric by name or alias, with settings after a colon, or the metric itself.

    Raises:
        SettingError: unknown name or setting, or a value of the wrong type.

    Example:
        >>> get("top-k-overlap:k=3")
        TopKOverlap(reference='shapley-exact', support=False, k=3)
    """
    if isinstance(metric, str):
        made: Metric = REGISTRY.get(metric)
        return made
    if hasattr(metric, "card") and not isinstance(metric, type):
        if is_dataclass(metric):  # a class of one's own need not have checked its settings
            check_settings(metric, metric.card.name)
        return metric
    raise SettingError(f"a metric is given by name, or as an object such as Kendall(), got {shown(metric)}")


__all__ = [
    "AopcComprehensiveness",
    "AopcSufficiency",
    "Auprc",
    "BatchSensitivity",
    "Card",
    "Comprehensiveness",
    "DecisionFlip",
    "Deletion",
    "EditSensitivity",
    "ExactError",
    "Infidelity",
    "Insertion",
    "IouF1",
    "JensenShannon",
    "Kendall",
    "LeaveOneOut",
    "MassInside",
    "Metric",
    "ReplacementFlip",
    "SeedStability",
    "SignAgreement",
    "SignViolations",
    "SoftComprehensiveness",
    "SoftSufficiency",
    "Spearman",
    "Sufficiency",
    "TokenF1",
    "TopFlip",
    "TopKOverlap",
    "WeightedKendall",
    "get",
    "jensen_shannon",
    "judge",
    "kendall_tau_b",
    "names",
    "pairwise",
    "register",
    "sign_agreement",
    "spearman",
    "top_k_overlap",
    "weighted_kendall",
]
