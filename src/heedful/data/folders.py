"""Folders: a folder of .txt files a class, a file in shards, a folder saved by `datasets`, the parts of a data set."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from heedful.data.arrow import saved_files
from heedful.data.columns import Columns, Query
from heedful.data.encodings import load, without_line_end
from heedful.data.formats import READERS, bare_name, read_file, table_suffix
from heedful.errors import DataError

SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
_IGNORED = {"unsup", "__MACOSX"}  # of aclImdb, and what macOS adds to archives
Place = Path | tuple[Path, ...]  # a file or folder, or the shards of a file
_SHARD = re.compile(r"(.+)-(\d{5,})-of-(\d{5,})(?:-[0-9a-f]+)?")  # older ones end in a fingerprint
_TEXT = re.compile(r".*\.txt(\.gz|\.bz2|\.xz)?", re.IGNORECASE)


def columns_of(place: Place, query: Query) -> Columns:
    """Read a file by its suffix, a folder of class folders, shards, or a folder that `datasets` saved.

    Raises:
        DataError: there is nothing to read, or something is missing.
    """
    if isinstance(place, tuple):
        return _joined(all_shards(place), query)
    if not place.is_dir():
        return read_file(place, query)
    if saved := saved_files(place):
        return _joined(saved, query)
    shards = shard_groups(place)
    if len(shards) == 1 and not any(class_files(place).values()):
        return _joined(all_shards(shards[0]), query)
    return _class_folders(place, query)


def find_parts(path: Path) -> dict[str, Place]:
    """Return the file, folder or shards of each part; a path without parts is all train.

    Raises:
        DataError: several places could be one part.
    """
    return parts_in(path) or parts_in(path / "data") or {"train": path}  # repositories of the hub have a folder data


def parts_in(path: Path) -> dict[str, Place]:
    """Return the parts that stand in a folder itself, if there are any.

    Raises:
        DataError: several places could be one part.
    """
    there = _places(path) if path.is_dir() else {}
    parts: dict[str, Place] = {}
    for split, aliases in SPLITS.items():
        places = [place for alias in aliases for place in there.get(alias, [])]
        readable = [place for place in places if not isinstance(place, Path) or place.is_dir() or _is_read(place)]
        if len(readable) > 1:
            raise DataError(f"{path}: which is {split}, {' or '.join(map(_name, readable))}? Keep one of them there")
        if places:
            parts[split] = (readable or places)[0]
    return parts


def _is_read(path: Path) -> bool:
    return table_suffix(path) in READERS


def _places(folder: Path) -> dict[str, list[Place]]:
    """Folders, tables and shards in a folder, by their names without suffixes and in small letters."""
    places: dict[str, list[Place]] = defaultdict(list)
    shards: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            places[path.name.lower()].append(path)
        elif table_suffix(path):
            if shard := _SHARD.fullmatch(bare_name(path)):
                shards[shard[1].lower(), path.name.removeprefix(bare_name(path))].append(path)
            else:
                places[bare_name(path).lower()].append(path)
    for (name, _), paths in shards.items():
        places[name].append(tuple(paths))
    return places


def _name(place: Place) -> str:
    if isinstance(place, Path):
        return place.name
    return re.sub(r"-\d{5,}-of-", "-*-of-", place[0].name)


def all_shards(shards: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the shards in their order.

    Raises:
        DataError: one of them is missing.
    """
    parsed = [_SHARD.fullmatch(bare_name(path)) for path in shards]
    numbers = [(int(one[2]), int(one[3])) for one in parsed if one]
    totals = {total for _, total in numbers}
    if len(totals) > 1:
        raise DataError(f"{shards[0].parent}: shards of several files, {shards[0].name} and {shards[-1].name}")
    there = {i for i, _ in numbers}
    expected = {i + (max(totals) in there) for i in range(*totals)}  # some count from 1
    if missing := sorted(expected - there):
        first = re.sub(r"-\d{5,}-of-", f"-{missing[0]:05d}-of-", shards[0].name)
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"{shards[0].parent}: {first}{more} is missing, so part of the data would be left out")
    if there - expected:
        raise DataError(f"{shards[0].parent}: more shards than the {len(expected)} that {shards[0].name} speaks of")
    return tuple(path for _, path in sorted(zip(numbers, shards, strict=True)))


