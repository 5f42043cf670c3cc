"""Processes that answer: errors as they were, a death in one line, nothing that outlives the context."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from heedful.errors import InputError, MissingExtraError, PrecisionError, SettingError
from heedful.support.answering import work
from heedful.support.processes import Processes, sendable


def obey(message: object, say: Callable[[object], None]) -> object:
    """A handler: does what it is told."""
    if message == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if message == "sleep":
        say(os.getpid())
        time.sleep(600)
    if message == "missing":
        raise MissingExtraError("shap", "oracles", "this")
    if isinstance(message, Exception):
        raise message
    print("printed")  # noqa: T201 - must not come between
    say(("heard", message))
    return os.getpid(), message


def answers(*messages: object) -> list[tuple[str, object]]:
    """What a process writes, in this one."""
    given, output = io.BytesIO(), io.BytesIO()
    for one in ((sys.path, pickle.dumps(obey)), *messages):
        pickle.dump(one, given)
    given.seek(0)
    work(given, output)
    output.seek(0)
    said = []
    while output.tell() < len(output.getvalue()):
        said.append(pickle.load(output))  # noqa: S301 - made here
    return said


def test_what_is_written_for_each_message() -> None:
    assert answers(1, SettingError("no"), 2) == [
        ("meanwhile", ("heard", 1)), ("answer", (os.getpid(), 1)), ("error", ("SettingError", "no")),
        ("meanwhile", ("heard", 2)), ("answer", (os.getpid(), 2)),
    ]  # fmt: skip
    ((kind, (name, said)),) = answers(ValueError("odd"))
    assert (kind, name) == ("error", None)
    assert said.endswith("ValueError: odd\n")


def test_what_cannot_be_sent() -> None:
    assert sendable(lambda *_: None) is None
    assert sendable(obey) is not None


@pytest.mark.slow
def test_processes_answer_raise_and_die() -> None:
    heard: list[object] = []
    with Processes(2, sendable(obey) or b"", "begin again") as processes:
        futures = [processes.submit(i, heard.append) for i in range(6)]
        got = [future.result() for future in futures]
        assert [message for _, message in got] == list(range(6))
        assert os.getpid() not in {pid for pid, _ in got}
        assert sorted(heard) == [("heard", i) for i in range(6)]
        for error, kind in ((SettingError("no"), SettingError), (PrecisionError("no"), PrecisionError)):
            with pytest.raises(kind, match=r"^no$"):
                processes.submit(error).result()
        with pytest.raises(InputError, match="needs shap"):
            processes.submit("missing").result()
        with pytest.raises(RuntimeError, match="ValueError: odd"):
            processes.submit(ValueError("odd")).result()
        with pytest.raises(InputError, match=r"has died \(exit code -9; out of memory\?\): begin again"):
            processes.submit("die").result()
    assert not psutil.Process().children()


STARTER = """
from heedful.support.processes import Processes, sendable
from test_answering_processes import obey
with Processes(1, sendable(obey), "begin again") as processes:
    processes.submit("sleep", lambda pid: print(pid, flush=True)).result()
"""


@pytest.mark.slow
def test_one_at_work_ends_when_its_starter_is_killed() -> None:
    here = os.path.dirname(__file__)  # noqa: PTH120 - of a path for another process
    path = os.pathsep.join([here, *sys.path])
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as starter:
        assert starter.stdout
        worker = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    _, alive = psutil.wait_procs([worker], timeout=30)
    assert not alive
