"""Stages in processes of their own: which are sent there, what is sent, and that the tables are the same."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from heedful.errors import DataError, InputError
from heedful.runs.tables import Tables
from heedful.studies import apart, stage
from heedful.studies.apart import Maker
from heedful.studies.recipes import PaperClassifier
from heedful.studies.run import Run, Settings
from heedful.studies.stage import Stage
from heedful.studies.study import Study
from heedful.support.processes import sendable
from models.small_run import RECIPE, SIZES, SPLITS


@dataclass(frozen=True, kw_only=True)
class Numbers(Settings):
    factor: float = 2.0


def draws(k: int, run: Run) -> Mapping[str, pa.Table]:
    numbers = np.random.default_rng(run.seed + k).random(3) * run.settings.factor
    return {f"draws-{k}": pa.table({"x": numbers, "threads": [torch.get_num_threads()] * 3})}


def total(run: Run) -> Mapping[str, pa.Table]:
    return {"total": pa.table({"x": [sum(run.table(f"draws-{k}")["x"].to_numpy().sum() for k in range(3))]})}


def broken(_: Run) -> Mapping[str, pa.Table]:
    raise DataError("there is no such thing: make one")


def dying(_: Run) -> Mapping[str, pa.Table]:
    os._exit(3)


NUMBERS = Numbers(recipes=(PaperClassifier("small", "corpus", RECIPE, SIZES),))
DRAWS = tuple(Stage(f"draws-{k}", partial(draws, k), ("factor",), code=(apart,), apart=True) for k in range(3))
TOTAL = Stage("total", total, needs=tuple(one.name for one in DRAWS))


def study(*stages: Stage) -> Study:
    return Study(
        name="apart", title="Apart", full=NUMBERS, quick=NUMBERS, data=lambda *_: {"corpus": SPLITS},
        stages=lambda _: stages, figures=dict, package="heedful.studies", words=lambda _: {},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heedful.studies.report.write", lambda _, run, __: run.folder / "report.html")


def test_a_process_makes_a_stage_under_its_stamp_from_what_is_sent(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    content = sendable(Maker(Run(NUMBERS, tmp_path, 5, {"corpus": SPLITS})))
    task = pickle.dumps((replace(DRAWS[1], code=()), "s"))
    seconds = pickle.loads(content)(pickle.loads(task), print)  # noqa: S301 - of our own
    assert seconds > 0
    np.testing.assert_array_equal(Tables(tmp_path / "tables")["draws-1"]["x"], np.random.default_rng(6).random(3) * 2.0)
    assert (tmp_path / "tables" / "draws-1.stamp").read_text() == "s\ndraws-1"


def test_a_stage_that_is_apart_takes_one_thread_and_gives_the_others_back(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        study(*DRAWS, TOTAL).run(tmp_path, processes=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(Tables(tmp_path / "tables")["draws-0"]["threads"].to_pylist()) == {1}


def test_what_is_apart_does_not_run_again_with_other_threads_and_the_rest_does(tmp_path: Path) -> None:
    run = Run(NUMBERS, tmp_path, 0, {"corpus": SPLITS})
    one = stage.stamps_of((*DRAWS, replace(TOTAL, needs=())), run, {})
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        two = stage.stamps_of((*DRAWS, replace(TOTAL, needs=())), run, {})
    finally:
        torch.set_num_threads(before)
    assert [name for name in one if one[name] != two[name]] == ["total"]


def test_neighbours_that_are_apart_and_left_over_go_to_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], int]] = []

    def made(tasks: list[tuple[Stage, str]], run: Run, processes: int) -> list[tuple[str, float]]:
        asked.append(([one.name for one, _ in tasks], processes))
        return [(one.name, float(one.make(run, stamp))) for one, stamp in tasks]

    monkeypatch.setattr(stage, "made_apart", made)
    study(*DRAWS, TOTAL).run(tmp_path, processes=2)
    (tmp_path / "tables" / "draws-1.parquet").unlink()
    (tmp_path / "tables" / "draws-2.stamp").unlink()
    study(*DRAWS, TOTAL).run(tmp_path, processes=2)
    (tmp_path / "tables" / "draws-1.parquet").unlink()  # one alone needs no process of its own
    study(*DRAWS, TOTAL).run(tmp_path, processes=2)
    assert asked == [(["draws-0", "draws-1", "draws-2"], 2), (["draws-1", "draws-2"], 2)]
    assert "draws-1" in Tables(tmp_path / "tables")


def test_what_a_process_is_asked_can_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        """Processes that are none: what they are asked goes through bytes, as through a pipe."""

        def __init__(self, n: int, handler: bytes, _: str) -> None:
            self.handler = pickle.loads(handler)  # noqa: S301 - of our own
            numbers.append(n)

        def __enter__(self) -> Here:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def submit(self, task: tuple[Stage, str]) -> Future[float]:
            future: Future[float] = Future()
            future.set_result(self.handler(pickle.loads(pickle.dumps(task)), print))  # noqa: S301 - of our own
            return future

    numbers: list[int] = []
    monkeypatch.setattr(apart, "Processes", Here)
    study(*DRAWS, TOTAL).run(tmp_path / "two", processes=2)
    study(*DRAWS, TOTAL).run(tmp_path / "one", processes=1)
    assert numbers == [2]
    one, two = (Tables(tmp_path / name / "tables") for name in ("one", "two"))
    for name in ("draws-0", "draws-1", "draws-2", "total"):
        assert one[name].equals(two[name]), name


@pytest.mark.nightly
def test_processes_give_the_same_tables_and_say_what_went_wrong(tmp_path: Path) -> None:
    study(*DRAWS, TOTAL).run(tmp_path / "one", processes=1)
    study(*DRAWS, TOTAL).run(tmp_path / "two", processes=2)
    one, two = (Tables(tmp_path / name / "tables") for name in ("one", "two"))
    for name in ("draws-0", "draws-1", "draws-2", "total"):
        assert one[name].equals(two[name]), name
    with pytest.raises(DataError, match="there is no such thing: make one"):
        study(*DRAWS, Stage("broken", broken, apart=True)).run(tmp_path / "three", processes=2)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"has died \(exit code 3"):
        study(*DRAWS, Stage("dying", dying, apart=True)).run(tmp_path / "four", processes=2)
    assert time.monotonic() - started < 120
