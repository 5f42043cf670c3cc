"""What goes on at the two ends of a Ray cluster: rows are read and offered here, and taken and explained by workers."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from heedful.corpus.engine import Job, made_shard
from heedful.corpus.explainer import RowExplainer
from heedful.corpus.shards import Part, Shard
from heedful.errors import HeedfulError, InputError

TRIES = 4  # times a shard is begun, before it is taken to be what kills its workers
_LOOK = 0.2  # seconds between two looks at whether the run is to stop


def numbers(_: Any, source: Any) -> Iterator[dict[str, list[int]]]:
    """Yield the numbers of shards as they come; the same ones in the same order if Ray runs this again."""
    import ray

    for i in itertools.count():
        number = ray.get(source.number.remote(i))
        if number is None:
            return
        yield {"number": [number]}


class Source:
    """The shards whose rows are there: offered by the reader, taken by workers, dropped when they are done.

    Args:
        room: shards held at most; the reader waits for room.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._order: list[int] = []
        self._held: dict[int, list[Any]] = {}
        self._tries = Counter[int]()
        self._closed = self._stopped = False
        self._changed = asyncio.Condition()

    async def offer(self, number: int, parts: list[Any]) -> bool:
        """Wait for room and hold a shard, as a list with a reference to its parts; False: no more are wanted."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or len(self._held) < self._room)
            if not self._closed:
                self._held[number] = parts
                self._order.append(number)
                self._changed.notify_all()
            return not self._closed

    async def number(self, i: int) -> int | None:
        """Wait for the i-th shard offered, and return its number; None: there is none."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or i < len(self._order))
            return self._order[i] if i < len(self._order) else None

    async def take(self, number: int) -> tuple[int, list[Any]] | None:
        """Return how often a shard has been taken, and its parts; None: it is no longer wanted."""
        if self._stopped or number not in self._held:
            return None
        self._tries[number] += 1
        return self._tries[number], self._held[number]

    async def drop(self, number: int) -> None:
        """Make room: a shard is done."""
        async with self._changed:
            self._held.pop(number, None)
            self._tries.pop(number, None)
            self._changed.notify_all()

    async def close(self, *, stop: bool) -> None:
        """Take no more shards; `stop`: give none of those that are held to a worker."""
        async with self._changed:
            self._closed, self._stopped = True, self._stopped or stop
            self._changed.notify_all()


class Feeder:
    """Rows read in a thread, and offered shard by shard.

    Attributes:
        offered: numbers of the shards that were offered.
        error: what reading raised.
    """

    def __init__(self, job: Job, source: Any) -> None:
        self.offered = set[int]()
        self.error: BaseException | None = None
        self._job, self._source = job, source
        self._ended, self._left = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="heedful-ray-feeder", daemon=True)

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self.end()
        self._thread.join()

    def end(self) -> None:
        """Offer no more shards."""
        self._ended.set()
        self._source.close.remote(stop=False)

    def _run(self) -> None:
        import ray

        try:
            self._read()
            ray.get(self._source.close.remote(stop=False))
            while not self._left.wait(_LOOK) and not self._job.watch.stop.is_set():
                pass
            if self._job.watch.stop.is_set():
                ray.get(self._source.close.remote(stop=True))
        except BaseException as error:  # of any kind: raised on the caller's thread
            self.error = error
            self.end()

    def _read(self) -> None:
        parts: list[Part] = []
        for part in self._job.open_parts():
            parts.append(part)
            if part.digest is not None:
                if not self._offer(parts):
                    return
                parts = []

    def _offer(self, parts: list[Part]) -> bool:
        """Wait until there is room for a shard; False: no more are wanted."""
        import ray

        number, stop = parts[0].shard, self._job.watch.stop
        if stop.is_set() or self._ended.is_set():
            return False
        waiting = self._source.offer.remote(number, [ray.put(parts)])
        while not ray.wait([waiting], timeout=_LOOK)[0]:
            if stop.is_set():
                return False
        if ray.get(waiting):
            self.offered.add(number)
            return True
        return False


@dataclass(frozen=True, eq=False)
class Task:
    """What a worker needs to know.

    Attributes:
        explainer: a list with the reference to it.
        folder: of the corpus.
        strict: stop at the first row that cannot be explained.
        cpus: threads to compute with.
        device: where to put the classifier; None: where it is.
    """

    explainer: list[Any]
    folder: Path
    strict: bool
    cpus: int
    device: str | None


class Worker:
    """Explains shards, in a process of its own on some machine: a callable for `map_batches` of Ray Data."""

    def __init__(self, source: Any, task: Task) -> None:
        import ray

        torch.set_num_threads(task.cpus)
        self._source, self._task = source, task
        self._explainer = _placed(ray.get(task.explainer[0]), task.device)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return for each number what has come of the shard, as JSON: its facts, an error, or neither."""
        return {"outcome": [json.dumps({"number": n, **self._outcome(n)}) for n in map(int, batch["number"])]}

    def _outcome(self, number: int) -> dict[str, Any]:
        import ray

        if (taken := ray.get(self._source.take.remote(number))) is None:
            return {}
        tries, [reference] = taken
        try:
            if tries > TRIES:
                raise InputError(f"shard {number}: {TRIES} workers have died of it: give them more memory")
            return {"shard": asdict(self._made(ray.get(reference)))}
        except HeedfulError as error:
            return {"error": type(error).__name__, "message": str(error)}

    def _made(self, parts: list[Part]) -> Shard:
        """Explain the parts of a shard, and write its file."""
        return made_shard(self._explainer, self._task.folder, parts, strict=self._task.strict)


def _placed(explainer: RowExplainer, device: str | None) -> RowExplainer:
    """The explainer with its classifier on a device."""
    classifier = explainer.classifier
    if device is None or classifier.device.type == device:
        return explainer
    moved = replace(classifier, model=classifier.model.to(device))
    return RowExplainer(moved, explainer.plan)
