"""`heedful explain`: one prediction explained by one method."""

from __future__ import annotations

from typing import Annotated

import typer

import heedful
from heedful.cli.options import (
    AsCsv,
    AsJson,
    Device,
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
from heedful.cli.reading import check_request, load_classifier, read_text
from heedful.cli.results import Printed


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
    device: Device = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    out: Out = None,
) -> None:
    """Explain one prediction by one method."""
    printed = Printed.checked(as_json=as_json, as_csv=as_csv, out=out)
    request = check_request([method], long_text, target=target, output=output, unit=unit, masking=masking, seed=seed)
    first = read_text(text, file)
    classifier = load_classifier(model, device)
    given = first if pair is None else (first, pair)
    printed.show(heedful.explain(classifier, given, request.methods[0], **request.arguments))


COMMAND = command(explain)
