"""Studies: a paper's experiments as stages that survive a kill and give the same tables every time.

A stage turns earlier tables, classifiers and texts into tables. They are kept as Parquet under a stamp: a digest of the
settings it reads, the seed, the data, the number of threads, the libraries' versions, heedful's own code (the stage's
modules, this one, the tables', and all that is no study and no rendering), and the stamps of the stages it needs. A
stage whose stamp is there already is not run again; anything about it that changes makes it, and what needs it, run.
Trained classifiers are kept by their settings, data and seed alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from inspect import getsourcefile
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

import numpy as np
import pyarrow as pa
import torch

import heedful
from heedful.classifier import Classifier
from heedful.classifier.load import from_pretrained
from heedful.data import Dataset, Splits
from heedful.data.hub import is_hub_id
from heedful.errors import DataError, InputError, SettingError
from heedful.models.presets import Preset
from heedful.models.training import METRICS, Sizes, fingerprint, train
from heedful.runs import tables
from heedful.runs.record import Record, claim, versions
from heedful.runs.tables import Tables
from heedful.support.files import write_whole
from heedful.support.progress import track

Item = TypeVar("Item")


@dataclass(frozen=True)
class Recipe:
    """How a classifier of a study is trained.

    Attributes:
        name: what stages call it.
        data: key of the data it is trained on.
        preset: everything that shapes the training run.
        sizes: sizes of the model.
    """

    name: str
    data: str
    preset: Preset
    sizes: Sizes


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every study's settings hold; a study adds its own numbers.

    Attributes:
        recipes: the classifiers there are.
    """

    recipes: tuple[Recipe, ...]


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, eq=False)
class Run(Generic[S]):
    """What a stage works with.

    Attributes:
        settings: the study's numbers.
        folder: where everything goes: `models`, `tables`, `figures` and the report.
        seed: seed of everything random.
        data: the texts, by key; "corpus" is the one the study is about.
        progress: whether to show progress on stderr.
    """

    settings: S
    folder: Path
    seed: int
    data: Mapping[str, Splits]
    progress: bool = False
    _loaded: dict[str, Classifier] = field(default_factory=dict)

    @property
    def tables(self) -> Tables:
        """Tables of the stages that have run."""
        return Tables(self.folder / "tables")

    def table(self, name: str) -> pa.Table:
        """A table of an earlier stage."""
        return self.tables[name]

    def classifier(self, name: str = "paper") -> Classifier:
        """A classifier by the name of its recipe; trained where it has not been yet."""
        if name not in self._loaded:
            self.training(name)
            self._loaded[name] = from_pretrained(self.folder / "models" / name, name=name)
        return self._loaded[name]

    def training(self, name: str) -> dict[str, Any]:
        """What stands in the `metrics.json` of a classifier; trains it where it has not been, goes on after a kill.

        Raises:
            SettingError: there is no such recipe, or the folder holds a model of another one.
        """
        recipe = next((recipe for recipe in self.settings.recipes if recipe.name == name), None)
        if recipe is None:
            known = ", ".join(recipe.name for recipe in self.settings.recipes)
            raise SettingError(f"no recipe for a classifier {name!r}: there are {known}")
        folder, splits = self.folder / "models" / name, self.data[recipe.data]
        if (folder / METRICS).is_file():
            metrics: dict[str, Any] = json.loads((folder / METRICS).read_text("utf-8"))
            wanted = {
                "preset": asdict(recipe.preset), "sizes": asdict(recipe.sizes),
                "seed": self.seed, "data": fingerprint(splits),
            }  # fmt: skip
            if any(metrics[key] != value for key, value in wanted.items()):
                raise SettingError(f"{folder} holds a model of other settings: delete it, or choose another folder")
            return metrics
        return train(splits, folder, recipe.preset, sizes=recipe.sizes, seed=self.seed, progress=self.progress)

    def texts(self, n: int | None = None, *, data: str = "corpus") -> tuple[str, ...]:
        """Test texts: all, or n drawn by the seed, in the order of the data set.

        Raises:
            DataError: the data has no test part.
        """
        test = self._test(data)
        return tuple(test.texts[i] for i in self.sample(n, data=data))

    def sample(self, n: int | None = None, *, data: str = "corpus") -> list[int]:
        """The places of `texts` in the test part."""
        chosen = np.random.default_rng(self.seed).permutation(len(self._test(data)))[:n]
        chosen.sort()
        found: list[int] = chosen.tolist()
        return found

    def _test(self, data: str) -> Dataset:
        test = self.data[data].test
        if test is None:
            raise DataError(f"{self.data[data].train.source}: the study needs a test part beside train")
        return test

    def track(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """Iterate with a progress bar."""
        return track(items if isinstance(items, Sequence) else list(items), what, shown=self.progress)


@dataclass(frozen=True)
class Stage(Generic[S]):
    """One step of a study.

    Attributes:
        name: unique within the study.
        run: makes the tables, by names that are unique within the study.
        reads: the settings it sees beside `recipes`; another value of one makes the stage run again.
        needs: names of the stages whose tables it reads.
        code: modules that measure; an edit of one makes the stage run again.
    """

    name: str
    run: Callable[[Run[S]], Mapping[str, pa.Table]]
    reads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    code: tuple[ModuleType, ...] = ()


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
    ) -> Path:
        """Run what has not been run, draw the figures, write the report.

        Args:
            out: folder for everything; an interrupted run there goes on.
            data: the data set; see `data` of the study.
            quick: take the quick settings.
            seed: seed of everything random; the same one gives the same tables.
            progress: show progress on stderr.

        Returns:
            The HTML report; `report.md` lies beside it.

        Raises:
            SettingError: the folder holds results of another run.
            DataError: the data set is missing or cannot be used.
            MissingExtraError: matplotlib or markdown-it-py is not installed.
        """
        from heedful.studies.report import write  # late: asks for the extra's libraries before anything takes time
        from heedful.studies.style import save  # late: it brings matplotlib, an extra

        out = Path(out)
        settings = self.quick if quick else self.full
        mode = {"study": self.name, "quick": quick, "seed": seed}
        texts = self.data(settings, None if data is None else Path(data), seed)
        try:
            claim(out, mode | {"data": {key: fingerprint(splits) for key, splits in texts.items()}})
        except OSError as error:
            raise InputError(f"cannot create {out}: {error.strerror}") from None
        record = Record(out, mode | {"command": self._command(out, data, quick=quick, seed=seed)})
        record.forget_all_but([stage.name for stage in self.stages(settings)])
        run = Run(settings, out, seed, texts, progress)
        self._run_stages(run, record)
        for name, draw in track(list(self.figures().items()), "drawing", shown=progress):
            save(partial(draw, run.tables), out / "figures", name)
        return write(self, run, record.content)

    def _run_stages(self, run: Run[S], record: Record) -> None:
        stages = self.stages(run.settings)
        numbers = asdict(run.settings)
        facts = [run.seed, record.content["data"], torch.get_num_threads(), versions(), _code()]
        stamps: dict[str, str] = {}
        for stage in stages:  # all at once: the code may be edited while it runs
            files = [Path(str(module.__file__)).read_bytes() for module in stage.code] + [_own_code(stage)]
            seen = {name: numbers[name] for name in ("recipes", *stage.reads)}
            parts = [json.dumps([seen, *facts], sort_keys=True), stage.name, *(stamps[need] for need in stage.needs)]
            stamps[stage.name] = _digest(*(part.encode() for part in parts), *files)
        for stage in stages:
            path = run.tables.folder / f"{stage.name}.stamp"
            if path.is_file() and path.read_text("utf-8") == stamps[stage.name]:
                continue
            path.unlink(missing_ok=True)
            started = time.perf_counter()
            for name, table in stage.run(replace(run, settings=cast("S", _Declared(run.settings, stage)))).items():
                run.tables.write(name, table)
            write_whole(path, stamps[stage.name])  # last: it says that everything else is there
            record.finished(stage.name, time.perf_counter() - started, shown=run.progress)

    def _command(self, out: Path, data: str | Path | None, *, quick: bool, seed: int) -> str:
        """The command line, with the names of folders for their paths."""
        name = data if data is None or is_hub_id(data) else Path(data).name
        chosen = "--quick" if quick else f"--data {name}" if name is not None else ""
        return " ".join(f"heedful study {self.name} {chosen} --out {out.resolve().name} --seed {seed}".split())


class _Declared(Settings):
    """The settings a stage reads, and no others: they would be missing from its stamp."""

    def __init__(self, settings: Settings, stage: Stage[Any]) -> None:
        vars(self).update({name: getattr(settings, name) for name in ("recipes", *stage.reads)}, _stage=stage.name)

    def __getattr__(self, name: str) -> Any:
        raise SettingError(f"stage {self._stage!r} reads the setting {name!r}: name it in its `reads`")


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _code() -> str:
    """A digest of what the measurements use: heedful without its studies, pages and commands."""
    package = Path(heedful.__file__).parent
    apart = ("studies", "render", "cli.py", "cli")
    files = [path for path in sorted(package.rglob("*.py")) if path.relative_to(package).parts[0] not in apart]
    return _digest(*(part for path in files for part in (path.name.encode(), path.read_bytes())))


def _own_code(stage: Stage[Any]) -> bytes:
    """The file of the stage's function, which says what is measured on what, this one, and that of the tables."""
    function = stage.run.func if isinstance(stage.run, partial) else stage.run
    return b"".join(Path(path).read_bytes() for path in (__file__, tables.__file__, str(getsourcefile(function))))
