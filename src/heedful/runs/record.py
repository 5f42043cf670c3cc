"""`run.json`: whose folder it is, and on what machine, when and how long a study ran there."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from heedful.errors import SettingError
from heedful.support.files import write_whole

_NAME = "run.json"


def claim(out: Path, identity: dict[str, Any]) -> None:
    """Make the folder and say whose it is; refuse what belongs to something else."""
    if (out / _NAME).is_file():
        try:
            found = json.loads((out / _NAME).read_text("utf-8"))
        except ValueError:
            found = {}
        differing = [key for key, value in identity.items() if found.get(key) != value]
        if differing:
            raise SettingError(
                f"{out} holds a run with another {' and another '.join(differing)}: choose another folder or delete it"
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingError(f"{out} is not an empty folder: choose another")
    for part in ("models", "tables", "figures"):
        (out / part).mkdir(parents=True, exist_ok=True)
    if not (out / _NAME).is_file():
        write_whole(out / _NAME, json.dumps(identity, indent=2) + "\n")


class Record:
    """Command, machine, date, and the seconds of every stage, beside what `claim` wrote.

    Attributes:
        content: of the file.
    """

    def __init__(self, out: Path, facts: dict[str, Any]) -> None:
        self._path = out / _NAME
        self.content: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        self.content |= facts | {"machine": _machine(), "versions": versions()}
        self.content.setdefault("stages", {})

    def forget_all_but(self, names: Sequence[str]) -> None:
        """Drop stages that the study has no more, or no more under these settings."""
        self.content["stages"] = {
            name: self.content["stages"][name] for name in names if name in self.content["stages"]
        }

    def finished(self, stage: str, seconds: float, *, shown: bool) -> None:
        """Note how long a stage took; `shown` says so on stderr too."""
        self.content["stages"][stage] = round(seconds, 1)
        self.content["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
        write_whole(self._path, json.dumps(self.content, indent=2, ensure_ascii=False) + "\n")
        if shown:
            from rich.console import Console

            Console(stderr=True).print(f"{stage}: {seconds:.0f} s", highlight=False)


def versions() -> dict[str, str]:
    """Of heedful and the libraries that tables may depend on."""
    names = ("heedful", "numba", "numpy", "pyarrow", "tokenizers", "torch", "transformers")
    return {name: version(name) for name in names}


def _machine() -> str:
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{platform.system()} {platform.machine()}, {cores}, Python {platform.python_version()}"
