"""The study's stages: which measurement gets which classifier and texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType

import pyarrow as pa

from heedful.data import planted
from heedful.studies import verdicts
from heedful.studies.attention_meets_post_hoc import (
    affine,
    attention,
    control,
    differences,
    formulas,
    gradients,
    measuring,
    samples,
    seeds,
    sentence,
    variants,
    widths,
)
from heedful.studies.attention_meets_post_hoc.settings import Numbers
from heedful.studies.study import Run, Stage
from heedful.support import intervals

_Run = Run[Numbers]
_Tables = Mapping[str, pa.Table]


def stages(settings: Numbers) -> list[Stage[Numbers]]:
    """Training first; every variant is a stage of its own, so that a kill costs one of them at most."""
    own = [
        Stage("train", _train),
        _measured("sentence", _sentence, ("sentence",), sentence, gradients),
        _measured("review", _review, ("review_units", "review_runs", "lime_samples"), sentence, formulas),
        _measured("gradients", _gradients, ("gradients",), gradients),
        _measured("formulas", _formulas, ("formulas",), formulas),
        _measured("sampled", _sampled, ("sampled", "sampled_runs", "lime_samples"), formulas),
        _measured("affine", _affine, ("affine",), affine),
        _measured("widths", _widths, ("widths", "kernel_widths"), widths),
        _measured("samples", _samples, ("samples", "sample_sizes", "sample_runs"), samples),
        _measured("attention", _attention, ("attention",), attention),
        _measured("control", _control, ("control",), control),
    ]
    measured = [*own, *_seed_stages(settings), *_variant_stages(settings)]
    summed = ("gradients", "formulas", "sampled", "affine", "widths", "samples", "attention", "seeds")
    return [*measured, Stage("claims", _claims, ("claims",), summed, (verdicts,))]


def _seed_stages(settings: Numbers) -> list[Stage[Numbers]]:
    code = (seeds, attention, variants, measuring)
    others = [Stage(f"seed-{k}", partial(_seed, k), ("seed_texts",), code=code) for k in range(1, settings.seeds)]
    needs, reads = ("train", "attention", *(stage.name for stage in others)), ("seeds", "seed_texts", "attention")
    return [*others, Stage("seeds", _seeds, reads, needs, code)]


def _variant_stages(settings: Numbers) -> list[Stage[Numbers]]:
    code, texts = (variants, attention, measuring), ("variant_texts", "sampled_variant_texts")
    trained = [Stage(_table_of(variant), partial(_variant, variant), texts, code=code) for variant in settings.variants]
    needs, reads = tuple(stage.name for stage in trained), ("variants", "margins", "most_noise")
    return [*trained, Stage("variants", _variants, reads, needs, (*code, differences, verdicts))]


def _measured(name: str, run: Callable[[_Run], _Tables], reads: tuple[str, ...], *code: ModuleType) -> Stage[Numbers]:
    return Stage(name, run, reads, ("train",), (*code, measuring))


def _train(run: _Run) -> _Tables:
    rows = []
    for recipe in run.settings.recipes:
        metrics = run.training(recipe.name)
        n, accuracy = metrics["test"]["n"], metrics["test"]["accuracy"]
        rows.append(
            {
                "classifier": recipe.name,
                "train": metrics["n_train"],
                "validation": metrics["n_validation"],
                "epochs": len(metrics["history"]),
                "heads": recipe.sizes.heads,
                "test": n,
            }
            | intervals.columns({"accuracy": intervals.proportion(round(accuracy * n), n)})
        )
    return {"train.summary": measuring.table(rows)}


def _sentence(run: _Run) -> _Tables:
    classifier, text = run.classifier(), run.settings.sentence
    found = sentence.explanations(classifier, text, seed=run.seed)
    return {
        "explanations": sentence.stored(found),
        "sentence.scores.summary": sentence.scores(found),
        "sentence.summary": sentence.summary(found),
        "heads.summary": sentence.heads(classifier, text),
        "gradient": sentence.gradients(classifier, text),
    }


def _review(run: _Run) -> _Tables:
    classifier, numbers = run.classifier(), run.settings
    texts = run.texts(200)
    number = sentence.review(classifier, texts, *numbers.review_units)
    text, place = texts[number], run.sample(200)[number]
    boxes = sentence.boxes(classifier, text, numbers.review_runs, numbers.lime_samples, seed=run.seed, track=run.track)
    # where it stands and how it begins: the reviews belong to those who wrote them
    begins = " ".join(text.split()[:10])
    return {"review.summary": measuring.table([{"place": place, "begins": begins}]), "boxes": boxes}


def _gradients(run: _Run) -> _Tables:
    found = gradients.measure(run.classifier(), run.texts(run.settings.gradients), track=run.track)
    return {"gradients": found, "gradients.summary": gradients.summary(found)}


def _formulas(run: _Run) -> _Tables:
    found = formulas.measure(run.classifier(), run.texts(run.settings.formulas), track=run.track)
    return {"formulas": found, "formulas.summary": formulas.summary(found)}


def _sampled(run: _Run) -> _Tables:
    numbers = run.settings
    texts = run.texts(numbers.sampled)
    found = formulas.sampled(
        run.classifier(), texts, numbers.sampled_runs, numbers.lime_samples, seed=run.seed, track=run.track
    )
    return {
        "sampled": found,
        "sampled.summary": formulas.sampled_summary(found),
        "matches.summary": formulas.matches(found),
    }


def _affine(run: _Run) -> _Tables:
    found = affine.measure(run.classifier(), run.texts(run.settings.affine), track=run.track)
    return {"affine": found, "affine.summary": affine.summary(found)}


def _widths(run: _Run) -> _Tables:
    numbers = run.settings
    found = widths.measure(run.classifier(), run.texts(numbers.widths), numbers.kernel_widths, track=run.track)
    return {"widths": found, "widths.summary": widths.summary(found)}


def _samples(run: _Run) -> _Tables:
    numbers = run.settings
    found = samples.measure(
        run.classifier(), run.texts(numbers.samples), numbers.sample_sizes, numbers.sample_runs,
        seed=run.seed, track=run.track,
    )  # fmt: skip
    return {
        "samples": found,
        "samples.summary": samples.summary(found),
        "needed.summary": samples.needed(found),
    }


def _attention(run: _Run) -> _Tables:
    found = attention.measure(run.classifier(), run.texts(run.settings.attention), track=run.track)
    return {"attention": found, "attention.summary": attention.summary(found)}


def _control(run: _Run) -> _Tables:
    reviews = planted.generate(run.settings.control, 2 * run.seed + 1)  # the test part of the planted reviews
    found = control.measure(run.classifier("planted"), reviews, seed=run.seed, track=run.track)
    accuracy = measuring.table([intervals.columns({"accuracy": control.accuracy(found)}) | {"reviews": len(reviews)}])
    return {"control": found, "control.summary": control.summary(found), "control.accuracy.summary": accuracy}


def _seed(k: int, run: _Run) -> _Tables:
    """The paper's classifier trained once more, and its attention, as `_attention` has it."""
    recipe = next(recipe for recipe in run.settings.recipes if recipe.name == "paper")
    seed, again = run.seed + k, variants.Pooling(recipe.name, recipe.preset, recipe.sizes)
    folder = run.folder / "models" / f"paper-seed-{seed}"
    classifier = variants.trained(again, run.data[recipe.data], folder, seed=seed)
    measured = attention.measure(classifier, run.texts(run.settings.seed_texts), (seeds.OUTPUT,), track=run.track)
    accuracy, n_test = variants.accuracy(folder)
    return {f"seed-{k}": seeds.labelled(measured, seed, round(accuracy * n_test), n_test)}


