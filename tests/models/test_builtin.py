"""The built-in model and its cache, which mends itself."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from heedful import api
from heedful.data import planted
from heedful.errors import InputError
from heedful.models import builtin


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEEDFUL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def trainings(monkeypatch):
    """Stands in for training: writes two files, unless somebody trains at the same time."""
    calls, overlap = [], threading.Event()

    def train(_splits, out, _preset, **_):
        calls.append(out)
        if len(calls) > 1:
            overlap.set()
        overlap.wait(0.2)
        out.mkdir(parents=True)
        (out / "metrics.json").write_text("{}", "utf-8")
        (out / "model.safetensors").write_bytes(bytes(1000))

    monkeypatch.setattr(builtin, "train", train)
    monkeypatch.setattr(planted, "generate", lambda *_, **__: ())
    return calls


def refuse(*_, **__):
    raise PermissionError(13, "Permission denied")


def test_it_is_trained_once(cache, trainings, monkeypatch):
    folder = builtin.demo_folder()
    assert folder.parent == cache
    monkeypatch.setattr(builtin, "locked", lambda *_, **__: pytest.fail("a whole model needs no writing"))
    assert builtin.demo_folder() == folder
    assert trainings == [folder]


def test_one_of_many_at_the_same_time_trains_it(cache, trainings):
    threads = [threading.Thread(target=builtin.demo_folder) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trainings) == 1


def emptied(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def a_file_in_its_place(folder):
    shutil.rmtree(folder)
    folder.write_text("not a folder", "utf-8")


def a_link_in_its_place(folder):
    shutil.rmtree(folder)
    folder.symlink_to(folder.parent)


def a_link_to_nowhere(folder):
    shutil.rmtree(folder)
    folder.symlink_to(folder.parent / "nowhere")


def sixteen_bytes_overwritten(folder):
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(500)
        file.write(b"0123456789abcdef")


def a_folder_for_a_file(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


DAMAGE = {
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "empty weights": lambda folder: (folder / "model.safetensors").write_bytes(b""),
    "truncated weights": lambda folder: (folder / "model.safetensors").write_bytes(bytes(700)),
    "sixteen bytes": sixteen_bytes_overwritten,
    "no metrics": lambda folder: (folder / "metrics.json").unlink(),
    "another file": lambda folder: (folder / "adapter_config.json").write_text("{}", "utf-8"),
    "no checksums": lambda folder: (folder / "checksums.json").unlink(),
    "empty checksums": lambda folder: (folder / "checksums.json").write_text("{}", "utf-8"),
    "half the checksums": lambda folder: (folder / "checksums.json").write_text('{"a', "utf-8"),
    "odd checksums": lambda folder: (folder / "checksums.json").write_bytes(b"\xff["),
    "empty folder": emptied,
    "a file in its place": a_file_in_its_place,
    "a link in its place": a_link_in_its_place,
    "a link to nowhere": a_link_to_nowhere,
    "a folder for a file": a_folder_for_a_file,
    "an unfinished run": lambda folder: (folder / "run.json").write_text("{", "utf-8"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_model_is_made_anew(name, cache, trainings, capfd):
    folder = builtin.demo_folder()
    DAMAGE[name](folder)
    assert builtin.demo_folder() == folder
    assert len(trainings) == 2
    assert builtin.demo_folder() == folder
    assert len(trainings) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["checksums.json", "metrics.json", "model.safetensors"]
    assert capfd.readouterr() == ("", "")


def test_hidden_files_of_others_do_not_count(cache, trainings):
    (builtin.demo_folder() / ".DS_Store").write_text("", "utf-8")
    builtin.demo_folder()
    assert len(trainings) == 1


def test_every_file_of_the_model_is_watched():
    folder = builtin.demo_folder()
    sums = json.loads((folder / "checksums.json").read_text("utf-8"))
    assert set(sums) == {"config.json", "metrics.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def test_a_whole_model_in_a_cache_that_cannot_be_written_is_used(cache, trainings, monkeypatch):
    folder = builtin.demo_folder()
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "mkdir", refuse)
    assert builtin.demo_folder() == folder


@pytest.mark.parametrize("operation", ["open", "mkdir", "unlink"])
def test_a_damaged_model_in_a_cache_that_cannot_be_written_is_one_clear_line(cache, trainings, monkeypatch, operation):
    folder = builtin.demo_folder()
    a_file_in_its_place(folder)
    if operation == "mkdir":
        shutil.rmtree(cache)
    with monkeypatch.context() as patch:
        patch.setattr(os, operation, refuse)
        with pytest.raises(InputError, match=r"cannot keep the built-in model in .*: .*; set HEEDFUL_CACHE") as raised:
            builtin.demo_folder()
    assert "\n" not in str(raised.value)
    assert builtin.demo_folder() == folder


def test_a_full_disk_is_one_clear_line(cache, monkeypatch):
    def full(*_, **__):
        raise InputError("cannot write x: No space left on device")

    monkeypatch.setattr(builtin, "train", full)
    with pytest.raises(InputError, match=r"cannot keep .* No space left on device; set HEEDFUL_CACHE"):
        builtin.demo_folder()


def test_a_cache_that_cannot_be_written_is_one_clear_line(cache):
    cache.write_text("a file", "utf-8")
    with pytest.raises(InputError, match="HEEDFUL_CACHE") as raised:
        builtin.demo_folder()
    assert "\n" not in str(raised.value)


def test_a_cache_with_a_name_that_is_too_long_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("HEEDFUL_CACHE", "x" * 300)
    with pytest.raises(InputError, match="set HEEDFUL_CACHE"):
        builtin.demo_folder()


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HEEDFUL_CACHE", "/one")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert builtin.cache_folder() == Path("/one")
    monkeypatch.delenv("HEEDFUL_CACHE")
    assert builtin.cache_folder() == Path("/two/heedful")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert builtin.cache_folder() == tmp_path / ".cache" / "heedful"


def test_no_home_folder_is_one_clear_line(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("HEEDFUL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(InputError, match=r"no home folder .* set HEEDFUL_CACHE"):
        builtin.demo_folder()


def test_the_built_in_model_reads_planted_reviews_it_has_not_seen():
    classifier = api.load("demo")
    reviews = planted.generate(300, seed=1)
    rows = [classifier.encode(review.text).input_ids for review in reviews]
    right = classifier.logits(rows).argmax(1) == [review.label for review in reviews]
    assert (classifier.name, classifier.labels) == ("demo", planted.LABELS)
    # chance is 0.5, and the standard deviation of a share of 300 is below 0.02 here
    assert right.mean() > 0.85
