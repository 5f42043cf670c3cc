"""Every method by name, with its taxonomy; a method's class is imported when it is asked for.

A method of one's own is a frozen dataclass that answers questions, made known by `register`:

    @heedful.methods.register
    @dataclass(frozen=True)
    class WordLength(heedful.methods.Method):
        ...
"""

from __future__ import annotations

from dataclasses import is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from heedful.errors import SettingError
from heedful.methods.cards import DEFAULTS, Card
from heedful.methods.registry import REGISTRY
from heedful.support.names import shown
from heedful.support.settings import check_settings

if TYPE_CHECKING:
    from heedful.methods.attention import AttentionHead, AttentionMax, AttentionMean, AttentionValueNorm
    from heedful.methods.attention_paths import AttentionFlow, AttentionRollout, AttentionXGradient
    from heedful.methods.banzhaf import Banzhaf
    from heedful.methods.base import Answer, Method
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

    METHODS: tuple[type[Method], ...]

_ELSEWHERE = {"Answer": "heedful.methods.base", "Method": "heedful.methods.base", "Question": "heedful.question"}


def __getattr__(name: str) -> Any:
    if name == "METHODS":
        return tuple(REGISTRY.class_of(card.name) for card in REGISTRY.built_in)
    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    method = REGISTRY.home_of(name)
    if method is None:
        raise AttributeError(f"module 'heedful.methods' has no attribute {name!r}")
    return method


def names() -> list[str]:
    """List the names of all methods, without aliases: those built in, registered, and of other packages.

    Example:
        >>> "lime" in names()
        True
    """
    return REGISTRY.names()


def register(method: type[Method]) -> type[Method]:
    """Make a method of one's own known by the names on its card, here and to `heedful.explain`; usable as a decorator.

    Other packages do without: an entry point in the group "heedful.methods", named as the method, is enough.

    Args:
        method: a frozen dataclass derived from `Method`, whose settings all have defaults.

    Raises:
        SettingError: it has no card, or a name that another method has.

    Example:
        >>> from dataclasses import dataclass
        >>> import numpy as np
        >>> from heedful.methods import Answer, Card, Method
        >>> @register
        ... @dataclass(frozen=True)
        ... class Length(Method):
        ...     '''The length of each unit.'''
        ...     card = Card(
        ...         name="length", family="baseline", signed=False, access="nothing", cost="none", source="a control"
        ...     )
        ...     def answer(self, question):
        ...         return Answer(scores=np.array([float(len(unit)) for unit in question.units.strings]))
        >>> import heedful
        >>> heedful.explain(heedful.load("demo"), "The acting was superb.", "length").scores
        array([3., 6., 3., 6.])
    """
    registered: type[Method] = REGISTRY.register(method)
    return registered


def get(method: str | Method) -> Method:
    """Return a method by name or alias, with settings after a colon, or the method itself.

    Raises:
        SettingError: unknown name or setting, or a value of the wrong type.

    Example:
        >>> get("lime:n_samples=100,sampler=lime")
        Lime(n_samples=100, kernel_width=0.25, ridge=1.0, n_features=None, selection='auto', sampler='lime',
             precision=None)
    """
    if isinstance(method, str):
        made: Method = REGISTRY.get(method)
        return made
    if hasattr(method, "card") and not isinstance(method, type):
        if is_dataclass(method):  # a class of one's own need not have checked its settings
            check_settings(method, method.card.name)
        return method
    raise SettingError(f"a method is given by name, or as an object such as Lime(), got {shown(method)}")


__all__ = [
    "DEFAULTS",
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
    "register",
]