def _seeds(run: _Run) -> _Tables:
    """This seed's training, on the texts of the others, and the others."""
    numbers, paper = run.settings, run.training("paper")["test"]
    first = seeds.chosen(run.table("attention"), run.sample(numbers.attention), run.sample(numbers.seed_texts))
    every = [seeds.labelled(first, run.seed, round(paper["accuracy"] * paper["n"]), paper["n"])]
    found = seeds.summary(pa.concat_tables([*every, *(run.table(f"seed-{k}") for k in range(1, numbers.seeds))]))
    return {"seeds.summary": found, "seeds.overall.summary": seeds.overall(found)}


def _table_of(variant: variants.Variant) -> str:
    """Name of a variant's stage, table and folder; another setting has another name."""
    known = hashlib.sha256(repr(variant).encode()).hexdigest()[:6]
    return f"{re.sub('[^a-z0-9]+', '-', variant.name.lower())}-{known}"


def _variant(variant: variants.Variant, run: _Run) -> _Tables:
    folder, numbers = run.folder / "models" / _table_of(variant), run.settings
    classifier = variants.trained(variant, run.data["corpus"], folder, seed=run.seed, track=run.track)
    found = []
    for source in variant.sources:
        n = numbers.variant_texts if source == variants.EXACT else numbers.sampled_variant_texts
        measured = variants.measure(
            classifier, run.texts(n), source, variant.n_permutations,
            places=run.sample(n), seed=run.seed, track=run.track,
        )  # fmt: skip
        found.append(measured)
    return {_table_of(variant): variants.labelled(pa.concat_tables(found), variant, folder)}


def _variants(run: _Run) -> _Tables:
    every = pa.concat_tables([run.table(_table_of(variant)) for variant in run.settings.variants])
    apart = differences.summary(every, dict(run.settings.margins), run.settings.most_noise)
    return {
        "variants": every,
        "variants.summary": variants.summary(every),
        "differences.summary": apart,
        "differences.overall.summary": differences.overall(apart),
    }


def _claims(run: _Run) -> _Tables:
    return {"claims.summary": measuring.report(verdicts.judged(run.settings.claims, run.tables))}
