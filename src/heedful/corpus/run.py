"""Explain a whole data set into a folder; what was stopped goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from heedful.api import usual_output
from heedful.classifier import Classifier
from heedful.classifier.card import LONGEST
from heedful.corpus.corpus import Corpus
from heedful.corpus.engine import Engine, Job
from heedful.corpus.engines import engine_of
from heedful.corpus.explainer import CHUNK, RowExplainer
from heedful.corpus.fingerprint import fingerprint
from heedful.corpus.given import Stream, check_apart, stream_of
from heedful.corpus.loading import classifier_of, in_same_room
from heedful.corpus.plan import Plan
from heedful.corpus.shards import ROWS, Done
from heedful.corpus.watch import Watch, stopped_by_signal
from heedful.data import Dataset, RowColumns
from heedful.explaining.windows import Windows
from heedful.methods.base import Method
from heedful.question import Choices
from heedful.runs.folder import RunFolder
from heedful.runs.record import SCORES, versions
from heedful.support.files import last_part
from heedful.support.settings import check_whole

FORMAT = "heedful.corpus/1"
_FAST, _SLOW = 2048, 64  # rows a shard, of look-up tables and of forward passes


def run(  # noqa: PLR0913 - the front door names every choice
    model: Classifier | str | Path,
    data: str | Path | Stream | Dataset | Iterable[Any],
    methods: str | Method | Sequence[str | Method] = "lime",
    *,
    out: str | Path,
    columns: RowColumns | None = None,
    target: int | str = "predicted",
    output: str | None = None,
    unit: str = "word_type",
    masking: str = "auto",
    seed: int = 0,
    long_text: str | Windows = "truncate",
    numbers: str = "float64",
    device: str | None = None,
    dtype: str | None = None,
    limit: int | None = None,
    shard_rows: int | None = None,
    strict: bool = False,
    engine: str | Engine = "local",
    log: str | Path | None = None,
    progress: bool = False,
) -> Corpus:
    """Explain every text of a data set, into Parquet files in a folder.

    The same call goes on after it was stopped, by whatever: shards that are done are kept, and held against the data;
    the result is the same, byte by byte. Rows that cannot be explained stand in their place with the reason.

    Args:
        model: the classifier, or a hub id or folder.
        data: a path (Parquet, Arrow, CSV, JSON Lines, a folder, a pattern such as "reviews/*.csv"), "-" for standard
            input, a hub id, several paths, rows from `heedful.data.stream_rows`, a data set, or texts.
        methods: names, with settings as in "lime:n_samples=1000", or method objects.
        out: the folder.
        columns: which columns hold texts, second texts, labels and ids, where their names do not tell.
        target: class index, class name, or "predicted".
        output: "logit", "probability", or "logit_difference"; None for what `heedful.explain` takes.
        unit: "word_type", "word", "token" or "sentence".
        masking: how units are removed, as in `heedful.explain`.
        seed: for methods that draw random numbers; a text's scores do not depend on the others.
        long_text: "truncate" or "windows", as in `heedful.explain`.
        numbers: "float64", or "float32" for scores of half the size.
        device: where to put a model that is loaded here, such as "cuda".
        dtype: numbers it computes with there, such as "bfloat16", which the manifest then says.
        limit: take only the first so many rows.
        shard_rows: rows a file; None: 2,048 where look-up tables explain, else 64. A kill loses
            the file at hand.
        strict: stop at the first row that cannot be explained.
        engine: what does the work: "local", "ray" with settings as in "ray:workers=4", or an object of these.
        log: file to which a JSON object a line is added for every shard.
        progress: show a bar on stderr.

    Returns:
        The corpus; `facts["finished"]` is False if SIGTERM asked it to stop, which it does after the shard at hand.

    Raises:
        DataError: the data cannot be read, has no rows, or `strict` and a row cannot be explained.
        SettingError: settings or data are not those that the folder was begun with, or another process works in it; or
            a method cannot be used on this classifier.
        InputError: a file cannot be written; or as `heedful.load`.

    Example:
        >>> import heedful, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     corpus = run("demo", ["The acting was superb.", ""], "shapley-exact", out=folder)
        ...     for row in corpus.rows(["shapley_exact_scores", "error"]): print(row)
        {'shapley_exact_scores': [...], 'error': None}
        {'shapley_exact_scores': None, 'error': "the text ('text') is missing or blank"}
    """
    choices = Choices(target=target, output=output or "logit", unit=unit, masking=masking, seed=seed)
    plan = Plan.of(methods, choices, long_text, numbers)
    for name, number in (("shard_rows", shard_rows), ("limit", limit)):
        if number is not None:
            check_whole(name, number, 1)
    check_apart([data], out, log)
    doing, stream = engine_of(engine), stream_of(data, columns, limit)
    classifier = in_same_room(classifier_of(model, device, dtype), Path(out))
    plan = plan if output else plan.explaining(usual_output(classifier))
    explainer = RowExplainer(classifier, plan)
    rows_a_shard = shard_rows or (_SLOW if classifier.paper_model is None else _FAST)
    decides = identity(classifier, stream, plan, rows_a_shard)
    decides["device"] = getattr(doing, "device", None) or decides["device"]  # workers may have a GPU of their own
    folder = RunFolder(Path(out), decides, parts=(ROWS,))
    with folder.claimed(), stopped_by_signal() as stop:
        done = Done(folder.path)
        with Watch(stream.n_rows, None if log is None else Path(log), stop, progress=progress) as watch:
            longest = min(classifier.max_tokens, LONGEST)
            most = classifier.most_tokens(longest)
            watch.say("start", model=decides["model"], out=str(out), batch_tokens=most, batch_length=longest)
            if classifier.room is not None:
                gigabytes = classifier.room.n_bytes / 1e9
                watch.show(f"batches of up to {most:,} tokens, for {gigabytes:.1f} GB of the card")
            try:
                doing.work(Job(explainer, stream, folder.path, done, rows_a_shard, watch, strict))
            except BaseException:
                if not len(done):  # other settings may be what it takes
                    folder.abandon()
                raise
            watch.say("stop" if stop.is_set() else "end")
        corpus = Corpus.read(out)
        if len(corpus.shards) != len(done):
            raise RuntimeError(f"{out}: {len(done)} shards are done, {len(corpus.shards)} are listed")
        return corpus if stop.is_set() else corpus.finish()


def identity(
    classifier: Classifier, stream: Stream, plan: Plan, rows_a_shard: int, together: int = CHUNK
) -> dict[str, Any]:
    """Return all that decides the bytes of the shards, `together` being how many rows are explained together."""
    parameter = next(classifier.model.parameters(), None)
    room = {} if classifier.room is None else {"batch": asdict(classifier.room)}
    return room | {
        "format": FORMAT,
        "model": last_part(classifier.name),
        "fingerprint": fingerprint(classifier),
        "dtype": None if parameter is None else str(parameter.dtype).removeprefix("torch."),
        "device": classifier.device.type,
        "data": stream.identity(),
        **plan.settings(),
        "masking": classifier.masking(plan.choices.masking),
        "shard_rows": rows_a_shard,
        "rows_together": together,
        "versions": versions(SCORES),
    }
