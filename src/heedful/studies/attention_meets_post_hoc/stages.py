"""The study's stages: which measurement gets which classifier and texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType

import pyarrow as pa

from heedful.data import planted
from heedful.studies.attention_meets_post_hoc import (
    affine,
    attention,
    control,
    formulas,
    gradients,
    measuring,
    samples,
    sentence,
    variants,
    widths,
)
from heedful.studies.attention_meets_post_hoc.settings import Numbers
from heedful.studies.study import Run, Stage

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
    code, texts = (variants, attention, measuring), ("variant_texts", "sampled_variant_texts")
    trained = [Stage(_table_of(variant), partial(_variant, variant), texts, code=code) for variant in settings.variants]
    together = Stage("variants", _variants, ("variants",), tuple(stage.name for stage in trained), code)
    return [*own, *trained, together]


def _measured(name: str, run: Callable[[_Run], _Tables], reads: tuple[str, ...], *code: ModuleType) -> Stage[Numbers]:
    return Stage(name, run, reads, ("train",), (*code, measuring))


def _train(run: _Run) -> _Tables:
    rows = []
    for recipe in run.settings.recipes:
        metrics = run.training(recipe.name)
        rows.append(
            {
                "classifier": recipe.name,
                "train": metrics["n_train"],
                "validation": metrics["n_validation"],
                "epochs": len(metrics["history"]),
                "heads": recipe.sizes.heads,
                "test": metrics["test"]["n"],
                "accuracy": metrics["test"]["accuracy"],
            }
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
    accuracy = measuring.table([{"accuracy": control.accuracy(found), "reviews": len(reviews)}])
    return {"control": found, "control.summary": control.summary(found), "control.accuracy.summary": accuracy}


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
    return {"variants": every, "variants.summary": variants.summary(every)}
