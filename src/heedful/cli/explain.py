"""`heedful explain`: one prediction explained by one method."""

from __future__ import annotations

from typing import Annotated

import typer

import heedful
from heedful.cli.options import (
    AsJson,
    File,
    LongText,
    Masking,
    Model,
    Out,
    Output,
    Pair,
    Seed,
    Target,
    Text,
    Unit,
    command,
)
from heedful.cli.printing import print_result
from heedful.cli.reading import load_classifier, read_text


def explain(  # noqa: PLR0913, PLR0917 - one option a choice
    model: Model,
    text: Text = None,
    file: File = None,
    pair: Pair = None,
    method: Annotated[str, typer.Option("--method", "-m", help="Name, with settings: lime:n_samples=1000.")] = "lime",
    target: Target = "predicted",
    output: Output = "logit",
    unit: Unit = "word_type",
    masking: Masking = "auto",
    seed: Seed = 0,
    long_text: LongText = "truncate",
    as_json: AsJson = False,
    out: Out = None,
) -> None:
    """Explain one prediction by one method."""
    first = read_text(text, file)
    classifier = load_classifier(model)
    result = heedful.explain(
        classifier,
        first if pair is None else (first, pair),
        method,
        target=target,
        output=output,
        unit=unit,
        masking=masking,
        seed=seed,
        long_text=long_text,
        progress=True,
    )
    if out is not None:
        result.save(out)
    print_result(result, as_json=as_json)


COMMAND = command(explain)
