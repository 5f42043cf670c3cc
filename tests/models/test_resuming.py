"""A run that was interrupted or killed goes on as if nothing had happened."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_run import RECIPE, SIZES, SPLITS, assert_same_run, metrics_of, texts
from transformers import Trainer, TrainerState

from dying import kill, moments
from heedful.data import Splits
from heedful.errors import InputError, SettingError
from heedful.models import training
from heedful.models.training import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    train(SPLITS, folder, RECIPE, sizes=SIZES)
    return folder


class Interrupted(Exception):  # noqa: N818
    pass


def interrupt(*_, **__):
    raise Interrupted


def interrupt_at_step(step):
    class Report(training.EpochReport):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == step:
                raise Interrupted

    return lambda patch: patch.setattr(training, "EpochReport", Report)


def interrupt_after_saving(epoch):
    class Report(training.EpochReport):
        def on_save(self, args, state, control, **_):
            if state.epoch == epoch:
                raise Interrupted

    return lambda patch: patch.setattr(training, "EpochReport", Report)


def call_in_second_checkpoint(patch, call):
    """Put `call` into the middle of writing the second checkpoint."""
    saved, original = [], Trainer._save_rng_state

    def save(trainer, folder):
        saved.append(folder)
        if len(saved) == 2:
            call()
        original(trainer, folder)

    patch.setattr(Trainer, "_save_rng_state", save)


def spoil_second_checkpoint(patch):
    """As after a kill in the middle of writing a checkpoint's last file."""

    def save(state, path):
        original(state, path)
        if "checkpoint-12" in path:
            Path(path).write_text('{"best_glo', "utf-8")
            raise Interrupted

    original = TrainerState.save_to_json
    patch.setattr(TrainerState, "save_to_json", save)


def interrupt_second_checkpoint(patch):
    call_in_second_checkpoint(patch, interrupt)


def interrupt_the_end(patch):
    patch.setattr(training, "finish", interrupt)


# what happens, given the last epoch; and how many epochs are not done again, given the best and the last
INTERRUPTIONS = {
    "before the first checkpoint": (lambda _: interrupt_at_step(3), lambda *_: 0),
    "after epoch 2": (lambda _: interrupt_after_saving(2), lambda *_: 2),
    "in the middle of epoch 3": (lambda _: interrupt_at_step(15), lambda *_: 2),
    "while early stopping waits": (lambda last: interrupt_after_saving(last - 1), lambda _, last: last - 1),
    "while a checkpoint is written": (lambda _: interrupt_second_checkpoint, lambda *_: 1),
    "while the last file of a checkpoint is written": (lambda _: spoil_second_checkpoint, lambda *_: 1),
    "after the last epoch": (lambda _: interrupt_the_end, lambda best, _: best),
}


@pytest.mark.parametrize("name", INTERRUPTIONS)
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(name, trained, tmp_path, monkeypatch):
    happen, epochs_done = INTERRUPTIONS[name]
    accuracies = [entry["eval_accuracy"] for entry in metrics_of(trained)["history"]]
    last, done = len(accuracies), epochs_done(accuracies.index(max(accuracies)) + 1, len(accuracies))
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        happen(last)(patch)
        with pytest.raises(Interrupted):
            train(SPLITS, folder, RECIPE, sizes=SIZES)
    assert not (folder / "metrics.json").exists()
    steps = []

    class Report(training.EpochReport):
        def on_step_end(self, args, state, control, **_):
            steps.append(state.global_step)

    monkeypatch.setattr(training, "EpochReport", Report)
    assert train(SPLITS, folder, RECIPE, sizes=SIZES)["resumed"] == (done > 0)
    assert steps == list(range(6 * done + 1, 6 * last + 1))  # six steps an epoch
    assert_same_run(folder, trained)


