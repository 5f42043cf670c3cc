"""`heedful corpus`: a whole data set explained, into Parquet files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import heedful
from heedful.cli.options import (
    AsJson,
    Device,
    Encoding,
    Label,
    LabelColumn,
    LongText,
    Masking,
    Methods,
    Model,
    Output,
    Seed,
    Target,
    Template,
    TextColumn,
    Unit,
    column,
    command,
)
from heedful.cli.printing import print_json
from heedful.cli.reading import check_request, listed, load_classifier
from heedful.support.progress import say, waiting
from heedful.support.visible import visible
from heedful.support.writable import check_file, check_folder

STOPPED = 3  # exit code where SIGTERM has stopped a run, which goes on when it is called again


def corpus(  # noqa: PLR0913, PLR0917 - one option a choice
    model: Model,
    data: Annotated[
        list[str],
        typer.Argument(help="Tables, a folder, a pattern such as 'reviews/*.csv', '-' for standard input, a hub id."),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder for everything; what was stopped goes on."),
    ],
    method: Methods = None,
    target: Target = "predicted",
    output: Output = None,
    unit: Unit = "word_type",
    masking: Masking = "auto",
    seed: Seed = 0,
    long_text: LongText = "truncate",
    text_column: TextColumn = None,
    pair_column: Annotated[str | None, typer.Option(help="Column of the second texts, of pairs.")] = None,
    label_column: LabelColumn = None,
    id_column: Annotated[str | None, typer.Option(help="Column of ids; else 'id', else row numbers.")] = None,
    encoding: Encoding = None,
    float32: Annotated[bool, typer.Option("--float32", help="Scores of half the size.")] = False,
    limit: Annotated[int | None, typer.Option(help="Take only the first so many rows.")] = None,
    shard_rows: Annotated[int | None, typer.Option(help="Rows a file. Default: 2048 by look-up, else 64.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be explained.")] = False,
    engine: Annotated[
        str, typer.Option(help="local; or ray, with settings as in ray:workers=4,gpus=1 (extra 'ray').")
    ] = "local",
    address: Annotated[str | None, typer.Option(help="The Ray cluster: 'auto', or ray://HOST:PORT.")] = None,
    log: Annotated[str | None, typer.Option(metavar="FILE", help="Add a line of JSON a shard to this file.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write texts.csv too, for a spreadsheet.")] = False,
    device: Device = None,
    dtype: Annotated[str | None, typer.Option(help="Numbers of the model: float32, bfloat16 or float16.")] = None,
    template: Template = None,
    label: Label = None,
    as_json: AsJson = False,
) -> None:
    """Explain a whole data set: rows streamed in, Parquet out; what was stopped goes on."""
    folder = check_folder(out)
    written = None if log is None else check_file(log)
    methods = listed(method) or ["lime"]
    request = check_request(methods, long_text, target=target, output=output, unit=unit, masking=masking, seed=seed)
    with waiting("loading"):
        doing = heedful.corpus.engine_of(engine, address)
    heedful.corpus.check_apart(data, folder, written)
    columns = heedful.data.RowColumns(*(column(one) for one in (text_column, pair_column, label_column, id_column)))
    stream = heedful.data.stream_rows(data[0] if len(data) == 1 else data, columns=columns, encoding=encoding)
    classifier = heedful.corpus.loading.in_numbers(load_classifier(model, device, template, label), dtype)
    try:
        result = heedful.corpus.run(
            classifier,
            stream,
            methods,
            out=folder,
            numbers="float32" if float32 else "float64",
            limit=limit,
            shard_rows=shard_rows,
            strict=strict,
            engine=doing,
            log=written,
            progress=True,
            **request.arguments,
        )
    except KeyboardInterrupt:
        say("the files that are done stay: the same command goes on")
        raise
    if as_csv and result.facts["finished"]:
        say(f"spreadsheet: {result.to_csv().resolve()}")
    if as_json:
        print_json(json.dumps(dict(result.facts), ensure_ascii=False, allow_nan=False))
    else:
        for line in result.summary():
            typer.echo(visible(line))
    if (most := heedful.corpus.largest_resident()) is not None:
        say(f"memory: {most / 1e6:,.0f} MB at most, of this process and its largest worker")
    say(f"rows: {(Path(folder) / 'rows').resolve()}")
    if not result.facts["finished"]:
        say("stopped before the end: the same command goes on")
        raise typer.Exit(STOPPED)


COMMAND = command(
    corpus,
    "heedful corpus demo reviews.csv --out corpus/ -m shapley-exact",
    "heedful corpus MODEL 'reviews/*.parquet' --out corpus/ -m lime,occlusion --log run.jsonl",
    "zcat reviews.jsonl.gz | heedful corpus MODEL - --out corpus/",
)
