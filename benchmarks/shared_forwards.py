"""Forward passes shared between texts, against texts one by one and against bare forwards on the same tokens.

    python benchmarks/shared_forwards.py --model DIR --data FILE [--texts 32] [--words 1000] [--rounds 3]
        [--device cpu] [--method occlusion --method lime:n_samples=50 ...]

FILE is a Parquet file with a column `text`, such as SST-2's. Every method explains the same texts, tokenised
beforehand and with known predictions, in rounds of

- one by one: every text's masked texts in batches of their own
- shared: the same by `explain_questions`, which lets texts share batches
- bare: the same rows of ids, sorted by length, in full batches through the model itself, nothing else

and the median round of each is shown, in texts and tokens (without padding) a second, with the ratio to bare forwards,
the calls of the model, and the share of time spent outside of it. `explain` is heedful.explain on the list, from text
to explanation, against one call a text. On a CPU seconds are those that its cores worked for this process, so that it
matters little what else the machine does; elsewhere they are those of the clock.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
import torch

import heedful
from heedful import methods
from heedful.classifier import Classifier
from heedful.explaining.answers import explain_questions
from heedful.explaining.windows import Asked
from heedful.methods.base import Method
from heedful.question import Choices, ask_all
from metering import Meter, metered

METHODS = ("occlusion", "lime:n_samples=50", "permutation-shap:n_permutations=2")


def rows_of(model: torch.nn.Module, run: Callable[[], object]) -> list[torch.Tensor]:
    """Return the ids of every text that goes through the model meanwhile, without padding, the shortest first."""
    rows: list[torch.Tensor] = []

    def note(_module: object, _args: tuple[object, ...], kwargs: dict[str, torch.Tensor]) -> None:
        for ids, mask in zip(kwargs["input_ids"], kwargs["attention_mask"], strict=True):
            rows.append(ids[mask.bool()])

    handle = model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        run()
    finally:
        handle.remove()
    return sorted(rows, key=len)


def full_batches(rows: Sequence[torch.Tensor], n_tokens: int) -> list[dict[str, torch.Tensor]]:
    """Put rows of ids, the shortest first, into as few padded batches of at most so many tokens."""
    batches: list[list[torch.Tensor]] = [[]]
    for row in rows:
        if (len(batches[-1]) + 1) * len(row) > n_tokens:
            batches.append([])
        batches[-1].append(row)
    pad = torch.nn.utils.rnn.pad_sequence
    return [
        {
            "input_ids": pad(some, batch_first=True),
            "attention_mask": pad([torch.ones_like(row) for row in some], batch_first=True),
        }
        for some in batches
    ]


def bare(model: torch.nn.Module, batches: Sequence[dict[str, torch.Tensor]]) -> None:
    """Run the batches, and nothing else."""
    with torch.no_grad():
        for batch in batches:
            model(**batch).logits.cpu()


def measured(classifier: Classifier, texts: Sequence[str], method: Method, rounds: int) -> dict[str, list[Meter]]:
    """Run the ways to do the same in turn, so often."""
    model, on_cpu = classifier.model, classifier.device.type == "cpu"
    asked = [Asked.at_once(question) for question in ask_all(classifier, texts, Choices())]

    def alone() -> None:
        for one in asked:
            next(explain_questions([one], method))

    def shared() -> None:
        list(explain_questions(asked, method))

    def each_explained() -> None:
        for text in texts:
            heedful.explain(classifier, text, method)

    def all_explained() -> None:
        heedful.explain(classifier, texts, method)

    batches = full_batches(rows_of(model, alone), classifier.batches().tokens)
    ways = {
        "one by one": alone,
        "shared": shared,
        "bare": lambda: bare(model, batches),
        "explain, one by one": each_explained,
        "explain, a list": all_explained,
    }
    meters: dict[str, list[Meter]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            with metered(model, time.process_time if on_cpu else time.perf_counter) as meter:
                run()
            meters[name].append(meter)
    return meters


def show(name: str, meters: dict[str, list[Meter]], n_texts: int) -> None:
    """Print the table of a method."""
    print(f"\n{name}")
    print(f"{'':20} {'texts/s':>8} {'tokens/s':>9} {'of bare':>8} {'calls':>6} {'padding':>8} {'outside':>8}")
    for way, some in meters.items():
        seconds = median(meter.wall for meter in some)
        ratio = median(base.wall / meter.wall for base, meter in zip(meters["bare"], some, strict=True))
        outside = median(1 - meter.inside / meter.wall for meter in some)
        last = some[-1]
        n_tokens = last.tokens - last.padding
        print(
            f"{way:20} {n_texts / seconds:8.1f} {n_tokens / seconds:9,.0f} {ratio:8.2f} {last.calls:6} "
            f"{last.padding / last.tokens:8.1%} {outside:8.1%}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a transformer")
    parser.add_argument("--data", type=Path, required=True, help="Parquet file with a column 'text'")
    parser.add_argument("--texts", type=int, default=32)
    parser.add_argument("--words", type=int, default=1000, help="only texts of at most so many words")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--method", action="append", help="may be given several times")
    given = parser.parse_args()
    classifier = heedful.load(str(given.model), device=given.device)
    sentences = pq.read_table(given.data, columns=["text"]).column("text").to_pylist()
    sentences = [sentence for sentence in sentences if len(sentence.split()) <= given.words]
    chosen = np.random.default_rng(0).choice(len(sentences), given.texts, replace=False)
    texts = [sentences[i] for i in chosen]
    print(f"{given.texts} texts, {given.device}, {torch.get_num_threads()} thread(s), {given.rounds} rounds")
    print(time.strftime("%Y-%m-%d"))
    for name in given.method or METHODS:
        show(name, measured(classifier, texts, methods.get(name), given.rounds), given.texts)


if __name__ == "__main__":
    main()
