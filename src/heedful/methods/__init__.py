"""Every method by name, with its taxonomy."""

from __future__ import annotations

from heedful.errors import SettingError
from heedful.methods.attention import AttentionHead, AttentionMax, AttentionMean, AttentionValueNorm
from heedful.methods.attention_paths import AttentionFlow, AttentionRollout, AttentionXGradient
from heedful.methods.banzhaf import Banzhaf
from heedful.methods.base import Answer, Card, Method
from heedful.methods.exact_values import BanzhafExact, LimeExact, ShapleyExact
from heedful.methods.gradient import GradientL1, GradientL2, GradientMean, GradientXInput
from heedful.methods.integrated_gradients import IntegratedGradients
from heedful.methods.lime import Lime
from heedful.methods.lime_asymptotic import LimeAsymptotic
from heedful.methods.lrp import LRP
from heedful.methods.occlusion import Occlusion
from heedful.methods.partition import Partition
from heedful.methods.random_baseline import Random
from heedful.methods.shap import KernelShap, PermutationShap
from heedful.methods.slalom import Slalom, SlalomLime, SlalomShapley
from heedful.methods.smoothgrad import SmoothGrad
from heedful.question import Question
from heedful.support.settings import changed

METHODS: tuple[type[Method], ...] = (
    AttentionMean,
    AttentionMax,
    AttentionHead,
    AttentionRollout,
    AttentionFlow,
    AttentionValueNorm,
    AttentionXGradient,
    GradientMean,
    GradientL1,
    GradientL2,
    GradientXInput,
    IntegratedGradients,
    SmoothGrad,
    LRP,
    Lime,
    Occlusion,
    PermutationShap,
    KernelShap,
    Partition,
    Banzhaf,
    ShapleyExact,
    BanzhafExact,
    LimeExact,
    LimeAsymptotic,
    Slalom,
    SlalomShapley,
    SlalomLime,
    Random,
)

_BY_NAME = {name: method for method in METHODS for name in (method.card.name, *method.card.aliases)}


def names() -> list[str]:
    """Registered names, without aliases.

    Example:
        >>> "lime" in names()
        True
    """
    return [method.card.name for method in METHODS]


def get(method: str | Method) -> Method:
    """A method by name or alias, with settings after a colon, or the method itself.

    Raises:
        SettingError: unknown name or setting, or a value of the wrong type.

    Example:
        >>> get("lime:n_samples=100,sampler=lime")
        Lime(n_samples=100, kernel_width=0.25, ridge=1.0, n_features=None, selection='auto', sampler='lime',
             precision=None)
    """
    if isinstance(method, Method):
        return method
    if not isinstance(method, str):
        raise SettingError(f"a method is given by name, or as an object such as Lime(), got {method!r}")
    name, _, settings = method.partition(":")
    if name not in _BY_NAME:
        raise SettingError(f"unknown method {name!r}: use one of {', '.join(names())}")
    return changed(_BY_NAME[name](), settings, name)


__all__ = [
    "LRP",
    "METHODS",
    "Answer",
    "AttentionFlow",
    "AttentionHead",
    "AttentionMax",
    "AttentionMean",
    "AttentionRollout",
    "AttentionValueNorm",
    "AttentionXGradient",
    "Banzhaf",
    "BanzhafExact",
    "Card",
    "GradientL1",
    "GradientL2",
    "GradientMean",
    "GradientXInput",
    "IntegratedGradients",
    "KernelShap",
    "Lime",
    "LimeAsymptotic",
    "LimeExact",
    "Method",
    "Occlusion",
    "Partition",
    "PermutationShap",
    "Question",
    "Random",
    "ShapleyExact",
    "Slalom",
    "SlalomLime",
    "SlalomShapley",
    "SmoothGrad",
    "get",
    "names",
]