def train_until_killed(folder):
    """For a process of its own: dies in the middle of writing the second checkpoint."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        call_in_second_checkpoint(patch, lambda: os.kill(os.getpid(), signal.SIGKILL))
        train(SPLITS, folder, RECIPE, sizes=SIZES)


def test_a_killed_process_is_taken_up_where_it_was(trained, tmp_path):
    code = f"import test_resuming; test_resuming.train_until_killed({str(tmp_path / 'run')!r})"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    metrics = train(SPLITS, tmp_path / "run", RECIPE, sizes=SIZES)
    assert metrics["resumed"]
    assert_same_run(tmp_path / "run", trained)


def test_the_unfinished_run_of_another_setting_is_refused_and_left_alone(tmp_path, monkeypatch):
    arguments = {"splits": SPLITS, "preset": RECIPE, "sizes": SIZES, "seed": 0}
    interrupt_at_step(1)(monkeypatch)
    with pytest.raises(Interrupted):
        train(out=tmp_path / "run", **arguments)
    before = (tmp_path / "run" / "run.json").read_bytes()
    for changes in (
        {"splits": replace(SPLITS, test=None)},
        {"splits": replace(SPLITS, train=texts(240, 1))},
        {"splits": replace(SPLITS, train=replace(SPLITS.train, labels=1 - SPLITS.train.labels))},
        {"preset": replace(RECIPE, epochs=9)},
        {"sizes": replace(SIZES, heads=3)},
        {"seed": 7},
    ):
        with pytest.raises(
            SettingError, match=r"holds a run that differs in (data|preset|sizes|seed)[a-z._]*( \(.*\))?: choose"
        ):
            train(out=tmp_path / "run", **(arguments | changes))
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_folder_that_another_process_trains_in_is_refused_and_left_alone(trained, tmp_path, monkeypatch):
    refused = []

    class Report(training.EpochReport):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == 8:  # with a checkpoint that could be taken up
                with pytest.raises(SettingError, match=f"^another process works in {tmp_path}: wait for it, or"):
                    train(SPLITS, tmp_path, RECIPE, sizes=SIZES)
                refused.append(sorted(path.name for path in tmp_path.iterdir()))

    monkeypatch.setattr(training, "EpochReport", Report)
    train(SPLITS, tmp_path, RECIPE, sizes=SIZES)
    assert refused == [[".lock", "checkpoints", "run.json"]]
    assert_same_run(tmp_path, trained)


def test_a_run_that_another_process_has_finished_is_handed_back(tmp_path, monkeypatch):
    build = training.build_tokenizer

    def build_slowly(*arguments, **options):
        monkeypatch.setattr(training, "build_tokenizer", build)
        train(SPLITS, tmp_path, RECIPE, sizes=SIZES)
        return build(*arguments, **options)

    monkeypatch.setattr(training, "build_tokenizer", build_slowly)
    assert train(SPLITS, tmp_path, RECIPE, sizes=SIZES) == metrics_of(tmp_path)
    assert not (tmp_path / ".lock").exists()


def test_a_run_goes_on_after_its_folder_was_moved(trained, tmp_path, monkeypatch):
    """The best epoch is not the last one here: its checkpoint is named by a path."""
    with monkeypatch.context() as patch:
        interrupt_the_end(patch)
        with pytest.raises(Interrupted):
            train(SPLITS, tmp_path / "here", RECIPE, sizes=SIZES)
    (tmp_path / "here").rename(tmp_path / "there")
    train(SPLITS, tmp_path / "there", RECIPE, sizes=SIZES)
    assert_same_run(tmp_path / "there", trained)


FEW = Splits(texts(60, 0), None, texts(20, 5))
SHORT = replace(RECIPE, epochs=2, patience=2)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A run of two epochs, and the number of operations on files that it takes."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    return folder, moments(lambda: train(FEW, folder, SHORT, sizes=SIZES))


# all of them take a minute: HEEDFUL_MOMENTS=1000
MOMENTS = int(os.environ.get("HEEDFUL_MOMENTS", "6"))


@pytest.mark.parametrize("part", range(MOMENTS))
def test_after_a_kill_between_any_two_operations_the_same_call_ends_the_run(part, short, tmp_path):
    folder, n = short
    moment = round(part * (n - 1) / (MOMENTS - 1))
    if part and moment == round((part - 1) * (n - 1) / (MOMENTS - 1)):
        return
    kill(lambda: train(FEW, tmp_path / "run", SHORT, sizes=SIZES), moment)
    train(FEW, tmp_path / "run", SHORT, sizes=SIZES)
    assert_same_run(tmp_path / "run", folder)


LEFT_BY_A_KILL = {
    "before the first file": {".lock": "", ".run.json.part": "{"},
    "after the metrics": {"run.json": None, "checkpoints/checkpoint-6/model.safetensors": "", ".lock": ""},
    "while the last checkpoint was cleared away": {"run.json": None, "checkpoints/trained/config.json": "{"},
    "before the lock was cleared away": {".lock": ""},
}


@pytest.mark.parametrize("name", LEFT_BY_A_KILL)
def test_what_a_kill_leaves_is_cleared_away(name, short, tmp_path):
    finished, _ = short
    if name != "before the first file":
        shutil.copytree(finished, tmp_path / "run")
    for place, content in LEFT_BY_A_KILL[name].items():
        (tmp_path / "run" / place).parent.mkdir(parents=True, exist_ok=True)
        metrics = metrics_of(finished)
        identity = {key: metrics[key] for key in ("preset", "sizes", "seed", "data")}
        (tmp_path / "run" / place).write_text(json.dumps(identity) if content is None else content)
    train(FEW, tmp_path / "run", SHORT, sizes=SIZES)
    assert_same_run(tmp_path / "run", finished)


@pytest.mark.parametrize("limit", [100, 1_000, 4_000, 9_000])
def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(limit, short, tmp_path):
    """Files that may not grow: the run's record, the model, the optimizer's state, the random state, in this order."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(InputError, match=r"cannot write .*/run") as raised:
            train(FEW, tmp_path / "run", SHORT, sizes=SIZES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(raised.value)
    train(FEW, tmp_path / "run", SHORT, sizes=SIZES)
    assert_same_run(tmp_path / "run", short[0])
