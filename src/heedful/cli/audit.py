"""`heedful audit`: may a model's attention be shown as an explanation?"""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import heedful
from heedful.cli.options import (
    AsCsv,
    AsJson,
    Device,
    Encoding,
    Label,
    LabelColumn,
    Masking,
    Methods,
    Model,
    Seed,
    Template,
    TextColumn,
    Unit,
    column,
    command,
    registered,
    several_of,
)
from heedful.cli.printing import check_format, print_json, print_records
from heedful.cli.reading import listed, load_classifier
from heedful.errors import DataError, SettingError
from heedful.support.counts import count
from heedful.support.progress import say, waiting
from heedful.support.settings import check_seed
from heedful.support.visible import visible
from heedful.support.writable import check_folder

if TYPE_CHECKING:
    from heedful.data import TextRow, Usable


def audit(  # noqa: PLR0913, PLR0917 - one option a choice
    model: Model,
    data: Annotated[str, typer.Argument(help="A table, a folder with a test part, a folder a class, or a hub id.")],
    other: Annotated[
        str | None, typer.Argument(help="As in `heedful audit diff A B`: the second of two audits to compare.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder for everything; an interrupted audit goes on."),
    ] = None,
    method: Methods = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", "--metrics", autocompletion=registered("metrics"), help="Metrics, likewise. Default: eight."
        ),
    ] = None,
    scores: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Scores of another tool, as one more method; may be given again."),
    ] = None,
    checks: Annotated[
        list[str] | None,
        typer.Option(
            "--checks",
            "--check",
            autocompletion=several_of(("attention", "sanity", "shortcuts", "none")),
            help="attention, sanity, shortcuts, or none. Default: all three.",
        ),
    ] = None,
    train: Annotated[
        str | None, typer.Option(metavar="DATA", help="Labelled texts to train a control on, for some checks.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many texts, drawn by the seed.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time for measuring, such as 90s, 10m or 1.5h: spent where intervals are widest.")
    ] = None,
    reference: Annotated[
        str, typer.Option(help="Method that samples the words' effects where they cannot be computed exactly.")
    ] = "permutation-shap:n_permutations=10",
    unit: Unit = "word_type",
    masking: Masking = "auto",
    seed: Seed = 0,
    device: Device = None,
    template: Template = None,
    label: Label = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Say whether a model's attention may be shown as an explanation, and which explanation may."""
    check_format(as_json=as_json, as_csv=as_csv)
    if other is not None:
        _compare(model, data, other, as_json=as_json, as_csv=as_csv)
        return
    if out is None:
        raise SettingError("give a folder for the audit: --out FOLDER")
    folder = check_folder(out)
    check_seed(seed)
    with waiting("loading"):
        from heedful.auditing import audit as auditing  # late: torch comes here, which takes seconds
        from heedful.auditing.given import GivenScores  # late: as above
    chosen: dict[str, Any] = {"text": column(text_column), "label": column(label_column), "encoding": encoding}
    with waiting(f"reading {data}"):
        texts = _read(data, **chosen)
    with nullcontext() if train is None else waiting(f"reading {train}"):
        labelled = None if train is None else heedful.data.read_splits(train, **chosen).train
    classifier = load_classifier(model, device, template, label)
    with waiting("reading scores"):
        given = [GivenScores.parse(one, _strings(texts)) for one in scores or ()]
    result = auditing.audit(
        classifier,
        texts,
        [*(listed(method) or auditing.METHODS), *given],
        listed(metrics) or auditing.METRICS,
        checks=auditing.CHECKS if checks is None else [name for name in listed(checks) if name != "none"],
        train=labelled,
        limit=limit,
        budget=budget,
        reference=reference,
        unit=unit,
        masking=masking,
        seed=seed,
        out=folder,
        progress=True,
    )
    if as_json:
        print_json(result.to_json())
        return
    if as_csv:
        print_records(result.cells)
        return
    typer.echo(visible(f"{result.verdict['level']}"))
    for sentence in (*result.verdict["sentences"], *result.content["choice_sentences"]):
        typer.echo(visible(sentence))
    for check in result.content["checks"].values():
        for flag in check["flags"]:
            typer.echo(visible(f"{check['title']}: {flag}"))
    for reason, places in result.content["problems"].items():
        first = f"{places[0]}{', ...' * (len(places) > 1)}"
        typer.echo(visible(f"{len(places):,} with a problem: {reason} ({first})"), err=True)
    say(f"report: {(Path(folder) / 'report.html').resolve()}")


def _strings(texts: Usable | tuple[TextRow, ...]) -> list[str]:
    """The texts by the number of their row; nothing in place of those that cannot be used."""
    if isinstance(texts, tuple):
        return [row.text or "" for row in texts]
    by_row = dict(zip(texts.rows, texts.dataset.texts, strict=True))
    return [by_row.get(i, "") for i in range(texts.n_rows)]


def _compare(word: str, first: str, second: str, *, as_json: bool, as_csv: bool) -> None:
    """Print what changes from one audit to another."""
    if word != "diff":
        raise SettingError(f"three arguments are for comparing two audits, as in: heedful audit diff {first} {second}")
    with waiting("loading"):
        from heedful.auditing.difference import difference  # late: asks for the extra's libraries

    result = difference(first, second)
    if as_json:
        print_json(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False))
        return
    if as_csv:
        print_records(result.cells)
        return
    for nth, folder, model, level in zip(
        ("first", "second"), (first, second), result.models, result.levels, strict=True
    ):
        typer.echo(visible(f"{nth}: {folder}, {model}: {level}"))
    typer.echo(f"{count(result.n_texts, 'text')} in common; second minus first, with 95 % intervals")
    for row in result.cells:
        means = " to ".join(_number(row[name]) for name in ("first", "second"))
        interval = f" [{_number(row['difference_low'], '+')}, {_number(row['difference_high'], '+')}]"
        told = (
            "the same in every text"
            if row["difference"] == 0 and math.isnan(row["difference_low"])
            else (f"{_number(row['difference'], '+')}{interval}")
        )
        typer.echo(visible(f"{row['metric']}  {row['method']}  {means}  {told}"))


def _number(value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.3f}"


def _read(data: str, **chosen: Any) -> Usable | tuple[TextRow, ...]:
    """The test part of a labelled data set, else its validation part, else all; or texts without labels."""
    try:
        return heedful.data.read_usable(data, **chosen)
    except DataError as error:
        labelled = chosen.pop("label") is not None
        try:
            rows = heedful.data.read_texts(data, **chosen)
        except DataError:
            raise error from None
        if labelled:
            raise
        say(f"without labels: {error}")
        return rows


COMMAND = command(
    audit,
    "heedful audit demo reviews.csv --out audit/",
    "heedful audit MODEL DATA --out audit/ --limit 500 --budget 10m",
    "heedful audit diff audit/ audit-of-the-new-version/",
)
