"""The framework: stages are run once, in order, again when something about them changes, and survive a kill."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dying import kill, moments, spread
from heedful import studies
from heedful.data import Dataset, Splits
from heedful.errors import DataError, InputError, SettingError
from heedful.runs.lock import locked
from heedful.runs.tables import Tables
from heedful.studies.recipes import PaperClassifier
from heedful.studies.run import Run, Settings
from heedful.studies.stage import Stage
from heedful.studies.study import Study
from models.small_run import RECIPE, SIZES, SPLITS, metrics_of


@dataclass(frozen=True, kw_only=True)
class Numbers(Settings):
    factor: float = 2.0


class Bench:
    """A study of two stages that notes what runs; `broken` makes the second one fail like a kill."""

    def __init__(self, tmp_path: Path) -> None:
        self.ran: list[str] = []
        self.broken = False
        self.out = tmp_path / "out"
        source = tmp_path / "measuring.py"
        source.write_text("one")
        self.code = ModuleType("measuring")
        self.code.__file__ = str(source)
        self.texts = SPLITS
        numbers = Numbers(recipes=(PaperClassifier("small", "corpus", RECIPE, SIZES),))
        stages = [
            Stage("first", self.first, ("factor",), code=(self.code,)),
            Stage("second", self.second, needs=("first",)),
            Stage("third", self.third),
        ]
        self.study = Study(
            name="bench",
            title="A bench",
            full=numbers,
            quick=replace(numbers, factor=3.0),
            data=lambda *_: {"corpus": self.texts},
            stages=lambda _: stages,
            figures=dict,
            package="heedful.studies",
            words=lambda _: {},
        )

    def first(self, run: Run) -> dict[str, pa.Table]:
        self.ran.append("first")
        return {"draws": pa.table({"x": np.random.default_rng(run.seed).random(3) * run.settings.factor})}

    def second(self, run: Run) -> dict[str, pa.Table]:
        self.ran.append("second")
        total = float(run.table("draws")["x"].to_numpy().sum())
        if self.broken:
            run.tables.write("total.summary", pa.table({"half": [1]}))
            raise KeyboardInterrupt
        return {"total.summary": pa.table({"total": [total, math.inf, math.nan, None]})}

    def third(self, run: Run) -> dict[str, pa.Table]:
        self.ran.append("third")
        return {"texts": pa.table({"text": run.texts(5)})}

    def run(self, monkeypatch: pytest.MonkeyPatch, **options: object) -> list[str]:
        """What ran."""
        monkeypatch.setattr("heedful.studies.report.write", lambda _, run, __: run.folder / "report.html")
        self.ran.clear()
        self.study.run(self.out, **options)
        return list(self.ran)

    @property
    def tables(self) -> Tables:
        return Tables(self.out / "tables")


ALL = ["first", "second", "third"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_stages_run_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.run(monkeypatch) == ALL
    assert bench.run(monkeypatch) == []


def test_an_edit_of_the_measuring_code_runs_that_stage_and_what_needs_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(monkeypatch)
    Path(bench.code.__file__).write_text("another")
    assert bench.run(monkeypatch) == ["first", "second"]


@pytest.mark.parametrize("fact", ["versions", "torch.get_num_threads"])
def test_other_versions_or_threads_run_everything(bench: Bench, monkeypatch: pytest.MonkeyPatch, fact: str) -> None:
    bench.run(monkeypatch)
    monkeypatch.setattr(f"heedful.studies.stage.{fact}", lambda: "another")
    assert bench.run(monkeypatch) == ALL


def test_an_edit_of_the_module_of_a_stage_function_runs_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench.run(monkeypatch)
    edited = tmp_path / "stages.py"
    edited.write_bytes(Path(__file__).read_bytes() + b"# another line")
    monkeypatch.setattr("heedful.studies.stage.getsourcefile", lambda _: str(edited))
    assert bench.run(monkeypatch) == ALL
    assert bench.run(monkeypatch) == []


def test_folders_that_were_deleted_are_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(monkeypatch)
    shutil.rmtree(bench.out / "tables")
    assert bench.run(monkeypatch) == ALL


def test_stages_that_are_no_more_leave_the_record(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(monkeypatch)
    record = json.loads((bench.out / "run.json").read_text("utf-8"))
    record["stages"]["gone"] = 600.0
    (bench.out / "run.json").write_text(json.dumps(record))
    Path(bench.code.__file__).write_text("another")
    bench.run(monkeypatch)
    assert set(json.loads((bench.out / "run.json").read_text("utf-8"))["stages"]) == set(ALL)


def test_another_setting_runs_what_reads_it_and_what_needs_that(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(monkeypatch)
    bench.study = replace(bench.study, full=replace(bench.study.full, factor=2.5))
    assert bench.run(monkeypatch) == ["first", "second"]


def test_another_recipe_runs_everything(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(monkeypatch)
    longer = PaperClassifier("longer", "corpus", RECIPE, SIZES)
    bench.study = replace(bench.study, full=replace(bench.study.full, recipes=(*bench.study.full.recipes, longer)))
    assert bench.run(monkeypatch) == ALL


def test_a_stage_sees_only_the_settings_it_names(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    undeclared = Stage("first", bench.first)
    bench.study = replace(bench.study, stages=lambda _: [undeclared])
    with pytest.raises(SettingError, match="stage 'first' reads the setting 'factor': name it in its `reads`"):
        bench.run(monkeypatch)


def test_a_run_that_was_killed_goes_on_where_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.broken = True
    with pytest.raises(KeyboardInterrupt):
        bench.run(monkeypatch)
    bench.broken = False
    assert bench.run(monkeypatch) == ["second", "third"]
    assert bench.tables.rows("total.summary")[0]["total"] == pytest.approx(
        2.0 * np.random.default_rng(0).random(3).sum()
    )


def test_a_kill_while_a_stage_is_run_again_leaves_no_old_stamp(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new first table must not pass for one that the old second stage has seen."""
    bench.run(monkeypatch)
    Path(bench.code.__file__).write_text("another")
    bench.broken = True
    with pytest.raises(KeyboardInterrupt):
        bench.run(monkeypatch)
    Path(bench.code.__file__).write_text("one")
    bench.broken = False
    assert bench.run(monkeypatch) == ["first", "second"]
    assert bench.tables.rows("total.summary")[0].keys() == {"total"}


