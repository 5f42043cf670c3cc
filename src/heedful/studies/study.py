"""Studies: a paper's experiments, from settings to report; they survive a kill and give the same tables every time.

What a stage is and when it runs again stands in `heedful.studies.stage`, what it works with in `heedful.studies.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Generic

from heedful.data import Splits
from heedful.data.hub import is_hub_id
from heedful.models.training import fingerprint
from heedful.runs.folder import RunFolder
from heedful.runs.record import Record
from heedful.runs.tables import Tables
from heedful.studies.run import Run, S
from heedful.studies.stage import Stage, run_stages
from heedful.support.progress import track
from heedful.support.writable import check_folder


@dataclass(frozen=True)
class Study(Generic[S]):
    """A paper's experiments.

    Attributes:
        name: what the command line calls it.
        title: heading of the report.
        full, quick: settings of the real run, and of one that takes a minute or two and needs no data set.
        data: reads the data at a path (None: what comes built in) for settings and a seed.
        stages: for settings, in an order in which each comes after those it needs.
        figures: gives, by name, functions of the tables that draw them; called once matplotlib is needed.
        package: Python package whose `templates/report.md.j2` is the report.
        words: what the report's template may use beside tables: a function of the tables.
    """

    name: str
    title: str
    full: S
    quick: S
    data: Callable[[S, Path | None, int], Mapping[str, Splits]]
    stages: Callable[[S], Sequence[Stage[S]]]
    figures: Callable[[], Mapping[str, Callable[[Tables], Any]]]
    package: str
    words: Callable[[Tables], Mapping[str, Any]]

    def run(
        self,
        out: str | Path,
        data: str | Path | None = None,
        *,
        quick: bool = False,
        seed: int = 0,
        progress: bool = False,
        processes: int | None = None,
    ) -> Path:
        """Run what has not been run, draw the figures, write the report.

        Args:
            out: folder for everything; an interrupted run there goes on.
            data: the data set; see `data` of the study.
            quick: take the quick settings.
            seed: seed of everything random; the same one gives the same tables.
            progress: show progress on stderr.
            processes: how many stages that are apart run at once; None: one a core. The tables are the same.

        Returns:
            The HTML report; `report.md` lies beside it.

        Raises:
            SettingError: the folder holds results of another run, or another process works there.
            InputError: the folder cannot be written.
            DataError: the data set is missing or cannot be used.
            MissingExtraError: matplotlib or markdown-it-py is not installed.
        """
        from heedful.render.style import save  # late: it brings matplotlib, an extra
        from heedful.studies.report import write  # late: asks for the extra's libraries before anything takes time

        out = check_folder(out)
        settings = self.quick if quick else self.full
        mode = {"study": self.name, "quick": quick, "seed": seed}
        texts = self.data(settings, None if data is None else Path(data), seed)
        identity = mode | {"data": {key: fingerprint(splits) for key, splits in texts.items()}}
        stages = self.stages(settings)
        with RunFolder(out, identity, parts=("models", "tables", "figures")).claimed():
            record = Record(out, mode | {"command": self._command(out, data, quick=quick, seed=seed)})
            record.forget_all_but([stage.name for stage in stages])
            run = Run(settings, out, seed, texts, progress)
            run_stages(stages, run, record, processes)
            for name, draw in track(list(self.figures().items()), "drawing", shown=progress):
                save(partial(draw, run.tables), out / "figures", name)
            return write(self, run, record.content)

    def _command(self, out: Path, data: str | Path | None, *, quick: bool, seed: int) -> str:
        """The command line, with the names of folders for their paths."""
        name = data if data is None or is_hub_id(data) else Path(data).name
        chosen = "--quick" if quick else f"--data {name}" if name is not None else ""
        return " ".join(f"heedful study {self.name} {chosen} --out {out.resolve().name} --seed {seed}".split())


def figures_of(package: str) -> Callable[[], Mapping[str, Callable[[Tables], Any]]]:
    """Return a function that gives `FIGURES` of a package's module `figures`, which brings matplotlib, an extra."""
    return lambda: import_module(f"{package}.figures").FIGURES
