"""What `run.json` tells of a study beside whose folder it is: the machine, the date, and how long every stage took."""

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
from rich.console import Console

from heedful.runs.folder import RECORD
from heedful.support.files import write_whole


class Record:
    """Command, machine, date, and the seconds of every stage, beside the identity that `RunFolder` wrote.

    Attributes:
        content: of the file.
    """

    def __init__(self, out: Path, facts: dict[str, Any]) -> None:
        self._path = out / RECORD
        self.content: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        self.content |= facts | {"machine": _machine(), "versions": versions()}
        self.content.setdefault("stages", {})

    def forget_all_but(self, names: Sequence[str]) -> None:
        """Drop stages that the study has no more, or no more under these settings."""
        self.content["stages"] = {
            name: self.content["stages"][name] for name in names if name in self.content["stages"]
        }

    def finished(self, stage: str, seconds: float, *, shown: bool) -> None:
        """Write down how long a stage took; `shown` says so on stderr too."""
        self.content["stages"][stage] = round(seconds, 1)
        self.content["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
        write_whole(self._path, json.dumps(self.content, indent=2, ensure_ascii=False) + "\n")
        if shown:
            Console(stderr=True).print(f"{stage}: {seconds:.0f} s", highlight=False)


SCORES = ("heedful", "numba", "numpy", "pyarrow", "tokenizers", "torch", "transformers")  # what scores depend on


def versions(names: Sequence[str] = (*SCORES, "scipy")) -> dict[str, str]:
    """Return the versions of heedful and of libraries; by default of those that tables of statistics may depend on."""
    return {name: version(name) for name in names}


def _machine() -> str:
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{platform.system()} {platform.machine()}, {cores}, Python {platform.python_version()}"
