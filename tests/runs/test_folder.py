"""A run's folder: whose it is, who may work there, and that a kill at any moment costs no more than work."""

import json
import re
import shutil
from contextlib import suppress

import pytest

from dying import Dying, Killed, kill, moments
from heedful.errors import InputError, SettingError
from heedful.runs.folder import RunFolder
from heedful.runs.lock import BusyError, locked
from heedful.support.files import write_whole

WHO = {"seed": 0, "data": "abc", "sizes": {"heads": 6, "shape": (1, 2)}}
DONE = {"seed": 0, "data": "abc", "sizes": {"heads": 6, "shape": [1, 2]}, "accuracy": 0.5}


def folder(path, identity=WHO, **options):
    return RunFolder(path, identity, "metrics.json", "a trained model", ("steps", "tables"), ("steps",), **options)


def work(run, steps=None):
    """A run of three steps that are not done twice, tables, and a result."""
    if (result := run.finished()) is not None:
        return result
    with run.claimed() as result:
        if result is not None:
            return result
        for step in range(3):
            if not (run.path / "steps" / str(step)).is_file():
                write_whole(run.path / "steps" / str(step), "done")
                if steps is not None:
                    steps.append(step)
        write_whole(run.path / "tables" / "table", "written")
        return run.finish({"accuracy": 0.5})


def contents(path):
    return {str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()}


def assert_done(path):
    assert set(contents(path)) == {"metrics.json", "tables/table"}
    assert json.loads((path / "metrics.json").read_text()) == DONE
    assert sorted(one.name for one in path.iterdir()) == ["metrics.json", "tables"]


def test_a_run_ends_with_its_result_and_is_not_done_again(tmp_path):
    steps = []
    work(folder(tmp_path / "new" / "run"), steps)
    assert_done(tmp_path / "new" / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "new" / "run").rglob("*")}
    assert json.loads(json.dumps(work(folder(tmp_path / "new" / "run"), steps))) == DONE
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "new" / "run").rglob("*")} == before
    assert steps == [0, 1, 2]


def test_after_a_kill_at_any_moment_the_same_call_goes_on_and_tidies_up(tmp_path):
    n = moments(lambda: work(folder(tmp_path / "whole" / "run")))
    for moment in range(n):
        path = tmp_path / str(moment) / "run"
        kill(lambda path=path: work(folder(path)), moment)
        left = set(contents(path)) if path.exists() else set()
        steps = []
        work(folder(path), steps)
        assert_done(path)
        if "metrics.json" not in left:
            assert steps == [step for step in range(3) if f"steps/{step}" not in left]


def test_after_two_kills_too(tmp_path):
    n = moments(lambda: work(folder(tmp_path / "whole")))
    for first in range(0, n, 3):
        for second in range(0, 8, 2):
            path = tmp_path / f"{first}-{second}"
            kill(lambda path=path: work(folder(path)), first)
            with pytest.MonkeyPatch.context() as patch:
                Dying(patch, second)
                with suppress(Killed):
                    work(folder(path))
            work(folder(path))
            assert_done(path)


def test_a_run_without_a_result_keeps_its_record(tmp_path):
    run = RunFolder(tmp_path / "run", WHO, parts=("tables",))
    for _ in range(2):
        assert run.finished() is None
        with run.claimed() as result:
            assert result is None
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == json.loads(json.dumps(WHO))


LEFT_BY_A_KILL = {
    "nothing": [],
    "a lock": [".lock"],
    "half of the first file": [".lock", ".run.json.part", ".heedful-0123456789abcdef.part"],
    "empty folders": ["models/", "tables/", "figures/", "steps/deep/deeper/"],
    "half a file in a folder": ["tables/.heedful-0123456789abcdef.part"],
}


@pytest.mark.parametrize("name", LEFT_BY_A_KILL)
def test_what_a_kill_leaves_before_the_first_file_is_an_empty_folder(tmp_path, name):
    path = tmp_path / "run"
    path.mkdir()
    for left in LEFT_BY_A_KILL[name]:
        place = path / left
        (place if left.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not left.endswith("/"):
            place.write_text("{")
    work(folder(path))
    assert set(contents(path)) == {"metrics.json", "tables/table"}


@pytest.mark.parametrize(
    "name", ["thesis.txt", ".hidden", ".film.part", "deep/thesis.txt", "run.json", ".git/HEAD", "checkpoint"]
)
def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{ mine")
    before = contents(tmp_path)
    for use in (folder(tmp_path).finished, folder(tmp_path).claimed().__enter__):
        with pytest.raises(SettingError, match="choose another"):
            use()
    assert contents(tmp_path) == before


def test_a_link_that_leads_nowhere_is_somebody_elses(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(SettingError, match="choose another"):
        folder(tmp_path).finished()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 1}, "seed (0 there, 1 here)"),
        ({"data": "b", "sizes": {"heads": 1}}, "data (abc there, b here), sizes"),
        ({"quick": True}, "quick"),
    ],
)
@pytest.mark.parametrize("ended", [True, False])
def test_another_run_is_refused_and_told_by_what_differs(tmp_path, changes, named, ended):
    if ended:
        work(folder(tmp_path))
    else:
        kill(lambda: work(folder(tmp_path)), 12)
        assert "run.json" in contents(tmp_path)
    before = contents(tmp_path)
    other = folder(tmp_path, WHO | changes)
    holds = "already holds a trained model" if ended else "holds a run"
    for use in (other.finished, other.claimed().__enter__):
        with pytest.raises(
            SettingError, match=re.escape(f"{holds} that differs in {named}: choose another folder or delete it")
        ):
            use()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("damage", ["", "{", "[1]", "null", "[" * 100_000])
def test_a_record_that_cannot_be_read_is_nobodys(tmp_path, damage):
    (tmp_path / "run.json").write_text(damage)
    with pytest.raises(SettingError, match="choose another"):
        folder(tmp_path).finished()


def test_one_process_at_a_time(tmp_path):
    with folder(tmp_path).claimed():
        assert folder(tmp_path).finished() is None
        with pytest.raises(SettingError, match=f"another process works in {tmp_path}: wait for it, or choose another"):
            work(folder(tmp_path))
        with pytest.raises(BusyError), locked(tmp_path / ".lock"):
            pass
    work(folder(tmp_path))
    assert_done(tmp_path)


def test_the_end_of_another_process_is_noticed_at_the_claim(tmp_path):
    mine, theirs = folder(tmp_path), folder(tmp_path)
    assert mine.finished() is None
    work(theirs)
    with mine.claimed() as result:
        assert result == DONE
    assert_done(tmp_path)


def test_a_folder_that_another_process_clears_away_is_finished(tmp_path):
    work(folder(tmp_path))
    (tmp_path / "run.json").write_text("{}")
    with locked(tmp_path / ".lock"):
        assert folder(tmp_path).finished() == DONE
    assert folder(tmp_path).finished() == DONE
    assert_done(tmp_path)


def test_a_run_that_is_given_up_leaves_an_empty_folder(tmp_path):
    run = folder(tmp_path / "run")
    with run.claimed():
        (run.path / "steps" / "one").write_text("x")
        run.abandon()
    assert contents(tmp_path / "run") == {}
    shutil.rmtree(tmp_path / "run" / "tables")
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("name", ["file/inside", "x" * 300, "a\0b", "file/deep/inside"])
def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot create ") as raised:
        work(folder(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_a_file_in_place_of_the_lock_or_a_part_is_one_line(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(InputError, match="cannot create"):
        work(folder(tmp_path))
