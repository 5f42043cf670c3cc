"""Speed of `heedful corpus`, side by side with what it is made of; every part prints its own lines.

    python benchmarks/corpus.py imdb --model MODEL --data imdb/test.parquet
    python benchmarks/corpus.py predictions --model MODEL --data imdb/test.parquet
    python benchmarks/corpus.py phrases --data sst2/train.parquet
    python benchmarks/corpus.py growth [--rows 1000,10000,100000,1000000]
    python benchmarks/corpus.py authors --model MODEL --data imdb/test.parquet [--texts 20]

imdb: `shapley-exact` and `lime-exact` end to end, reading and writing included, against the exact engine alone on the
games of these same reviews, which are built beforehand; in turns, a block of reviews each.
predictions: reviews a second, tokenised before.
phrases: 100,000 phrases with `shapley-exact`, end to end, by the built-in model.
growth: generated reviews, 1,000 to 1,000,000 rows of a CSV file: rows a second, memory while it runs, bytes.
authors: what the paper's authors' experiment takes, five runs of the lime package on each of 25,000 reviews, from a
sample, beside `lime-exact` on the same reviews.
MODEL is the paper's classifier trained on IMDb: `heedful study attention-meets-post-hoc` leaves it in models/paper.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import torch

import heedful
from heedful import planted
from heedful.games import exact
from heedful.question import Choices, ask_all

METHODS = ["shapley-exact", "lime-exact"]


def main() -> None:
    """Run one part."""
    options = _options()
    cores = f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
    print(f"{options.part}: {cores}, torch {torch.__version__}")
    PARTS[options.part](options)


def imdb(options: argparse.Namespace) -> None:
    """End to end against the engine alone, block by block in turns."""
    classifier = heedful.load(options.model)
    texts = _texts(options.data, options.texts or 25_000)
    _warm(classifier, texts[:64])
    engine = whole = 0.0
    n_units = n_bytes = 0
    with tempfile.TemporaryDirectory() as folder:
        for i, start in enumerate(range(0, len(texts), options.block)):
            some = texts[start : start + options.block]
            path = Path(folder, "block.parquet")
            pq.write_table(pa.table({"text": some}), path)
            began = time.perf_counter()
            corpus = heedful.corpus.run(classifier, path, METHODS, out=Path(folder, str(i)))
            whole += time.perf_counter() - began
            n_units, n_bytes = n_units + corpus.facts["n_units"], n_bytes + corpus.facts["n_bytes"]
            games = [question.ratio_game() for question in ask_all(classifier, some, Choices())]
            began = time.perf_counter()
            exact.batch(exact.shapley, games)
            exact.batch(exact.lime, games)
            engine += time.perf_counter() - began
            done = start + len(some)
            print(
                f"{done:6,} reviews: end to end {1e3 * whole / done:.2f} ms a review, the engine alone "
                f"{1e3 * engine / done:.2f}: {whole / engine:.2f} times; {n_bytes / n_units:.1f} bytes a unit",
                flush=True,
            )
    print(f"{len(texts):,} reviews by {' and '.join(METHODS)}: {whole:.0f} s, the engine alone {engine:.0f} s")


def predictions(options: argparse.Namespace) -> None:
    """Reviews a second, once they are tokenised."""
    classifier = heedful.load(options.model)
    texts = _texts(options.data, options.texts or 25_000)
    began = time.perf_counter()
    encoded = [
        one for start in range(0, len(texts), 1024) for one in classifier.encode_all(texts[start : start + 1024])
    ]
    print(f"tokenised: {len(texts) / (time.perf_counter() - began):,.0f} reviews a second")
    classifier.logits_of_all(encoded[:1024])
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        for start in range(0, len(encoded), 4096):
            classifier.logits_of_all(encoded[start : start + 4096])
        rates.append(len(encoded) / (time.perf_counter() - began))
    print(
        f"predicted: {max(rates):,.0f} reviews a second (of three runs: {', '.join(f'{rate:,.0f}' for rate in rates)})"
    )


def phrases(options: argparse.Namespace) -> None:
    """100,000 phrases end to end; fewer that there are come again."""
    classifier = heedful.load(options.model or "demo")
    known = pq.read_table(options.data, columns=["text"])["text"].to_pylist()
    texts = list(itertools.islice(itertools.cycle(known), options.texts or 100_000))
    _warm(classifier, texts[:64])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "phrases.parquet")
        pq.write_table(pa.table({"text": texts}), path)
        began = time.perf_counter()
        corpus = heedful.corpus.run(classifier, path, "shapley-exact", out=Path(folder, "corpus"))
        seconds = time.perf_counter() - began
    facts = corpus.facts
    print(
        f"{len(texts):,} phrases of {facts['n_units'] / max(1, facts['n_explained']):.1f} units, "
        f"{facts['n_explained']:,} of them explained: {seconds:.1f} s, {len(texts) / seconds:,.0f} a second; "
        f"{facts['bytes_a_unit']} bytes a unit"
    )


def growth(options: argparse.Namespace) -> None:
    """Rows a second, memory of all processes and bytes as the number of rows grows."""
    classifier = heedful.load("demo")
    reviews = [one.text for one in planted.generate(5_000, seed=11)]
    _warm(classifier, reviews[:64])
    print("      rows    seconds  rows/s   MB of all processes: at a tenth, at nine tenths, largest   bytes a unit")
    for n in map(int, options.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder, _memory() as samples:
            path = Path(folder, "reviews.csv")
            with path.open("w", encoding="utf-8") as file:
                file.write("text\n")
                for text in itertools.islice(itertools.cycle(reviews), n):
                    file.write('"' + text.replace('"', '""') + '"\n')
            began = time.perf_counter()
            corpus = heedful.corpus.run(classifier, path, "shapley-exact", out=Path(folder, "corpus"))
            seconds = time.perf_counter() - began
        some = [samples[len(samples) // 10], samples[9 * len(samples) // 10], max(samples)]
        print(
            f"{n:10,} {seconds:10.1f} {n / seconds:7,.0f} {some[0] / 1e6:34,.0f} {some[1] / 1e6:14,.0f} "
            f"{some[2] / 1e6:8,.0f} {corpus.facts['bytes_a_unit']:14}",
            flush=True,
        )


@contextmanager
def _memory() -> Iterator[list[int]]:
    """Bytes that this process and those it has started hold, twice a second."""
    samples, ended = [0], threading.Event()

    def held(process: psutil.Process) -> int:
        with suppress(psutil.NoSuchProcess):
            return process.memory_info().rss
        return 0

    def look() -> None:
        this = psutil.Process()
        while not ended.wait(0.5):
            samples.append(sum(map(held, (this, *this.children(recursive=True)))))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def authors(options: argparse.Namespace) -> None:
    """Five runs of the lime package on each of 25,000 reviews, from a sample; the exact values on the same reviews."""
    from lime.lime_text import LimeTextExplainer

    classifier = heedful.load(options.model)
    texts = _texts(options.data, options.texts or 20)
    explainer = LimeTextExplainer(class_names=classifier.labels, random_state=0)

    def probabilities(some: list[str]) -> object:
        """The classifier as lime wants it: queries, keys and values as the paper writes them, 256 texts a batch."""
        rows = []
        for start in range(0, len(some), 256):
            batch = classifier.tokenizer(
                some[start : start + 256],
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=classifier.max_tokens,
            )
            with torch.no_grad():
                rows.append(classifier.paper_model.plain(batch["input_ids"], batch["attention_mask"]).softmax(1))
        return torch.cat(rows).numpy()

    began = time.perf_counter()
    for text in texts:
        explainer.explain_instance(text, probabilities, num_features=1000, num_samples=5000)
    each = (time.perf_counter() - began) / len(texts)
    _warm(classifier, texts)
    began = time.perf_counter()
    heedful.explain(classifier, texts, "lime-exact")  # one thread a core
    ours = (time.perf_counter() - began) / len(texts)
    days = each * 5 * 25_000 / 86_400
    print(
        f"lime, 5,000 samples: {each:.2f} s a review and run; 5 runs of 25,000 reviews: {days:,.1f} days. "
        f"lime-exact, which needs no second run: {1e3 * ours:.1f} ms a review, {ours * 25_000:,.0f} s for all "
        f"({each * 5 / ours:,.0f} times less)"
    )


def _warm(classifier: heedful.Classifier, texts: list[str]) -> None:
    """Compile what is compiled on first use."""
    for method in METHODS:
        heedful.explain(classifier, texts, method)


def _texts(path: str, n: int) -> list[str]:
    texts: list[str] = pq.read_table(path, columns=["text"])["text"].to_pylist()
    return texts[:n]


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "imdb": imdb,
    "predictions": predictions,
    "phrases": phrases,
    "growth": growth,
    "authors": authors,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*PARTS])
    parser.add_argument("--model", help="the paper's classifier")
    parser.add_argument("--data", help="Parquet file with a column text")
    parser.add_argument("--texts", type=int, help="so many texts only")
    parser.add_argument("--block", type=int, default=25_000, help="texts a turn, for imdb")
    parser.add_argument("--rows", default="1000,10000,100000,1000000", help="for growth")
    return parser.parse_args()


if __name__ == "__main__":
    main()
