"""Card: what kind of method a method is; and the cards of all that are built in.

They stand apart from the methods, which need torch, so that the list of methods takes no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Combination = Literal["sum", "mean", "min", "max"]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What kind of method it is: a row of `heedful methods`.

    Attributes:
        name: registered name.
        aliases: other names, such as the paper's.
        family: "attention", "gradient", "propagation", "perturbation", "exact", "asymptotic", "surrogate" or
            "baseline".
        signed: True if scores can speak against the target.
        access: what it needs of the classifier: "attention", "gradient", "outputs", "softmax pooling" or "nothing".
        cost: forward (and backward) passes for d units.
        source: paper and equation.
        additive: True if scores and base value add up to the prediction by construction.
        scope: "local" for explanations of one prediction.
        removes: True if it removes units, so that `masking` matters.
        random: True if it draws random numbers, so that `seed` matters.
        details: how each number in the `details` of its answers is combined over the windows of a long text: counts
            add up, and the worst window speaks for all; what is not named here is averaged.

    Example:
        >>> Card(name="length", family="baseline", signed=False, access="nothing", cost="none", source="us").agnostic
        True
    """

    name: str
    aliases: tuple[str, ...] = ()
    family: str
    signed: bool
    access: str
    cost: str
    source: str
    additive: bool = False
    scope: str = "local"
    removes: bool = False
    random: bool = False
    details: Mapping[str, Combination] = field(default_factory=dict, hash=False)

    @property
    def agnostic(self) -> bool:
        """True if it works on any classifier, model-agnostic; False if it needs attention or gradients."""
        return self.access in ("outputs", "nothing")


_PAPER = "Lopardo, Precioso, Garreau 2024"
_ABNAR = "Abnar and Zuidema 2020, section 3"
_SLALOM = "Leemann, Fastowski, Pfeiffer, Kasneci 2025"
_MASKS = "4,096 by default, of more than 512 units 8 a unit"
_SAMPLED: Mapping[str, Combination] = {
    "n_evaluations": "sum",
    "degrees_of_freedom": "min",
    "enumerated": "min",
    "relative_error": "max",
    "precision_reached": "min",
}
_FITTED: Mapping[str, Combination] = {"fidelity": "min", "n_held_out": "sum", "n_evaluations": "sum"}


def _attention(name: str, *aliases: str, source: str = f"{_PAPER}, section 3") -> Card:
    return Card(
        name=name,
        aliases=aliases,
        family="attention",
        signed=False,
        access="attention",
        cost="3 forwards",
        source=source,
    )


def _gradient(name: str, alias: str, *, signed: bool) -> Card:
    return Card(
        name=name,
        aliases=(alias,),
        family="gradient",
        signed=signed,
        access="gradient",
        cost="2 forwards + 1 backward",
        source=f"{_PAPER}, section 4",
    )


def _exact(name: str, source: str = "docs/theory.md", *, additive: bool = False, family: str = "exact") -> Card:
    return Card(
        name=name,
        family=family,
        signed=True,
        access="softmax pooling",
        cost="none",
        source=source,
        additive=additive,
        removes=True,
    )


def _perturbation(
    name: str,
    *aliases: str,
    cost: str,
    source: str,
    additive: bool = False,
    details: Mapping[str, Combination] = _SAMPLED,
) -> Card:
    return Card(
        name=name,
        aliases=aliases,
        family="perturbation",
        signed=True,
        access="outputs",
        cost=cost,
        source=source,
        additive=additive,
        removes=True,
        random=True,
        details=details,
    )


def _surrogate(name: str, source: str, details: Mapping[str, Combination] = _FITTED) -> Card:
    return Card(
        name=name,
        family="surrogate",
        signed=True,
        access="outputs",
        cost="n_samples + 2 forwards, 2^d at most",
        source=source,
        removes=True,
        random=True,
        details=details,
    )


