"""`heedful train`: the paper's classifier trained on the caller's texts."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import heedful
from heedful.cli.options import AsJson, Encoding, LabelColumn, Seed, TextColumn, column, command
from heedful.cli.printing import print_json
from heedful.support.progress import waiting
from heedful.support.settings import check_seed
from heedful.support.writable import check_folder


def train(  # noqa: PLR0913, PLR0917 - one option a choice
    data: Annotated[
        str, typer.Option(help="Folder with train/validation/test files, one file, a folder a class, or hub id.")
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for the model; an interrupted run goes on.")
    ],
    preset: Annotated[
        str, typer.Option(help="paper: the authors' configuration; default: ours, same sizes.")
    ] = "default",
    epochs: Annotated[int | None, typer.Option(help="Epochs at most, in place of the preset's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="In place of the preset's.")] = None,
    seed: Seed = 0,
    heads: Annotated[int, typer.Option(help="Attention heads.")] = 6,
    normaliser: Annotated[str, typer.Option(help="Attention normaliser: softmax, sparsemax or entmax.")] = "softmax",
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    as_json: AsJson = False,
) -> None:
    """Train the paper's classifier on your texts."""
    folder = check_folder(out)
    check_seed(seed)
    with waiting("loading"):
        training, presets = heedful.models.training, heedful.models.presets
        chosen = presets.preset(preset).changed(epochs=epochs, learning_rate=learning_rate)
        sizes = training.Sizes(heads=heads, normaliser=normaliser)
    with waiting(f"reading {data}"):
        splits = heedful.data.read_splits(data, text=column(text_column), label=column(label_column), encoding=encoding)
    metrics = training.train(splits, folder, chosen, sizes=sizes, seed=seed, progress=True)
    if as_json:
        print_json(json.dumps(metrics, ensure_ascii=False, allow_nan=False))
        return
    for split in ("validation", "test"):
        if metrics[split] is not None:
            typer.echo(f"{split} accuracy {metrics[split]['accuracy']:.2%} on {metrics[split]['n']:,} texts")
    ran, most = len(metrics["history"]), metrics["preset"]["epochs"]
    if ran < most:
        typer.echo(f"stopped after epoch {ran} of at most {most}: none of the last was better")
    typer.echo(f"{metrics['seconds']:.0f} s; model and {training.METRICS} in {folder}")


COMMAND = command(
    train,
    "heedful train --data reviews/ --out model/",
    "heedful train --data reviews.csv --text-column review --preset paper --out model/",
)