def test_after_a_kill_between_any_two_operations_the_same_call_ends_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = moments(lambda: bench.run(monkeypatch))
    whole = {path.name: path.read_bytes() for path in (bench.out / "tables").iterdir()}
    assert len(whole) == 7
    for moment in spread(n, int(os.environ.get("HEEDFUL_MOMENTS", "10"))):
        shutil.rmtree(bench.out)
        kill(lambda: bench.run(monkeypatch), moment)
        bench.run(monkeypatch)
        assert {path.name: path.read_bytes() for path in (bench.out / "tables").iterdir()} == whole
        left = {path.name for path in bench.out.iterdir()}
        assert left == {".lock", "run.json", "models", "tables", "figures"}


@pytest.mark.parametrize(
    "left", [["models", "tables", "figures"], [".lock"], [".run.json.part"], ["tables/.heedful-0123456789abcdef.part"]]
)
def test_what_a_kill_leaves_before_the_first_file_is_an_empty_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, left: list[str]
) -> None:
    for name in left:
        (bench.out / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.out / name).write_text("{") if "." in name else (bench.out / name).mkdir()
    assert bench.run(monkeypatch) == ALL
    assert not list(bench.out.rglob("*.part"))


def test_two_processes_do_not_run_it_in_one_folder(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(monkeypatch)
    with locked(bench.out / ".lock"), pytest.raises(SettingError, match="another process works in"):
        bench.run(monkeypatch)


def test_an_empty_name_is_not_the_current_folder(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SettingError, match="name the folder to write to"):
        bench.study.run("")
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_one_line_and_the_run_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pyarrow.parquet.write_table", full)
        with pytest.raises(InputError, match=r"cannot write .*draws\.parquet: No space left on device"):
            bench.run(patch)
    assert bench.run(monkeypatch) == ALL


@pytest.mark.parametrize(
    ("change", "named"), [({"seed": 1}, "seed"), ({"quick": True}, "quick"), ({"texts": True}, "data")]
)
def test_a_folder_keeps_to_one_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], named: str
) -> None:
    bench.run(monkeypatch)
    if change.pop("texts", False):
        bench.texts = Splits(SPLITS.test, None, SPLITS.test)
    with pytest.raises(
        SettingError, match=rf"holds a run that differs in {named}[a-z.]*( \(.*\))?: choose another folder"
    ):
        bench.run(monkeypatch, **change)


def test_a_folder_of_somebody_else_is_left_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.out.mkdir()
    (bench.out / "thesis.txt").write_text("mine")
    with pytest.raises(SettingError, match="not an empty folder"):
        bench.run(monkeypatch)
    assert [path.name for path in bench.out.iterdir()] == ["thesis.txt"]


