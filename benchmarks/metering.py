"""What a run sends through a model and the time it takes: needs torch alone, so that every side can use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch


@dataclass
class Meter:
    """What went through the model: calls, texts, tokens, those that are padding; seconds inside, and in all."""

    calls: int = 0
    texts: int = 0
    tokens: int = 0
    padding: int = 0
    inside: float = 0.0
    wall: float = 0.0

    def each(self, n_runs: int) -> Meter:
        """Of so many runs, what one takes in the mean."""
        counted = (self.calls, self.texts, self.tokens, self.padding)
        return Meter(*(round(count / n_runs) for count in counted), self.inside / n_runs, self.wall / n_runs)


@contextmanager
def metered(model: torch.nn.Module, clock: Callable[[], float] = time.perf_counter) -> Iterator[Meter]:
    """Count and time every forward inside, by any clock; hooks are gone afterwards."""
    meter, started = Meter(), [0.0]

    def before(_module: object, _args: tuple[object, ...], kwargs: dict[str, torch.Tensor]) -> None:
        ids, mask = kwargs["input_ids"], kwargs.get("attention_mask")
        meter.calls += 1
        meter.texts += len(ids)
        meter.tokens += ids.numel()
        meter.padding += 0 if mask is None else int(mask.numel() - mask.sum())
        started[0] = clock()

    def after(*_: object) -> None:
        meter.inside += clock() - started[0]

    handles = [model.register_forward_pre_hook(before, with_kwargs=True), model.register_forward_hook(after)]
    start = clock()
    try:
        yield meter
    finally:
        meter.wall = clock() - start
        for handle in handles:
            handle.remove()


def median_seconds(run: Callable[[], object], repeats: int = 9) -> float:
    """Median time of so many runs."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return median(seconds)
