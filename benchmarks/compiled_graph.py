"""Does a compiled graph pay? Forwards of a classifier as they are, and through torch.compile with frozen weights.

    python benchmarks/compiled_graph.py --model DIR

DIR may be one made by `real_model.py`. Every shape is a graph of its own; printed are the milliseconds of a forward,
and the seconds that compiling and its first run take.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch._inductor import config

import heedful
from metering import median_seconds

SHAPES = ((64, 32), (16, 128), (6, 384))  # texts, tokens: as many as a batch holds


def main() -> None:
    """Print one line a shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a model folder")
    model = heedful.load(parser.parse_args().model).model
    config.freezing = True
    print(f"{'texts':>6s}{'tokens':>8s}{'ms':>9s}{'compiled':>10s}{'faster':>8s}{'to compile':>12s}")
    for shape in SHAPES:
        ids = torch.from_numpy(np.random.default_rng(0).integers(1000, 2000, shape))
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        given["attention_mask"][: len(ids) // 2, shape[1] * 9 // 10 :] = 0  # half of them padded
        compiled = torch.compile(model, dynamic=False)
        with torch.inference_mode():
            started = time.perf_counter()
            compiled(**given)
            first = time.perf_counter() - started
            plain, fast = (median_seconds(partial(run, **given)) for run in (model, compiled))
        print(f"{shape[0]:6d}{shape[1]:8d}{plain * 1e3:9.1f}{fast * 1e3:10.1f}{plain / fast:7.2f}x{first:11.1f} s")


if __name__ == "__main__":
    main()
