"""The study's stages, each in the module that measures: their order, the settings they read, what they need."""

from __future__ import annotations

from functools import partial

from heedful.studies import recipes
from heedful.studies.attention_meets_post_hoc import (
    affine,
    attention,
    claims,
    classifiers,
    control,
    differences,
    formulas,
    gradients,
    samples,
    seeds,
    sentence,
    variants,
    widths,
)
from heedful.studies.attention_meets_post_hoc.settings import Numbers
from heedful.studies.stage import Stage


def stages(settings: Numbers) -> list[Stage[Numbers]]:
    """List the stages, training first; every variant is one of its own, so that a kill costs one of them at most."""
    trained = ("train",)
    explained = [
        Stage("train", classifiers.stage, code=(recipes,)),
        Stage("sentence", sentence.stage, ("sentence",), trained),
        Stage("review", sentence.review_stage, ("review_units", "review_runs", "lime_samples"), trained),
        Stage("gradients", gradients.stage, ("gradients",), trained),
        Stage("formulas", formulas.stage, ("formulas",), trained),
        Stage("sampled", formulas.sampled_stage, ("sampled", "sampled_runs", "lime_samples"), trained),
        Stage("affine", affine.stage, ("affine",), trained),
        Stage("widths", widths.stage, ("widths", "kernel_widths"), trained),
        Stage("samples", samples.stage, ("samples", "sample_sizes", "sample_runs"), trained),
        Stage("attention", attention.stage, ("attention",), trained),
        Stage("control", control.stage, ("control",), trained),
    ]
    summed = ("gradients", "formulas", "sampled", "affine", "widths", "samples", "attention", "seeds")
    judged = Stage("claims", claims.stage, ("claims",), summed)
    return [*explained, *_seed_stages(settings), *_variant_stages(settings), judged]


def _seed_stages(settings: Numbers) -> list[Stage[Numbers]]:
    others = [
        Stage(f"seed-{k}", partial(seeds.stage, k), ("seed_texts",), code=(recipes,)) for k in range(1, settings.seeds)
    ]
    reads, needs = ("seeds", "seed_texts", "attention"), ("train", "attention", *(stage.name for stage in others))
    return [*others, Stage("seeds", seeds.summary_stage, reads, needs)]


def _variant_stages(settings: Numbers) -> list[Stage[Numbers]]:
    texts = ("variant_texts", "sampled_variant_texts")
    each = [
        Stage(variants.table_name(variant), partial(variants.stage, variant), texts) for variant in settings.variants
    ]
    reads, needs = ("variants", "margins", "most_noise"), tuple(stage.name for stage in each)
    return [*each, Stage("variants", differences.stage, reads, needs)]