def _joined(paths: Sequence[Path], query: Query) -> Columns:
    """The rows of several files, one after the other; their columns are those of the first."""
    tables: list[Columns] = []
    for path in paths:
        n = sum(len(table.values["text"]) for table in tables)
        if query.is_met(n):
            break
        table = read_file(path, replace(query, limit=query.limit and query.limit - n))
        if not table.values["text"]:
            continue
        if tables and table.names != tables[0].names:
            different = set(table.names.items()) ^ set(tables[0].names.items())
            raise DataError(f"{path}: other columns than in {paths[0].name}: {sorted(name for _, name in different)}")
        tables.append(table)
    if not tables:
        return Columns(str(paths[0].parent), {"text": []}, str, {})
    ends = list(accumulate(len(table.values["text"]) for table in tables))
    files = [Path(table.source).name for table in tables]

    def place(i: int) -> str:
        part = bisect_right(ends, i)
        return f"{files[part]}, {tables[part].place(i - (ends[part - 1] if part else 0))}"

    values = {role: [value for table in tables for value in table.values[role]] for role in tables[0].values}
    return Columns(str(paths[0].parent), values, place, tables[0].names)


def shard_groups(folder: Path) -> list[tuple[Path, ...]]:
    """Return the files in a folder that are shards, together with the others of their file."""
    return [one for places in _places(folder).values() for one in places if isinstance(one, tuple)]


def is_text_file(path: Path) -> bool:
    """Return True if a file holds a text, by its name."""
    return bool(_TEXT.fullmatch(path.name)) and not path.name.startswith("._")


def class_files(path: Path) -> dict[str, list[Path]]:
    """Return the text files of every class folder; macOS leaves files that start with ._ in some."""
    folders = [
        p for p in sorted(path.iterdir()) if p.is_dir() and p.name not in _IGNORED and not p.name.startswith(".")
    ]
    return {folder.name: sorted(p for p in folder.iterdir() if is_text_file(p)) for folder in folders}


def _class_folders(path: Path, query: Query) -> Columns:
    files_of = class_files(path)
    if not any(files_of.values()):
        files = [_name(place) for places in _places(path).values() for place in places if _is_table(place)]
        parts = [_name(place) for place in parts_in(path).values()]
        which = "one part" if parts else "the file"
        advice = f"name {which}"
        if len(files) > 1 and len({re.sub(r"\d+", "", name) for name in files}) == 1:
            advice = "if they are one data set, join them, or name them as its shards, NAME-00000-of-00002 and so on"
        hint = f"; it holds {', '.join(parts or files)}: {advice}" if parts or files else ""
        raise DataError(f"{path}: nothing to read, as it has no folders of .txt files, one a class{hint}")
    empty = [name for name, files in files_of.items() if not files]
    if empty:
        raise DataError(f"{path}: no .txt file in {', '.join(empty)}")
    turns = sorted((turn, name, file) for name, files in files_of.items() for turn, file in enumerate(files))
    turns = turns[: query.limit]
    texts = [_text(file, query.encoding) for _, _, file in turns]
    values = {"text": texts} | ({"label": [name for _, name, _ in turns]} if query.labelled else {})
    names = {role: "text of the file" if role == "text" else "folder" for role in values}
    return Columns(str(path), values, lambda i: str(turns[i][2].relative_to(path)), names)


def _is_table(place: Place) -> bool:
    return isinstance(place, tuple) or not place.is_dir()


def _text(path: Path, encoding: str | None) -> str:
    """The text of a file; an empty one is refused later, as one with a blank text."""
    return without_line_end(load(path, encoding).whole()) if path.stat().st_size else ""
