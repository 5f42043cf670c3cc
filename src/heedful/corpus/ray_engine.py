"""The engine that does the work on a Ray cluster: shards explained by actors that hold the classifier.

What goes through Ray Data is a stream of the numbers of shards. Rows are read here, whatever they come from (standard
input too), and put into the object store, a few shards ahead of the workers; an actor, `Source`, knows which shards are
there, and lets reading wait while there are enough. A worker asks it for a shard, explains the rows in the same parts
as the local engine does, writes the file, and tells what is known of it. So the input is never in memory as a whole, a
task that Ray runs again finds the rows of its shard still there, and Ray Data's blocks cannot split or join shards.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Lt

from heedful import errors
from heedful.corpus.engine import Job
from heedful.corpus.explainer import RowExplainer
from heedful.corpus.ray_shards import TRIES, Feeder, Source, Task, Worker, numbers
from heedful.corpus.shards import ROWS, Shard
from heedful.errors import HeedfulError, InputError, MissingExtraError, SettingError, first_line
from heedful.support.settings import check_settings

_PRIVATE = {"RAY_USAGE_STATS_ENABLED": "0"}  # a cluster of our own tells nobody of itself
_GOES_ON = "shards that are done stay, and the same call goes on from there"


@dataclass(frozen=True)
class Ray:
    """A Ray cluster: this machine's, or many machines'. The corpus must lie where all of them see it, as on NFS.

    Args:
        address: of the cluster, as in "auto" or "ray://host:10001"; None: the environment variable RAY_ADDRESS, or
            else a cluster of this machine, which ends with the run. A connection that is there already is used as it
            is.
        workers: processes that explain; None: as many as the cluster has room for at the start.
        cpus: cores of a worker.
        gpus: GPUs of a worker, also half a one; the classifier is put there.
        in_flight: shards that are read and not yet done, for every worker.

    Raises:
        MissingExtraError: Ray is not installed.
        SettingError: a setting is out of its bounds.
    """

    address: str | None = None
    workers: Annotated[int, Ge(1)] | None = None
    cpus: Annotated[int, Ge(1)] = 1
    gpus: Annotated[float, Ge(0), Lt(math.inf)] = 0.0
    in_flight: Annotated[int, Ge(1)] = 2

    def __post_init__(self) -> None:
        check_settings(self, "ray")
        if find_spec("ray") is None:
            raise MissingExtraError("ray", "ray", "the engine for clusters")

    @property
    def device(self) -> str | None:
        """Where workers put the classifier; None: where it is."""
        return "cuda" if self.gpus else None

    def work(self, job: Job) -> None:
        """Do the job, or stop with the shards at hand when asked to.

        Raises:
            DataError, SettingError: as of the local engine: the first row, or shard, that it would have failed on.
            SettingError: the classifier cannot be sent to workers.
            InputError: there is no such cluster, workers die, or files they write are not seen here.
        """
        if not self.gpus and job.explainer.classifier.device.type != "cpu":
            raise SettingError("workers without a GPU cannot hold a model that is on one: use ray:gpus=1")
        with cluster(self.address, (self.workers or max(1, _cores() // self.cpus)) * self.cpus), _clear_errors():
            _work(self, job, self.workers or self._room())

    def _room(self) -> int:
        """How many workers the cluster has room for."""
        import ray

        there = ray.cluster_resources()
        room = there.get("CPU", 0) / self.cpus
        return max(1, int(min(room, there.get("GPU", 0) / self.gpus) if self.gpus else room))


@contextmanager
def cluster(address: str | None, n_cpus: int, **options: Any) -> Iterator[None]:
    """Connect to a cluster, or start one of this machine; what is started here ends here.

    Raises:
        InputError: there is none at the address.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS")
    local = {"address": "local", "num_cpus": n_cpus, "include_dashboard": False}
    with _environment({} if address else _PRIVATE):
        try:
            with _own_signals():
                options |= {"address": address} if address else local
                ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"no Ray cluster at {address or 'this machine'}: {first_line(error)}") from error
        try:
            yield
        finally:
            with _own_signals():
                ray.shutdown()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what SIGTERM does as it is: Ray takes it for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not set, for a while."""
    new = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Make one line of what Ray raises."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        cause = getattr(error, "cause", None) or error.__cause__ or error
        raise InputError(f"a Ray worker failed: {type(cause).__name__}: {first_line(cause)}; {_GOES_ON}") from error


def _work(engine: Ray, job: Job, n_workers: int) -> None:
    """Do the job with a number of workers."""
    import ray

    folder = job.folder.resolve()
    task = Task(_put(job.explainer), folder, job.strict, engine.cpus, engine.device)
    source = ray.remote(num_cpus=0)(Source).remote(n_workers * engine.in_flight)
    entered, failed = set[int](), dict[int, HeedfulError]()
    try:
        with Feeder(job, source) as feeder:
            for outcome in _outcomes(engine, n_workers, source, task):
                if (number := int(outcome["number"])) in entered:
                    continue  # done twice, as a worker was lost after it had written the file: the same bytes
                if "error" in outcome:
                    failed[number] = _error(outcome)
                    feeder.end()
                elif "shard" in outcome:
                    _enter(job, outcome["shard"], folder)
                    entered.add(number)
                    source.drop.remote(number)
    finally:
        ray.kill(source)
    if failed:  # the first of them: all shards before it have been begun before it, and are done
        raise failed[min(failed)]
    if feeder.error is not None:
        raise feeder.error
    if not job.watch.stop.is_set() and (lost := feeder.offered - entered):
        raise InputError(f"Ray has lost {len(lost)} shards, such as {min(lost)}; {_GOES_ON}")


def _put(explainer: RowExplainer) -> list[Any]:
    """The explainer in the object store, where a machine fetches it once for all its workers."""
    import ray

    try:
        return [ray.put(explainer)]
    except Exception as error:  # pickling runs whatever the parts of a classifier have for it
        raise SettingError(f"the classifier or a method cannot be sent to workers: {first_line(error)}") from error


def _enter(job: Job, said: Mapping[str, Any], folder: Path) -> None:
    """Enter a shard that a worker has written."""
    shard = Shard.of(said)
    _check_seen(folder / ROWS / shard.file, shard.n_bytes)
    job.watch.explained(shard.n_rows)
    job.enter(shard)


def _check_seen(path: Path, n_bytes: int) -> None:
    """Refuse a file of a worker that is not seen here."""
    if not path.is_file() or path.stat().st_size != n_bytes:
        raise InputError(
            f"{path} is not there, though a worker wrote it: all machines of the cluster must share the folder"
        )


def _error(said: Mapping[str, Any]) -> HeedfulError:
    """The error that a worker tells of; with a class of ours it has its message only."""
    kind = getattr(errors, said["error"], InputError)
    return InputError(said["message"]) if kind is MissingExtraError else kind(said["message"])


def _outcomes(engine: Ray, n_workers: int, source: Any, task: Task) -> Iterator[dict[str, Any]]:
    """What comes of shards, in the order in which they are done."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_max_block_size = 1  # bytes: every number goes on at once, instead of waiting for megabytes of them
    context.execution_no_progress_timeout_s = -1  # a shard may take hours, and so may a cluster that grows
    context.max_consecutive_actor_init_deaths = TRIES - 1
    pool = ActorPoolStrategy(size=n_workers, max_tasks_in_flight_per_actor=min(2, engine.in_flight))
    with _quiet(), DataContext.current(context):
        shards = ray.data.from_items([{"start": 0}]).map_batches(numbers, fn_args=(source,), num_cpus=0)
        done = shards.map_batches(
            Worker,
            fn_constructor_args=(source, task),
            batch_size=1,
            compute=pool,
            num_cpus=engine.cpus,
            num_gpus=engine.gpus or None,
        )
        for batch in done.iter_batches(batch_size=1, prefetch_batches=0):
            yield json.loads(str(batch["outcome"][0]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Let Ray Data print errors only; its log files have the rest."""
    handlers = [one for one in logging.getLogger("ray.data").handlers if one.level == logging.INFO]
    for handler in handlers:
        handler.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setLevel(logging.INFO)
