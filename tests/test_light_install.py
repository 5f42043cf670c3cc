"""What works without any extra, and what says which extra it needs; in a process that cannot import the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from heedful import planted
from heedful.models.builtin import demo_folder

# what extras bring, and all that comes along with it
ABSENT = """
captum datasets duckdb fastapi lime markdown_it matplotlib pandas multipart pyarrow scipy shap shapiq sklearn uvicorn
beartype hypothesis pytest
"""
WITHOUT = f"""
import sys

class Without:
    "A finder that does not find some packages."
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        absent = name.partition(".")[0] in {ABSENT.split()!r}
        return None if absent else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path = [Without(finder) for finder in sys.meta_path]
"""

WORKS = """
import heedful
from heedful.cli import main

def run(*arguments):
    sys.argv = ["heedful", *arguments]
    try:
        main()
    except SystemExit as stop:
        return stop.code

assert run("demo", "--json") == 0
assert run("explain", "demo", "--file", "x.csv", "-m", "shapley-exact", "-o", "x.html") == 0
assert run("explain", "demo", "good film", "-m", "slalom", "--csv") == 0
assert run("train", "--data", "x.csv", "--out", "model", "--epochs", "1", "--heads", "1") == 0
assert run("compare", "model", "good film", "-m", "lime", "-m", "lrp") == 0
assert run("methods") == run("metrics") == 0
"""

REFUSED = """
print("refusals", file=sys.stderr)
assert run("explain", "demo", "--file", "x.parquet") == 2
assert run("train", "--data", "x.parquet", "--out", "m") == 2
assert run("train", "--data", "someone/somedata", "--out", "m") == 2
assert run("study", "attention-meets-post-hoc", "--quick", "--out", "s") == 2
assert run("serve", "demo", "--port", "0") == 2
explanation = heedful.explain(heedful.load("demo"), "good film", "random")
game = heedful.games.from_text(heedful.load("demo"), "good film")
for view in (explanation.to_frame, explanation.to_shap, game.to_shapiq):
    try:
        view()
    except heedful.errors.MissingExtraError as error:
        print("heedful:", error, file=sys.stderr)
"""


def test_the_demo_and_training_need_no_extra_and_what_needs_one_says_so(tmp_path: Path) -> None:
    demo_folder()  # not to be trained again
    rows = "".join(f'"{one.text}",{one.label}\n' for one in planted.generate(60, seed=1))
    (tmp_path / "x.csv").write_text("text,label\n" + rows, "utf-8")
    (tmp_path / "x.parquet").write_bytes(b"PAR1PAR1")
    script = WITHOUT + WORKS + REFUSED
    command = [sys.executable, "-W", "error::ImportWarning", "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "x.html").is_file()
    lines = done.stderr.partition("refusals\n")[2].splitlines()
    needed = [("pyarrow", "parquet")] * 2
    needed += [("datasets", "hub"), ("", "study"), ("fastapi", "serve"), ("pandas", "frame"), ("shap", "oracles")]
    for line, (library, extra) in zip(lines, [*needed, ("shapiq", "oracles")], strict=True):
        assert line.startswith("heedful: ")
        assert f"needs {library}" in line
        assert line.endswith(f"pip install 'heedful[{extra}]'")
