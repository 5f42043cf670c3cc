"""`heedful compare`: one prediction explained by several methods, and how far they agree."""

from __future__ import annotations

import heedful
from heedful.cli.loudness import warnings_said
from heedful.cli.options import (
    AsCsv,
    AsJson,
    Device,
    Encoding,
    File,
    Label,
    LongText,
    Masking,
    Methods,
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
)
from heedful.cli.reading import check_request, listed, load_classifier, read_given
from heedful.cli.results import Printed
from heedful.cli.rows import Run, explain_rows
from heedful.errors import SettingError
from heedful.methods import DEFAULTS


def compare(  # noqa: PLR0913, PLR0917 - one option a choice
    model: Model,
    text: Text = None,
    file: File = None,
    pair: Pair = None,
    method: Methods = None,
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
    """Explain one prediction, or every row of a table, by several methods and show how far they agree."""
    printed = Printed.checked(as_json=as_json, as_csv=as_csv, out=out)
    request = check_request(
        listed(method) or DEFAULTS, long_text, target=target, output=output, unit=unit, masking=masking, seed=seed
    )
    methods = request.methods if method else None
    given = read_given(text, file, text_column, encoding)
    if isinstance(given, tuple) and pair is not None:
        raise SettingError("--pair goes with one text, not with the rows of a table")
    classifier = load_classifier(model, device, template, label)
    if isinstance(given, tuple):
        with warnings_said():
            run = Run(lambda one: heedful.compare(classifier, one, methods, **request.arguments))
            explain_rows(given, run, printed)
        return
    whole = given if pair is None else (given, pair)
    with warnings_said():
        result = heedful.compare(classifier, whole, methods, progress=True, **request.arguments)
    printed.show(result)


COMMAND = command(
    compare,
    'heedful compare demo "The plot was dull, but the cast was superb."',
    "heedful compare MODEL --file review.txt -m alpha-avg,lime:n_samples=1000,GxI",
)
