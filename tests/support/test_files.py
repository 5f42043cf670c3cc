"""Files appear whole or not at all, whoever else writes or reads."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dying import kill, moments
from heedful.errors import InputError
from heedful.support.files import is_scratch, open_whole, write_whole


@pytest.mark.parametrize("content", ["é\n\u2028", b"\xff\0"])
def test_what_is_written_is_read(tmp_path, content):
    write_whole(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == (content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("name", ["x" * 252, "x" * 255, "é" * 127 + "x", "\U0001f600" * 63, ".x", "-"])
def test_every_legal_name_can_be_written(tmp_path, name):
    for content in ("one", "two"):
        write_whole(tmp_path / name, content)
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_permissions_are_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append(("fsync", os.fstat(fd).st_size)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *paths: (order.append("replace"), replace(*paths)))
    write_whole(tmp_path / "file", "four")
    assert order == [("fsync", 4), "replace"]


@pytest.mark.parametrize("target", ["missing/file", "folder", "a\0b", "x" * 256, "file/inside"])
def test_what_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"cannot write .*: ") as raised:
        write_whole(tmp_path / target, "x")
    assert "\n" not in str(raised.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_error_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path):
    write_whole(tmp_path / "file", "old")

    def write():
        with open_whole(tmp_path / "file") as file:
            file.write(b"new")
            file.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    with pytest.raises(InputError):
        write_whole(tmp_path / "file", "\ud800")  # no encoding can write it
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path):
    def write():
        write_whole(tmp_path / "file", "new")

    n = moments(write)
    seen = []
    for moment in range(n):
        (tmp_path / "file").write_text("old")
        kill(write, moment)
        seen.append((tmp_path / "file").read_text())
        others = [path for path in tmp_path.iterdir() if path.name != "file"]
        assert all(is_scratch(path) for path in others)
        for path in others:
            path.unlink()
    assert seen == ["old"] * (n - 1) + ["new"]  # the last operation clears away


def test_many_writers_and_readers_of_one_file_never_meet(tmp_path):
    path, stop = tmp_path / "file", threading.Event()
    contents = {str(i) * (200_000 + i) for i in range(4)}
    path.write_text(next(iter(contents)))

    def write(content):
        for _ in range(25):
            write_whole(path, content)

    def read():
        while not stop.is_set():
            assert path.read_text() in contents

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, content) for content in contents]
        try:
            for writer in writers:
                writer.result()
        finally:
            stop.set()
        for reader in readers:
            reader.result()
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_scratch_files_are_told_from_others():
    assert all(is_scratch(Path(name)) for name in (".heedful-0123456789abcdef.part", ".run.json.part"))
    assert not any(is_scratch(Path(name)) for name in ("run.json", "a.part", ".film.part", ".heedful-0.part", ".lock"))
