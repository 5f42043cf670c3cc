"""A cluster of two workers on this machine: the same bytes as the local engine's, also where a worker is killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import heedful
from heedful import planted
from heedful.classifier import Classifier
from heedful.corpus import Corpus, ray_engine
from heedful.corpus.ray_engine import Ray, cluster
from heedful.corpus.ray_shards import TRIES, Source, Worker
from heedful.corpus.shards import LIST
from heedful.errors import DataError, InputError, MissingExtraError, SettingError

# Ray Data's settings are set anew from their old names when they are first asked for
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning:ray.data.context"),
]

TEXTS = [*(one.text for one in planted.generate(9, seed=7)), " ", *(one.text for one in planted.generate(7, seed=8))]
METHODS = ["shapley-exact", "lime:n_samples=30"]
RAY = Ray(workers=2)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """Two cores' worth of workers, in a folder with a short name, as its sockets want it."""
    folder = Path(tempfile.gettempdir(), f"ray{os.getpid()}")
    before = signal.getsignal(signal.SIGTERM)
    with cluster(None, 2, object_store_memory=80 * 2**20, _temp_dir=str(folder)):
        assert signal.getsignal(signal.SIGTERM) is before
        yield
    shutil.rmtree(folder, ignore_errors=True)


def run(out: Path, engine: str | Ray = RAY, model: Classifier | str = "demo", texts: list[str] = TEXTS) -> Corpus:
    return heedful.corpus.run(
        model, texts, METHODS if model == "demo" else "occlusion", out=out, shard_rows=4, engine=engine
    )


def contents(corpus: Corpus) -> dict[str, bytes]:
    assert corpus.facts["finished"]
    corpus.check()
    return {path.name: path.read_bytes() for path in (corpus.folder / "rows").iterdir()}


def by_function(act: str, folder: Path, mark: str = "") -> Classifier:
    """A function of texts; in a worker, a text with the mark kills it the first time, or each text takes a while."""
    here = os.getpid()

    def function(texts: list[str]) -> list[list[float]]:
        if os.getpid() != here:
            if act == "die" and any(mark in text for text in texts) and not (folder / "died").exists():
                (folder / "died").write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            if act == "wait":
                time.sleep(0.02 * len(texts))
        shares = [0.1 + 0.8 * (len(text) % 7) / 7 for text in texts]
        return [[share, 1 - share] for share in shares]

    return heedful.load(function, labels=["short", "long"])


def test_shards_are_the_local_engine_s_byte_by_byte(ray_cluster: None, tmp_path: Path) -> None:
    local, cores = run(tmp_path / "local", "local"), run(tmp_path / "ray")
    assert len(contents(local)) == 5
    assert contents(cores) == contents(local)
    same = {"rows", "n_rows", "n_units", "n_forward", "problems", "predicted", "fingerprint"}
    assert {key: cores.facts[key] for key in same} == {key: local.facts[key] for key in same}


def test_a_killed_worker_s_shard_is_done_again_and_done_ones_are_not(ray_cluster: None, tmp_path: Path) -> None:
    classifier = by_function("die", tmp_path, TEXTS[10])
    whole = contents(run(tmp_path / "local", "local", classifier))
    begun = run(tmp_path / "ray", "local", classifier)
    for name in ("000001", "000002", "000004"):
        (tmp_path / "ray" / "rows" / f"{name}.parquet").unlink()
    kept = [path.stat().st_mtime_ns for path in begun.files if path.exists()]
    ended = run(tmp_path / "ray", RAY, classifier)
    assert (tmp_path / "died").exists()
    assert contents(ended) == whole
    assert [ended.files[i].stat().st_mtime_ns for i in (0, 3)] == kept


@pytest.mark.nightly
def test_strict_names_the_first_row_that_cannot_be_explained(ray_cluster: None, tmp_path: Path) -> None:
    texts = [*TEXTS[:5], "", TEXTS[5], "", *TEXTS[6:]]  # in two shards, both of them begun
    said = []
    for engine in ("local", Ray(workers=1, in_flight=3)):
        with pytest.raises(DataError) as failure:
            heedful.corpus.run(
                "demo", texts, "shapley-exact", out=tmp_path / str(engine), shard_rows=2, strict=True, engine=engine
            )
        said.append(str(failure.value))
    assert said[0] == said[1]
    assert said[0].startswith("text 5: ")


@pytest.mark.nightly
def test_asked_to_stop_it_ends_with_the_shards_at_hand_and_goes_on(ray_cluster: None, tmp_path: Path) -> None:
    classifier, out = by_function("wait", tmp_path), tmp_path / "ray"
    texts = TEXTS * 3

    def stop() -> None:
        while not (out / LIST).exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    stopped = run(out, Ray(workers=1), classifier, texts)
    assert not stopped.facts["finished"]
    assert 0 < stopped.facts["n_shards"] < 10
    stopped.check()
    assert contents(run(out, "local", classifier, texts)) == contents(
        run(tmp_path / "local", "local", classifier, texts)
    )


async def _taken(source: Source) -> list[object]:
    await source.offer(3, ["a"])
    await source.offer(5, ["b"])
    waiting = asyncio.create_task(source.offer(6, ["c"]))
    await asyncio.sleep(0)
    assert not waiting.done()  # no room
    assert (await source.take(3), await source.take(3)) == ((1, ["a"]), (2, ["a"]))
    await source.drop(3)
    assert await waiting
    assert [await source.number(i) for i in (0, 1, 2, 0)] == [3, 5, 6, 3]  # the same when it is asked again
    late = asyncio.create_task(source.number(3))
    await asyncio.sleep(0)
    assert not late.done()  # it may still come
    await source.close(stop=False)
    assert not await source.offer(7, ["d"])
    said = [await late, await source.take(3), await source.take(5)]
    await source.close(stop=True)
    return [*said, await source.take(6)]


def test_the_source_holds_a_few_shards_until_they_are_done() -> None:
    assert asyncio.run(_taken(Source(2))) == [None, None, (1, ["b"]), None]


def test_a_file_that_is_not_seen_here_is_told(tmp_path: Path) -> None:
    (tmp_path / "half").write_bytes(b"12345")
    for name in ("none", "half"):
        with pytest.raises(InputError, match="must share the folder"):
            ray_engine._check_seen(tmp_path / name, 9)
    ray_engine._check_seen(tmp_path / "half", 5)


def test_a_shard_that_kills_every_worker_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker.__new__(Worker)
    worker._source = SimpleNamespace(take=SimpleNamespace(remote=lambda _: (TRIES + 1, ["rows"])))
    monkeypatch.setattr("ray.get", lambda given: given)
    said = worker({"number": [3]})["outcome"]
    error = ray_engine._error(json.loads(said[0]))
    assert isinstance(error, InputError)
    assert str(error) == "shard 3: 4 workers have died of it: give them more memory"


@pytest.mark.parametrize("kind", [DataError, SettingError, MissingExtraError])
def test_errors_of_workers_arrive_as_what_they_were(kind: type[InputError]) -> None:
    error = ray_engine._error({"error": kind.__name__, "message": "why"})
    assert (type(error), str(error)) == (InputError if kind is MissingExtraError else kind, "why")


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heedful.corpus.engine_of("ray:workers=4,gpus=0.5", "auto") == Ray("auto", workers=4, gpus=0.5)
    assert Ray(gpus=1.0).device == "cuda"
    assert Ray().device is None
    with pytest.raises(SettingError, match="ray: workers must be at least 1"):
        Ray(workers=0)
    monkeypatch.setattr(ray_engine, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'heedful\[ray\]'"):
        heedful.corpus.engine_of("ray")
