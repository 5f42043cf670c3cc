"""The command line: results on stdout, progress on stderr; exit 0 fine, 2 bad input in one line, 1 our fault."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heedful.errors import InputError, PrecisionError, SettingError, TextError

if TYPE_CHECKING:
    from heedful.classifier import Classifier
    from heedful.explanation import Comparison, Explanation

app = typer.Typer(
    name="heedful",
    help="Does a text classifier's attention explain its predictions? Measure it; where it does not, say what does.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_STEERING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # DEL, C1, line ends and directions of Unicode

Model = Annotated[str, typer.Argument(help="Hub id, model folder, or 'demo' for the built-in model.")]
Text = Annotated[str | None, typer.Argument(help="The text; '-' or nothing reads standard input.")]
File = Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from this file instead.")]
Pair = Annotated[str | None, typer.Option(help="The second text of a pair, where the classifier takes two.")]
Target = Annotated[str, typer.Option(help="Class name, class index, or 'predicted'.")]
Output = Annotated[str, typer.Option(help="What is explained: logit, probability or logit_difference.")]
Unit = Annotated[str, typer.Option(help="What gets a score: word_type, word, token or sentence.")]
Masking = Annotated[str, typer.Option(help="How units are removed: auto, unk, mask, pad, delete or ignore.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
LongText = Annotated[
    str,
    typer.Option(help="Text beyond the model's limit: truncate, windows, or windows:size=128,stride=64,combine=max."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Also write the result to this .html or .json file.")]


def _question(  # noqa: PLR0913, PLR0917 - one option a choice
    model: Model,
    text: Text = None,
    file: File = None,
    pair: Pair = None,
    target: Target = "predicted",
    output: Output = "logit",
    unit: Unit = "word_type",
    masking: Masking = "auto",
    seed: Seed = 0,
    long_text: LongText = "truncate",
) -> Callable[..., Any]:
    """What is to be explained: hands it to `heedful.explain` or `compare`, with a method or several."""
    first = _read(text, file)
    asked = _load(model), first if pair is None else (first, pair)
    choices = {"target": target, "output": output, "unit": unit, "masking": masking, "seed": seed}
    return lambda run, method: run(*asked, method, **choices, long_text=long_text, progress=True)


def _with_question(command: Callable[..., None]) -> Callable[..., None]:
    """A command with all options of `_question` besides its own; it gets what these ask for as `question`."""
    shared, own = (inspect.signature(one, eval_str=True).parameters for one in (_question, command))

    @wraps(command)
    def run(**given: Any) -> None:
        command(_question(**{name: given.pop(name) for name in shared}), **given)

    options = [*shared.values(), *(option for name, option in own.items() if name != "question")]
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # it is what typer reads
    return run


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the report.")] = Path("report.html"),
    text: Annotated[str | None, typer.Argument(help="Your own review instead of the built-in one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain one review side by side: a table here, and report.html. Builds a small model the first time."""
    classifier = _load("demo")
    from heedful.api import compare
    from heedful.cli.demo import METHODS
    from heedful.models.builtin import REVIEW

    comparison = compare(classifier, text if text is not None else REVIEW, METHODS, progress=True)
    comparison.save(out)
    _show_comparison(comparison, as_json=as_json)
    typer.echo(f"report: {out.resolve()}", err=True)


