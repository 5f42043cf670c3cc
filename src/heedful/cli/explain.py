"""`heedful explain`: one prediction explained by one method."""

from __future__ import annotations

from typing import Annotated

import typer

import heedful
from heedful.cli.options import (
    AsCsv,
    AsJson,
    Device,
    Encoding,
    File,
    Label,
    LongText,
    Masking,
    Model,
    Out,
    Output,
    Pair,
    Seed,
    Target,
    Template,
    Text,
    TextColumn,
    Unit,
    command,
    registered,
)
from heedful.cli.reading import check_request, load_classifier, read_given
from heedful.cli.results import Printed
from heedful.cli.rows import Run, explain_rows
from heedful.errors import SettingError


def explain(  # noqa: PLR0913, PLR0917 - one option a choice
    model: Model,
    text: Text = None,
    file: File = None,
    pair: Pair = None,
    method: Annotated[
        str,
        typer.Option(
            "--method", "-m", autocompletion=registered("methods"), help="Name, with settings: lime:n_samples=1000."
        ),
    ] = "lime",
    target: Target = "predicted",
    output: Output = None,
    unit: Unit = "word_type",
    masking: Masking = "auto",
    seed: Seed = 0,
    long_text: LongText = "truncate",
    device: Device = None,
    template: Template = None,
    label: Label = None,
    text_column: TextColumn = None,
    encoding: Encoding = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    out: Out = None,
) -> None:
    """Explain one prediction by one method, or every row of a table."""
    printed = Printed.checked(as_json=as_json, as_csv=as_csv, out=out)
    request = check_request([method], long_text, target=target, output=output, unit=unit, masking=masking, seed=seed)
    given = read_given(text, file, text_column, encoding)
    if isinstance(given, tuple) and pair is not None:
        raise SettingError("--pair goes with one text, not with the rows of a table")
    classifier = load_classifier(model, device, template, label)
    (chosen,) = request.methods
    if isinstance(given, tuple):
        run = Run(
            lambda one: heedful.explain(classifier, one, chosen, **request.arguments),
            lambda many: heedful.explain(classifier, many, chosen, **request.arguments),
            chosen.together,
        )
        explain_rows(given, run, printed)
        return
    whole = given if pair is None else (given, pair)
    printed.show(heedful.explain(classifier, whole, chosen, progress=True, **request.arguments))


COMMAND = command(
    explain,
    'heedful explain demo "The plot was dull." --method shapley-exact',
    "heedful explain MODEL --file reviews.csv -m lime:n_samples=1000 --csv",
    'heedful explain MODEL "a premise" --pair "a hypothesis" --out page.html',
)
