"""Killed at any moment, out of disk, asked to stop: the same call goes on and ends with the same bytes."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import heedful
from dying import kill, moments, spread
from heedful import planted
from heedful.corpus import Corpus
from heedful.corpus.shards import LIST
from heedful.errors import InputError

TEXTS = [one.text for one in planted.generate(24, seed=5)]
METHODS = ["occlusion", "lime:n_samples=40"]

# one process that has everything loaded makes the others: each runs the corpus, until it is killed
CHILDREN = """
import os, sys, torch
torch.set_num_threads(1)
import heedful, heedful.corpus
clf = heedful.load("demo")
texts, methods = {texts!r}, {methods!r}
heedful.corpus.run(clf, texts[:2], methods, out=sys.argv[1])  # everything compiled and imported
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        heedful.corpus.run(clf, texts, methods, out=line.strip(), shard_rows=4)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run(out: Path) -> Corpus:
    return heedful.corpus.run(heedful.load("demo"), TEXTS, METHODS, out=out, shard_rows=4)


def contents(corpus: Corpus) -> dict[str, bytes]:
    assert corpus.facts["finished"]
    corpus.check()
    return {path.name: path.read_bytes() for path in (corpus.folder / "rows").iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return contents(run(tmp_path_factory.mktemp("whole")))


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path: Path, whole: dict[str, bytes]) -> None:
    script = CHILDREN.format(texts=TEXTS, methods=METHODS)
    command = [sys.executable, "-c", script, str(tmp_path / "first")]
    killed = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as children:
        assert children.stdin
        assert children.stdout
        assert children.stdout.readline() == "ready\n"

        def started(out: Path) -> int:
            children.stdin.write(f"{out}\n")
            children.stdin.flush()
            return int(children.stdout.readline())

        begun = time.monotonic()
        started(tmp_path / "timed")
        assert int(children.stdout.readline()) == 0
        usual = time.monotonic() - begun
        for i in range(100):  # those that have ended before do not count
            if killed == 20:
                break
            out = tmp_path / str(i)
            pid = started(out)
            time.sleep(random.Random(i).uniform(0, usual))  # noqa: S311 - no secrets here
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed += int(children.stdout.readline()) == -signal.SIGKILL
            for shard in Corpus.read(out).shards if (out / "run.json").exists() else ():
                assert (out / "rows" / shard.file).read_bytes() == whole[shard.file]
            assert contents(run(out)) == whole
        children.stdin.close()
    assert killed == 20


def test_dead_between_any_two_operations_on_files(tmp_path: Path, whole: dict[str, bytes]) -> None:
    total = moments(lambda: run(tmp_path / "counted"))
    for moment in spread(total, 12):
        out = tmp_path / str(moment)
        kill(lambda out=out: run(out), moment)
        assert contents(run(out)) == whole


def test_a_line_cut_off_in_the_list_of_shards(tmp_path: Path, whole: dict[str, bytes]) -> None:
    run(tmp_path / "c")
    path = tmp_path / "c" / LIST
    content = path.read_bytes()
    for end in (len(content) - 1, len(content) - 40, 10, 0):
        path.write_bytes(content[:end])
        assert contents(run(tmp_path / "c")) == whole
        assert len(Corpus.read(tmp_path / "c").shards) == len(whole)


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"cannot write .*: No space left on device"):
            run(tmp_path / "c")
    for shard in Corpus.read(tmp_path / "c").shards:
        assert (tmp_path / "c" / "rows" / shard.file).read_bytes() == whole[shard.file]
    assert contents(run(tmp_path / "c")) == whole


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path) -> None:
    from filelock import FileLock

    run(tmp_path / "c")
    with FileLock(tmp_path / "c" / ".lock"), pytest.raises(InputError, match="another process"):
        run(tmp_path / "c")


def test_a_stop_ends_with_the_shard_at_hand(tmp_path: Path, whole: dict[str, bytes]) -> None:
    """SIGTERM to this very process, from a thread, once the first shard is there."""

    def terminate() -> None:
        while not (tmp_path / "c" / LIST).exists():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=terminate)
    thread.start()
    many = TEXTS * 6
    stopped = heedful.corpus.run(heedful.load("demo"), many, METHODS, out=tmp_path / "c", shard_rows=4)
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before
    assert stopped.facts["finished"] is False
    assert 1 <= len(stopped.shards) < len(many) // 4
    assert not (tmp_path / "c" / "manifest.json").exists()
    done = heedful.corpus.run(heedful.load("demo"), many, METHODS, out=tmp_path / "c", shard_rows=4)
    assert done.facts["finished"] is True
    assert len(done) == len(many)
    done.check()
