"""What can be refused is refused before a model is loaded, trained or asked; in one line, with what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from heedful.errors import InputError
from heedful.models import builtin, training
from heedful.studies import NAMES, find

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever takes time is a failure."""
    for place in ("heedful.api.load", "heedful.api.classifier_of", "heedful.data.read_splits"):
        monkeypatch.setattr(place, Mock(side_effect=AssertionError(f"{place} was called")))
    monkeypatch.setattr(builtin, "demo_folder", Mock(side_effect=AssertionError("the demo was trained")))
    monkeypatch.setattr(training, "train", Mock(side_effect=AssertionError("trained")))


def refused(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, ""), err
    assert err.startswith("heedful: ")
    assert len(err.strip().splitlines()) == 1
    assert message in err


EXPLAIN, COMPARE = ["explain", "demo", "good"], ["compare", "demo", "good"]
TRAIN, STUDY = ["train", "--data", "d.csv"], ["study", "attention-meets-post-hoc", "--quick"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*EXPLAIN, "-o", "out.pdf"], "cannot save as '.pdf'"),
        ([*EXPLAIN, "-o", "out"], "cannot save as 'a file without suffix'"),
        ([*COMPARE, "-o", "out.html.gz"], "cannot save as '.gz'"),
        ([*EXPLAIN, "-o", ""], "name the file to write to"),
        ([*EXPLAIN, "-o", "nowhere/x.html"], "cannot write nowhere/x.html: there is no folder nowhere"),
        ([*EXPLAIN, "-o", "taken/x.html"], "cannot write taken/x.html: there is no folder taken"),
        ([*EXPLAIN, "-o", "folder.html"], "cannot write folder.html: it is a folder"),
        ([*COMPARE, "-o", "x" * 300 + ".html"], "File name too long"),
        ([*COMPARE, "-o", "a\x00b.html"], "null"),
        (["demo", "-o", "out.txt"], "cannot save as '.txt'"),
        (["demo", "--out", ""], "name the file to write to"),
        (["demo", "--out", "nowhere/report.html"], "there is no folder nowhere"),
        ([*TRAIN, "--out", ""], "name the folder to write to"),
        ([*TRAIN, "--out", "taken"], "cannot create taken: taken is no folder"),
        ([*TRAIN, "--out", "taken/model"], "cannot create taken/model: taken is no folder"),
        ([*TRAIN, "--out", "dangling/model"], "cannot create dangling/model: dangling is no folder"),
        ([*STUDY, "--out", ""], "name the folder to write to"),
        ([*STUDY, "--out", "taken/study"], "cannot create taken/study: taken is no folder"),
        ([*STUDY, "--out", "x" * 300], "File name too long"),
        ([*EXPLAIN, "-m", "LIEM"], "did you mean lime?"),
        ([*EXPLAIN, "-m", "shap"], "did you mean permutation-shap, kernel-shap"),
        ([*EXPLAIN, "-m", "lime:samples=3"], "did you mean n_samples or sampler?"),
        ([*EXPLAIN, "-m", "lime:n_samples=100,n_samples=200"], "lime: n_samples is given twice"),
        ([*EXPLAIN, "-m", "integrated-gradients:n_steps=1000000000"], "n_steps must be from 1 to 4,000"),
        ([*COMPARE, "-m", "lime", "-m", "attention"], "did you mean attention-mean"),
        ([*EXPLAIN, "--unit", "words"], "unknown unit 'words': use one of word_type, word, token, sentence; did you"),
        ([*EXPLAIN, "--output", "logits"], "did you mean logit?"),
        ([*COMPARE, "--masking", "unknown"], "did you mean unk?"),
        ([*EXPLAIN, "--seed", "-1"], "seed must be at least 0, got -1"),
        ([*EXPLAIN, "--long-text", "window"], "unknown long_text 'window'"),
        ([*EXPLAIN, "--long-text", "windows:strid=1"], "did you mean stride?"),
        ([*EXPLAIN, "--json", "--csv"], "give --json or --csv, not both"),
        (["explain", "demo", "--file", "missing.txt"], "cannot read missing.txt"),
        (["demo", " "], "empty"),
        ([*TRAIN, "--out", "m", "--preset", "papr"], "use one of paper, default; did you mean paper?"),
        ([*TRAIN, "--out", "m", "--normaliser", "softmx"], "did you mean softmax?"),
        ([*TRAIN, "--out", "m", "--heads", "0"], "heads must be at least 1, got 0"),
        ([*TRAIN, "--out", "m", "--epochs", "0"], "epochs must be at least 1, got 0"),
        ([*TRAIN, "--out", "m", "--learning-rate", "nan"], "learning_rate must be a number above 0, got nan"),
        ([*TRAIN, "--out", "m", "--seed", "-1"], "the seed must lie in 0..4294967295, got -1"),
        (["study", "attention-met-post-hoc", "--out", "s"], "did you mean attention-meets-post-hoc?"),
        (["explian", "demo", "good"], "unknown command 'explian'"),
        (["explian", "demo", "good"], "did you mean explain?"),
        (["methods", "shwo", "lime"], "did you mean show?"),
        (["methods", "show", "limes"], "did you mean lime"),
        (["methods", "--json", "--csv"], "not both"),
        (["metrics", "show", "kendal"], "did you mean kendall or"),
        ([*EXPLAIN, "--seed", "1", "--seed", "2"], "--seed is given 2 times: give it once"),
        ([*EXPLAIN, "-m", "lime", "--method", "occlusion"], "--method is given 2 times"),
        ([*EXPLAIN, "-o", "a.html", "-o", "b.html"], "--out is given 2 times"),
        (["methods", "show", "lime", "occlusion"], "unexpected extra argument"),
        (["explain"], "Missing argument"),
        ([*EXPLAIN, "--sede", "1"], "--seed"),
        ([*EXPLAIN, "--seed", "one"], "'--seed'"),
        (["train", "--data", "x"], "Missing option"),
    ],
)
@pytest.mark.usefixtures("nothing_runs")
def test_refused_before_anything_takes_time(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "taken").write_text("a file", "utf-8")
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "dangling").symlink_to("nothing")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    refused(run, arguments, message)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("suffix", ["", ".csv"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "demo", "--file", "NAME"], ["explain", "NAME", "good"], ["compare", "NAME", "good"],
        ["corpus", "demo", "NAME", "--out", "o"], ["audit", "demo", "NAME", "--out", "o"],
        ["audit", "diff", "NAME", "NAME"], ["train", "--data", "NAME", "--out", "o"], ["serve", "NAME", "--port", "0"],
        ["serve", "demo", "--port", "0", "--audit", "NAME"], ["serve", "demo", "--port", "0", "--corpus", "NAME"],
        *(["study", name, "--data", "NAME", "--out", "o"] for name in NAMES),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_read_may_have_a_name_too_long_for_a_file(run: Run, arguments: list[str], suffix: str) -> None:
    name = "x" * 300 + suffix
    refused(run, [name if one == "NAME" else one for one in arguments], name[:200])


@pytest.mark.skipif(not os.access("/proc", os.R_OK), reason="needs a folder that not even root can write to")
@pytest.mark.usefixtures("nothing_runs")
def test_folders_that_cannot_be_written_to(run: Run) -> None:
    refused(run, [*EXPLAIN, "-o", "/proc/self/x.html"], "cannot write /proc/self/x.html")
    refused(run, [*TRAIN, "--out", "/proc/self/model"], "cannot create /proc/self/model")


def test_a_study_is_refused_in_python_too(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", "utf-8")
    for out, message in (("", "name the folder"), (tmp_path / "taken" / "x", "is no folder")):
        with pytest.raises(InputError, match=message):
            find("attention-meets-post-hoc").run(out, quick=True)


def test_a_command_is_taken_without_regard_to_case(run: Run) -> None:
    assert run("Methods")[1] == run("methods")[1]


def test_the_device_is_named(run: Run) -> None:
    assert run(*EXPLAIN, "-m", "occlusion", "--device", "cpu", "--json")[0] == 0
    assert run(*COMPARE, "-m", "occlusion", "--device", "cpu", "--json")[0] == 0
    refused(run, [*EXPLAIN, "--device", "abacus"], "abacus")


LIGHT = """
import sys
from heedful.cli import COMMANDS, main
quick = [["--version"], ["-h"], ["methods"], ["metrics", "--csv"], ["methods", "show", "-h"], ["explian"]]
for arguments in [*quick, *([name, "-h"] for name in COMMANDS)]:
    sys.argv = ["heedful", *arguments]
    try:
        main()
    except SystemExit:
        pass
    heavy = {"torch", "transformers", "pyarrow"} | ({"numba", "jinja2"} if arguments in quick else set())
    assert not heavy & set(sys.modules), (arguments, heavy & set(sys.modules))
"""


def test_what_needs_no_torch_does_not_import_it() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "did you mean explain?" in done.stderr
    assert "heedful methods" in done.stdout