@app.command()
def train(  # noqa: PLR0913, PLR0917 - one option a choice
    data: Annotated[
        str, typer.Option(help="Folder with train/validation/test files, one file, a folder a class, or hub id.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model; an interrupted run there goes on.")],
    preset: Annotated[
        str, typer.Option(help="paper: the authors' configuration; default: ours, same sizes.")
    ] = "default",
    epochs: Annotated[int | None, typer.Option(help="Epochs at most, in place of the preset's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="In place of the preset's.")] = None,
    seed: Seed = 0,
    heads: Annotated[int, typer.Option(help="Attention heads.")] = 6,
    normaliser: Annotated[str, typer.Option(help="Attention normaliser: softmax, sparsemax or entmax.")] = "softmax",
    as_json: AsJson = False,
) -> None:
    """Train the paper's classifier on your texts."""
    from heedful.support.progress import waiting

    with waiting(f"reading {data}"):
        from heedful.data import read_splits
        from heedful.models.presets import preset as find_preset
        from heedful.models.training import METRICS, Sizes
        from heedful.models.training import train as run

        chosen = find_preset(preset).changed(epochs=epochs, learning_rate=learning_rate)
        splits = read_splits(data)
    metrics = run(splits, out, chosen, sizes=Sizes(heads=heads, normaliser=normaliser), seed=seed, progress=True)
    if as_json:
        _echo_json(json.dumps(metrics, ensure_ascii=False, allow_nan=False))
        return
    for split in ("validation", "test"):
        if metrics[split] is not None:
            typer.echo(f"{split} accuracy {metrics[split]['accuracy']:.2%} on {metrics[split]['n']:,} texts")
    typer.echo(f"{metrics['seconds']:.0f} s; model and {METRICS} in {out}")


@app.command()
@_with_question
def explain(
    question: Callable[..., Any],
    method: Annotated[str, typer.Option("--method", "-m", help="Name, with settings: lime:n_samples=1000.")] = "lime",
    as_json: AsJson = False,
    out: Out = None,
) -> None:
    """Explain one prediction by one method."""
    from heedful.api import explain as run

    result = question(run, method)
    if out is not None:
        result.save(out)
    _show_explanation(result, as_json=as_json)


@app.command()
@_with_question
def compare(
    question: Callable[..., Any],
    method: Annotated[list[str] | None, typer.Option("--method", "-m", help="A method; repeat for several.")] = None,
    as_json: AsJson = False,
    out: Out = None,
) -> None:
    """Explain one prediction by several methods and show how far they agree."""
    from heedful.api import DEFAULT_METHODS
    from heedful.api import compare as run

    result = question(run, method or DEFAULT_METHODS)
    if out is not None:
        result.save(out)
    _show_comparison(result, as_json=as_json)


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="The study: attention-meets-post-hoc.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything; an interrupted run there goes on.")],
    data: Annotated[
        str | None, typer.Option(help="The study's data set: a folder with train and test, or a hub id.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small and on built-in reviews: a minute or two.")] = False,
    seed: Seed = 0,
) -> None:
    """Regenerate a paper's figures and tables on a classifier trained afresh, and write a report."""
    from heedful.support.progress import waiting

    with waiting("loading"):
        from heedful.models.training import check_seed
        from heedful.studies import find

        chosen = find(name)
    check_seed(seed)  # before the study makes others of it
    report = chosen.run(out, data, quick=quick, seed=seed, progress=True)
    typer.echo(f"report: {report.resolve()}", err=True)


@app.command()
def methods(as_json: AsJson = False) -> None:
    """List every method: family, signed or not, local or global, model-specific or agnostic, cost, source."""
    from dataclasses import asdict

    from heedful.methods import METHODS

    cards = [method.card for method in METHODS]
    if as_json:
        _echo_json(json.dumps([asdict(card) | {"agnostic": card.agnostic} for card in cards], ensure_ascii=False))
        return
    from rich.console import Console

    from heedful.render.catalogue import catalogue

    Console().print(catalogue(cards))


def main() -> None:
    """Entry point: run a command and turn what went wrong into one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app()
    except (InputError, PrecisionError) as error:
        from heedful.support.visible import visible

        typer.echo(f"heedful: {visible(str(error))}", err=True)
        sys.exit(2)
    except SystemExit as stop:  # of typer, which calls it a fault that the reader went away
        if isinstance(stop.__context__, BrokenPipeError):
            sys.exit(0)
        if stop.code == 130:
            typer.echo("heedful: interrupted", err=True)
        raise


def _read(text: str | None, file: Path | None) -> str:
    """The text from the argument, a file, or standard input."""
    if text is not None and file is not None:
        raise SettingError("give the text or --file, not both")
    source = "standard input" if file is None else str(file)
    try:
        if file is not None:
            return file.read_bytes().decode("utf-8-sig").removesuffix("\n")
        if text is None or text == "-":
            if sys.stdin is None or sys.stdin.isatty():
                raise TextError("no text: give it as an argument, with --file, or on standard input")
            return sys.stdin.buffer.read().decode("utf-8-sig").removesuffix("\n")
    except OSError as error:
        raise TextError(f"cannot read {source}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TextError(f"{source} is not UTF-8 text: byte {error.start}") from None
    return text


def _load(model: str) -> Classifier:
    """Load a classifier; the built-in one shows how it is being trained."""
    from heedful.support.progress import waiting

    with waiting("loading"):
        from heedful.api import DEMO, load
        from heedful.models.builtin import demo_folder
    if model == DEMO:
        demo_folder(progress=True)
    with waiting(f"loading {model}"):
        return load(model)


def _echo_json(text: str) -> None:
    """Equal JSON whose characters cannot steer a terminal: JSON itself escapes no more of them than C0."""
    typer.echo(_STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _show_explanation(result: Explanation, *, as_json: bool) -> None:
    if as_json:
        _echo_json(result.to_json())
        return
    from rich.console import Console

    from heedful.render.terminal import print_explanation

    print_explanation(result, Console())


def _show_comparison(result: Comparison, *, as_json: bool) -> None:
    if as_json:
        _echo_json(result.to_json())
        return
    from rich.console import Console

    from heedful.render.terminal import print_comparison

    print_comparison(result, Console())