def test_summaries_are_json_that_every_reader_takes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(monkeypatch)
    found = json.loads((bench.out / "tables" / "total.summary.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert [row["total"] for row in found[1:]] == ["inf", "nan", None]
    assert not (bench.out / "tables" / "draws.json").exists()


def test_the_record_has_machine_date_and_times_but_no_paths(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(monkeypatch, data=bench.out.parent / "reviews", seed=0)
    text = (bench.out / "run.json").read_text("utf-8")
    record = json.loads(text)
    assert record["command"] == "heedful study bench --data reviews --out out --seed 0"
    assert list(record["stages"]) == ALL
    assert {"machine", "date", "versions", "data"} <= record.keys()
    assert str(bench.out.parent) not in text


def test_texts_are_drawn_by_the_seed_and_keep_their_order(bench: Bench) -> None:
    runs = [Run(bench.study.full, bench.out, seed, {"corpus": SPLITS}) for seed in (0, 0, 1)]
    places = [run.sample(20) for run in runs]
    assert places[0] == places[1] == sorted(set(places[0]))
    assert places[0] != places[2]
    assert runs[0].texts(20) == tuple(SPLITS.test.texts[i] for i in places[0])
    assert runs[0].texts() == SPLITS.test.texts
    assert set(runs[0].sample(5)) <= set(places[0])
    with pytest.raises(DataError, match="test part"):
        Run(bench.study.full, bench.out, 0, {"corpus": Splits(SPLITS.train, None, None)}).texts()


def test_classifiers_are_trained_once_and_told_apart_by_recipe(bench: Bench) -> None:
    run = Run(bench.study.full, bench.out, 3, {"corpus": SPLITS})
    assert run.classifier("small").name == "small"
    written = (bench.out / "models" / "small" / "metrics.json").stat().st_mtime_ns
    again = Run(bench.study.full, bench.out, 3, {"corpus": SPLITS})
    assert again.training("small") == metrics_of(bench.out / "models" / "small")
    assert (bench.out / "models" / "small" / "metrics.json").stat().st_mtime_ns == written
    other = replace(bench.study.full, recipes=(PaperClassifier("small", "corpus", replace(RECIPE, epochs=2), SIZES),))
    with pytest.raises(SettingError, match="already holds a trained model that differs in preset"):
        Run(other, bench.out, 3, {"corpus": SPLITS}).classifier("small")
    with pytest.raises(SettingError, match="no recipe for a classifier 'large': there are small"):
        run.classifier("large")


@dataclass(frozen=True)
class Dummy:
    """A recipe for another kind of model: none at all."""

    name: str
    data: str
    value: float = 0.5

    def train(self, splits: Splits, folder: Path, seed: int, *, progress: bool = False) -> dict[str, Any]:
        return {"n_train": len(splits.train), "test": {"n": 2, "accuracy": self.value}, "seed": seed}


def test_a_study_brings_recipes_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Numbers(recipes=(Dummy("dummy", "corpus"), *bench.study.full.recipes))
    run = Run(numbers, bench.out, 3, {"corpus": SPLITS})
    assert run.training("dummy") == {"n_train": len(SPLITS.train), "test": {"n": 2, "accuracy": 0.5}, "seed": 3}
    bench.study = replace(bench.study, full=numbers)
    assert bench.run(monkeypatch) == ALL
    bench.study = replace(bench.study, full=replace(numbers, recipes=(Dummy("dummy", "corpus", 0.6),)))
    assert bench.run(monkeypatch) == ALL


def test_rows_are_picked_by_value(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    tables.write("t", pa.table({"a": ["x", "x", "y"], "n": [1, 2, 3]}))
    assert tables.rows("t", a="x") == [{"a": "x", "n": 1}, {"a": "x", "n": 2}]
    assert tables.one("t", a="y")["n"] == 3
    with pytest.raises(SettingError, match="2 rows of t"):
        tables.one("t", a="x")
    with pytest.raises(SettingError, match="no table 'u'"):
        tables.rows("u")
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_an_unknown_study_is_named() -> None:
    with pytest.raises(SettingError, match="use one of attention-meets-post-hoc"):
        studies.find("attention")


def test_a_data_set_is_told_by_its_texts_and_labels() -> None:
    from heedful.models.training import fingerprint

    swapped = Dataset(SPLITS.train.texts, SPLITS.train.labels[::-1], SPLITS.train.label_names, "swapped")
    assert fingerprint(SPLITS) != fingerprint(replace(SPLITS, train=swapped))
