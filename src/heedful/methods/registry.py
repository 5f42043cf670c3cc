"""Methods by name: those built in, and those that callers and other packages register."""

from __future__ import annotations

from heedful.methods import cards
from heedful.support.registry import Registry

REGISTRY: Registry[cards.Card] = Registry(
    "method",
    "heedful.methods",
    {
        "attention:AttentionMean": cards.ATTENTION_MEAN,
        "attention:AttentionMax": cards.ATTENTION_MAX,
        "attention:AttentionHead": cards.ATTENTION_HEAD,
        "attention_paths:AttentionRollout": cards.ATTENTION_ROLLOUT,
        "attention_paths:AttentionFlow": cards.ATTENTION_FLOW,
        "attention:AttentionValueNorm": cards.ATTENTION_VALUE_NORM,
        "attention_paths:AttentionXGradient": cards.ATTENTION_X_GRADIENT,
        "gradient:GradientMean": cards.GRADIENT_MEAN,
        "gradient:GradientL1": cards.GRADIENT_L1,
        "gradient:GradientL2": cards.GRADIENT_L2,
        "gradient:GradientXInput": cards.GRADIENT_X_INPUT,
        "integrated_gradients:IntegratedGradients": cards.INTEGRATED_GRADIENTS,
        "smoothgrad:SmoothGrad": cards.SMOOTHGRAD,
        "lrp:LRP": cards.LRP,
        "lime:Lime": cards.LIME,
        "occlusion:Occlusion": cards.OCCLUSION,
        "shap:PermutationShap": cards.PERMUTATION_SHAP,
        "shap:KernelShap": cards.KERNEL_SHAP,
        "partition:Partition": cards.PARTITION,
        "banzhaf:Banzhaf": cards.BANZHAF,
        "exact_values:ShapleyExact": cards.SHAPLEY_EXACT,
        "exact_values:BanzhafExact": cards.BANZHAF_EXACT,
        "exact_values:LimeExact": cards.LIME_EXACT,
        "lime_asymptotic:LimeAsymptotic": cards.LIME_ASYMPTOTIC,
        "slalom:Slalom": cards.SLALOM,
        "slalom:SlalomShapley": cards.SLALOM_SHAPLEY,
        "slalom:SlalomLime": cards.SLALOM_LIME,
        "random_baseline:Random": cards.RANDOM,
    },
)
