"""What a module depends on, by the written rule, on a small package and on heedful itself."""

import shutil
from pathlib import Path

import grimp
import pytest

import heedful
from heedful.runs.imports import Sources

PACKAGE = {
    "__init__.py": "from pack.errors import Error\nfrom pack.unused import nothing",
    "errors.py": "class Error(Exception): pass",
    "unused.py": "nothing = 0",
    "plain.py": "import os\nfrom pack.errors import Error",
    "deep/__init__.py": "from pack.deep.one import first as renamed\nfrom pack.deep.two import second",
    "deep/one.py": "from . import two\nfirst = 1",
    "deep/two.py": "from ..errors import Error\nsecond = 2",
    "deep/three.py": "",
    "lazy/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pack.lazy.first import First\n"
    "def __getattr__(name): ...\ndef get(name): ...\ntable = {}",
    "lazy/first.py": "from pack.lazy.base import Base",
    "lazy/second.py": "from pack.lazy.base import Base",
    "lazy/base.py": "",
    "render/__init__.py": "",
    "render/html.py": "from pack.plain import Error",
    "annotated.py": "import typing\nif typing.TYPE_CHECKING:\n    from pack.plain import Error\n"
    "else:\n    from pack.unused import x",
    "late.py": "def f():\n    from pack.plain import Error\n    from pack.render import html",
    "shown.py": "from pack.render import html",
    "circle.py": "from pack.circle import x\nfrom pack.round import y",
    "round.py": "from pack.circle import x",
    "star.py": "from pack.deep import *",
    "broken.py": "def (",
}


@pytest.fixture
def folder(tmp_path):
    for name, content in PACKAGE.items():
        (tmp_path / "pack" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pack" / name).write_text(content)
    return tmp_path / "pack"


def reached(folder, statement):
    root = folder.parent / "root.py"
    root.write_text(statement)
    return {path.relative_to(folder).as_posix() for path in Sources(folder).closure(root) if path != root}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import numpy, os.path", ""),
        ("import pack.plain", "plain errors"),
        ("from pack.plain import Error", "plain errors"),
        ("from pack import plain", "plain errors"),
        ("from pack import Error", "errors"),
        ("from pack.deep import renamed", "deep/one deep/two errors"),
        ("from pack.deep import second as other", "deep/two errors"),
        ("from pack.deep import three", "deep/three"),
        ("from pack import deep", "deep/__init__ deep/one deep/two deep/three errors"),
        ("import pack.deep as d", "deep/__init__ deep/one deep/two deep/three errors"),
        ("from pack.deep import *", "deep/__init__ deep/one deep/two deep/three errors"),
        ("from pack import star", "star deep/__init__ deep/one deep/two deep/three errors"),
        ("from pack.lazy import First", "lazy/first lazy/base"),
        ("from pack.lazy import get", "lazy/__init__ lazy/first lazy/second lazy/base"),
        ("from pack.lazy import Second", "lazy/__init__ lazy/first lazy/second lazy/base"),
        ("from pack.annotated import a", "annotated unused"),
        ("from pack.late import f", "late plain errors"),
        ("from pack.shown import html", "shown render/html plain errors"),
        ("from pack.circle import x", "circle round"),
        ("from pack.broken import x", "broken"),
        ("import pack.missing\nfrom pack.missing import x\nimport package.errors", ""),
        ("try:\n    import pack.errors\nexcept ImportError:\n    pass", "errors"),
        ("class A:\n    def f(self):\n        async def g():\n            import pack.errors", "errors"),
    ],
)
def test_the_rule(folder, statement, expected):
    assert reached(folder, statement) == {f"{name}.py" for name in expected.split()}


def test_the_digest_follows_what_is_reached_and_nothing_else(folder):
    root = folder.parent / "root.py"
    root.write_text("from pack.deep import renamed")
    first = Sources(folder).digest(root)
    used = {"deep/one.py", "deep/two.py", "errors.py"}
    for name, content in PACKAGE.items():
        (folder / name).write_text(f"{content}\n# another line")
        assert (Sources(folder).digest(root) != first) == (name in used), name
        (folder / name).write_text(content)
    assert Sources(folder).digest(root) == first
    root.write_text("from pack.deep import renamed\n# another line")
    assert Sources(folder).digest(root) != first


def test_the_digest_is_the_same_elsewhere(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere" / "pack")
    places = (folder, tmp_path / "elsewhere" / "pack")
    assert len({Sources(place).digest(place / "deep" / "one.py", place / "late.py") for place in places}) == 1


def test_the_digest_tells_files_apart_by_name(folder):
    (folder / "twin.py").write_text(PACKAGE["errors.py"])
    assert Sources(folder).digest(folder / "twin.py") != Sources(folder).digest(folder / "errors.py")


def test_on_heedful_itself():
    """No more than an independent reading of the import graph says, and what surely counts."""
    graph = grimp.build_graph("heedful", exclude_type_checking_imports=True)
    sources = Sources()
    assert sources.folder == Path(heedful.__file__).parent.resolve()
    for module, counts in {
        "methods.lime": {"games/sampled/lime/ridge.py", "question/forwards.py", "text/units.py"},
        "games.exact.engine": {"games/exact/compiled.py", "support/parallel.py", "games/ratio.py"},
        "classifier.classifier": {"models/modeling.py", "text/encoding.py", "errors.py"},
        "models.training": {"models/trainer.py", "runs/lock.py", "data/dataset.py"},
    }.items():
        path = sources.folder.joinpath(*module.split("."))
        known = {name.removeprefix("heedful.") for name in graph.find_upstream_modules(f"heedful.{module}")}
        found = {one.relative_to(sources.folder) for one in sources.closure(path.with_suffix(".py"))}
        assert {".".join(one.with_suffix("").parts).removesuffix(".__init__") for one in found} <= known | {module}
        assert counts <= {one.as_posix() for one in found}
        assert not {one for one in found if one.parts[0] in {"cli", "render", "studies", "explaining"}}
