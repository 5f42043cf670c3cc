"""What all commands share: how much they say, examples in their help, and what a shell completes."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import heedful
from heedful.cli import COMMANDS, app
from heedful.cli.options import one_of, registered
from heedful.methods.registry import REGISTRY as METHODS
from heedful.metrics.registry import REGISTRY as METRICS
from heedful.question import Choices
from heedful.render.terminal import print_explanation
from heedful.studies import NAMES

EXAMPLES = {
    "demo": 2, "train": 2, "explain": 3, "compare": 2, "audit": 3, "corpus": 3, "study": 2, "serve": 3, "methods": 2,
    "metrics": 2,
}  # fmt: skip


def examples(run, *command: str) -> list[str]:
    code, out, _ = run(*command, "--help")
    assert code == 0
    return [line.strip() for line in out.partition("Examples:\n")[2].splitlines() if line.strip()]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples_that_parse(name: str, run) -> None:
    lines = examples(run, name)
    assert len(lines) == EXAMPLES[name]
    for line in lines:
        words = shlex.split(line.rpartition(" | ")[2])
        assert words[:2] == ["heedful", name]
        code, _, err = run(*words[1:], "--help")  # unknown options would be refused
        assert code == 0, err


def test_examples_that_need_no_file_run(run) -> None:
    lines = [line for name in COMMANDS for line in examples(run, name)]
    runnable = [line for line in lines if " demo " in line and ".csv" not in line]
    assert len(runnable) >= 2
    for line in [*runnable, "heedful methods show attention-mean", "heedful metrics"]:
        code, out, err = run(*shlex.split(line)[1:])
        assert code == 0, err
        assert out


def test_quiet_says_nothing(run, tmp_path) -> None:
    _, out, err = run("demo", "A tedious film.")
    assert "report.html" in err
    assert run("demo", "A tedious film.", "--quiet") == (0, out, "")
    assert run("demo", "A tedious film.", "-q") == (0, out, "")
    code, out, err = run("explain", "demo", "", "-q")
    assert (code, out) == (2, "")
    assert err.startswith("heedful: ")


def test_verbose_says_what_is_done(run, tmp_path) -> None:
    code, out, err = run("explain", "demo", "A tedious film.", "-m", "occlusion", "--out", "page.html", "-v")
    assert code == 0
    loaded, explained, wrote = err.splitlines()
    assert "loaded demo in" in loaded
    assert "negative, positive" in loaded
    assert "occlusion: " in explained
    assert str(tmp_path / "page.html") in wrote
    assert run("explain", "demo", "A tedious film.", "-m", "occlusion")[1] == out  # and stays as loud as it was
    assert not heedful.cli.loudness.LOG.handlers


def test_verbose_says_where_an_error_comes_from(run) -> None:
    code, _, err = run("explain", "demo", "A film.", "--unit", "nope", "--verbose")
    assert code == 2
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("heedful: unknown unit 'nope'")


def test_quiet_and_verbose_exclude_each_other(run) -> None:
    assert run("demo", "-q", "-v") == (2, "", "heedful: give --quiet or --verbose, not both\n")


@pytest.mark.parametrize("name", ["methods", "metrics"])
def test_the_table_fits_a_narrow_terminal(name: str, run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(name)
    registry = METHODS if name == "methods" else METRICS
    assert max(map(len, out.splitlines())) <= 80
    words = out.replace(",", " ").split()
    for card in registry.cards():
        assert {card.name, *card.aliases} <= set(words)


def completed(*words: str) -> list[str]:
    """What bash is told about the last word."""
    line = " ".join(["heedful", *words])
    environment = os.environ | {
        "_HEEDFUL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words)),
    }  # fmt: skip
    script = "from heedful.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("co",), ["compare", "corpus"]),
        (("study", "attention"), ["attention-meets-post-hoc"]),
        (("explain", "demo", "-m", "lime-"), ["lime-exact", "lime-asymptotic"]),
        (("methods", "show", "attention-m"), ["attention-mean", "attention-max"]),
    ],
)
def test_a_shell_completes_names(words: tuple[str, ...], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_what_is_completed_exists() -> None:
    parameters = {
        one.name: one for one in app_command("explain").params if getattr(one, "_custom_shell_complete", None)
    }
    assert {"unit", "masking", "output", "method"} <= set(parameters)
    for name in ("unit", "masking", "output"):
        for value in typed(parameters[name]):
            Choices(**{name: value})
    assert one_of(NAMES)("") == list(NAMES)
    assert registered("metrics")("kendall,jens") == ["kendall,jensen-shannon"]


def app_command(name: str):
    from importlib import import_module

    return import_module(f"heedful.cli.{name}").COMMAND


def typed(parameter) -> list[str]:
    return [item.value for item in parameter.shell_complete(None, "")]


def test_there_is_one_list_of_commands() -> None:
    assert app.registered_callback is not None
    assert set(EXAMPLES) <= set(COMMANDS)


def test_a_file_given_as_the_text_is_named(run, tmp_path) -> None:
    (tmp_path / "reviews.csv").write_text("text\nA dull film.\n")
    code, out, err = run("explain", "demo", "reviews.csv")
    assert (code, out, err) == (2, "", "heedful: 'reviews.csv' is a file: give it with --file\n")
    assert run("explain", "demo", "A dull film about reviews.csv")[0] == 0


def test_scores_without_sampling_error_say_so(run) -> None:
    out = run("explain", "demo", "A dull film.", "-m", "lime")[1]
    assert "All masks were evaluated: no sampling error." in out
    assert "std. error" not in out
    longer = "The plot was dull, the cast was superb, the ending was weak and the music was loud and far too long."
    assert "std. error" in run("explain", "demo", longer, "-m", "lime:n_samples=200")[1]


def test_a_sample_without_spread_is_not_called_complete() -> None:
    longer = "The plot was dull, the cast was superb, the ending was weak and the music was loud and far too long."
    sampled = heedful.explain(heedful.load("demo"), longer, "lime:n_samples=200")
    told = io.StringIO()
    print_explanation(replace(sampled, std_error=np.zeros(len(sampled))), Console(file=told, width=100))
    assert "std. error" in told.getvalue()
    assert "All masks" not in told.getvalue()