ATTENTION_MEAN = _attention("attention-mean", "alpha-avg")
ATTENTION_MAX = _attention("attention-max", "alpha-max")
ATTENTION_HEAD = _attention("attention-head")
ATTENTION_ROLLOUT = _attention("attention-rollout", source=_ABNAR)
ATTENTION_FLOW = _attention("attention-flow", source=_ABNAR)
ATTENTION_VALUE_NORM = _attention("attention-value-norm", source="Kobayashi et al. 2020")
ATTENTION_X_GRADIENT = Card(
    name="attention-x-gradient",
    aliases=("chefer",),
    family="attention",
    signed=False,
    access="gradient",
    cost="3 forwards + 1 backward",
    source="Chefer, Gur, Wolf 2021 (Generic), Eq. 5 and 6",
)
GRADIENT_MEAN = _gradient("gradient-mean", "G-avg", signed=True)
GRADIENT_L1 = _gradient("gradient-l1", "G-l1", signed=False)
GRADIENT_L2 = _gradient("gradient-l2", "G-l2", signed=False)
GRADIENT_X_INPUT = _gradient("gradient-x-input", "GxI", signed=True)
INTEGRATED_GRADIENTS = Card(
    name="integrated-gradients",
    aliases=("IG",),
    family="gradient",
    signed=True,
    access="gradient",
    cost="n_steps forwards + backwards, doubled until they suffice",
    source="Sundararajan, Taly, Yan 2017",
    additive=True,
    details={"n_steps": "max", "converged": "min"},
)
SMOOTHGRAD = Card(
    name="smoothgrad",
    family="gradient",
    signed=False,
    access="gradient",
    cost="n_samples forwards + backwards",
    source="Smilkov, Thorat, Kim, Viegas, Wattenberg 2017",
    random=True,
    details={"degrees_of_freedom": "min"},
)
LRP = Card(
    name="lrp",
    aliases=("AttnLRP",),
    family="propagation",
    signed=True,
    access="gradient",
    cost="2 forwards + 1 backward",
    source="Achtibat et al. 2024, section 3",
)
LIME = _perturbation(
    "lime",
    cost="n_samples forwards, 2^d at most up to d = 12",
    source="Ribeiro, Singh, Guestrin 2016; Mardaoui, Garreau 2021",
    details={**_SAMPLED, "r2": "min"},
)
OCCLUSION = Card(
    name="occlusion",
    aliases=("leave-one-out",),
    family="perturbation",
    signed=True,
    access="outputs",
    cost="d + 1 forwards",
    source="Zeiler, Fergus 2014, section 4.2",
    removes=True,
)
PERMUTATION_SHAP = _perturbation(
    "permutation-shap",
    cost="at most n_permutations (d - 1) + 2 forwards; by default 2^d up to d = 12",
    source="Castro, Gomez, Tejada 2009; Mitchell, Cooper, Frank, Holmes 2022",
    additive=True,
)
KERNEL_SHAP = _perturbation(
    "kernel-shap",
    cost=f"n_samples forwards, 2^d at most; {_MASKS}",
    source="Lundberg, Lee 2017; Covert, Lee 2021; Musco, Witter 2025",
    additive=True,
)
PARTITION = _perturbation(
    "partition",
    "owen",
    cost=f"n_samples forwards at most; {_MASKS}",
    source="Owen 1977; Lundberg 2020 (shap's PartitionExplainer)",
    additive=True,
)
BANZHAF = _perturbation(
    "banzhaf", cost=f"n_samples forwards, 2^d at most; {_MASKS}", source="Banzhaf 1965; Wang, Jia 2023; Liu et al. 2024"
)
SHAPLEY_EXACT = _exact("shapley-exact", additive=True)
BANZHAF_EXACT = _exact("banzhaf-exact")
LIME_EXACT = _exact("lime-exact", "docs/theory.md; Mardaoui, Garreau 2021")
LIME_ASYMPTOTIC = _exact("lime-asymptotic", f"docs/theory.md; {_PAPER}, Eq. 19", family="asymptotic")
SLALOM = _surrogate("slalom", _SLALOM)
_BOUNDED: Mapping[str, Combination] = {**_FITTED, "surrogate_error_bound": "max"}
SLALOM_SHAPLEY = _surrogate("slalom-shapley", f"{_SLALOM}; docs/theory.md", _BOUNDED)
SLALOM_LIME = _surrogate("slalom-lime", f"{_SLALOM}; docs/theory.md", _BOUNDED)
RANDOM = Card(
    name="random",
    family="baseline",
    signed=True,
    access="nothing",
    cost="none",
    source="no source: a control",
    random=True,
)

# What `heedful.compare` and the command line compare where nothing is asked for.
DEFAULTS = (
    "attention-mean",
    "attention-max",
    "gradient-mean",
    "gradient-l1",
    "gradient-l2",
    "gradient-x-input",
    "lime",
    "occlusion",
    "random",
)
