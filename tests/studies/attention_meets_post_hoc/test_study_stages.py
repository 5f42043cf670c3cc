"""What each stage's tables depend on: its own imports, and no more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import heedful
from heedful.runs.imports import Sources
from heedful.studies import find

PACKAGE = Path(heedful.__file__).parent
STUDY = "studies/attention_meets_post_hoc"
STAGES = {
    stage.name: stage for stage in find("attention-meets-post-hoc").stages(find("attention-meets-post-hoc").quick)
}
MEASURING = ("formulas", "affine", "widths", "samples", "attention", "control", "gradients")


def reached(name: str) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in Sources().closure(*STAGES[name].files)}


@pytest.mark.parametrize("name", STAGES)
def test_what_every_stage_depends_on(name: str) -> None:
    found = reached(name)
    assert {f"{STUDY}/{path.name}" for path in STAGES[name].files} - {f"{STUDY}/recipes.py"} <= found
    assert {"studies/run.py", "runs/tables.py", "data/dataset.py", "classifier/classifier.py"} <= found
    apart = {
        "studies/report.py",
        "render/style.py",
        f"{STUDY}/figures.py",
        f"{STUDY}/sections.py",
        f"{STUDY}/stages.py",
    }
    assert not apart & found
    assert not {path for path in found if path.startswith("cli/")}


@pytest.mark.parametrize("name", MEASURING)
def test_a_measurement_does_not_depend_on_another_one(name: str) -> None:
    assert not {f"{STUDY}/{other}.py" for other in MEASURING if other != name} & reached(name)


@pytest.mark.parametrize(
    ("name", "used", "unused"),
    [
        ("affine", {"games/exact/lime.py", "games/formulas.py"}, {"methods/lime.py", "games/sampled/lime/ridge.py"}),
        ("sampled", {"methods/lime.py", "games/sampled/lime/ridge.py"}, {"methods/lrp.py", "methods/attention.py"}),
        (
            "samples",
            {"games/sampled/kernel_regression.py", "games/sampled/lime/ridge.py"},
            {"methods/lime.py", "methods/shap.py"},
        ),
        ("attention", {"games/exact/rules.py", "metrics/agreement.py"}, {"methods/attention.py", "models/training.py"}),
        ("control", {"methods/lrp.py", "methods/lime.py", "data/planted_words.py"}, {"models/training.py"}),
        (
            "train",
            {"models/training.py", "models/trainer.py", "studies/recipes.py"},
            {"methods/lime.py"},
        ),
        ("seed-1", {"models/training.py", f"{STUDY}/attention.py"}, {"methods/lime.py", f"{STUDY}/affine.py"}),
    ],
)
def test_what_some_stages_depend_on(name: str, used: set[str], unused: set[str]) -> None:
    found = reached(name)
    assert used <= found
    assert not unused & found
    assert all((PACKAGE / path).is_file() for path in used | unused)


def test_an_edit_counts_where_it_is_used(tmp_path: Path) -> None:
    package = Path(shutil.copytree(PACKAGE, tmp_path / "heedful", ignore=shutil.ignore_patterns("__pycache__")))

    def digest(name: str) -> str:
        return Sources(package).digest(*(package / path.relative_to(PACKAGE) for path in STAGES[name].files))

    stages = ("affine", "sampled", "train")
    before = {name: digest(name) for name in stages}
    for edited, changed in {
        "render/html.py": (),
        "cli/study.py": (),
        "methods/lrp.py": (),
        "methods/__init__.py": (),
        f"{STUDY}/samples.py": (),
        "games/formulas.py": ("affine", "sampled"),
        "methods/lime.py": ("sampled",),
        "models/training.py": ("train",),
        f"{STUDY}/affine.py": ("affine",),
        "classifier/classifier.py": stages,
    }.items():
        content = (package / edited).read_bytes()
        (package / edited).write_bytes(content + b"\n# another line\n")
        assert tuple(name for name in stages if digest(name) != before[name]) == changed, edited
        (package / edited).write_bytes(content)
