"""The command line, in this process: what is printed where, and the exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import heedful
from heedful import planted
from heedful.explanation import Comparison, Explanation
from heedful.models import training
from heedful.models.builtin import REVIEW
from heedful.models.presets import Preset, preset
from heedful.models.training import Sizes

ESCAPE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def one_line(err: str) -> str:
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("heedful: ")
    return lines[0]


def test_demo_writes_the_report_and_prints_the_table(run, tmp_path: Path) -> None:
    code, out, err = run("demo")
    assert code == 0, err
    report = (tmp_path / "report.html").read_text("utf-8")
    assert "charming" in report
    assert "report.html" in err
    assert all(word in out for word in ("alpha-avg", "lime", "random", "charming", "Kendall"))
    assert not ESCAPE.search(out.replace("\n", ""))
    assert run("demo", "A tedious film.", "--out", "own.html")[0] == 0
    assert "tedious" in (tmp_path / "own.html").read_text("utf-8")


def test_demo_prints_json_too(run, tmp_path: Path) -> None:
    code, out, _ = run("demo", "A tedious film.", "--json")
    assert (code, Comparison.from_json(out).explanations[0].text) == (0, "A tedious film.")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


CHOICES = {"target": "negative", "output": "probability", "unit": "word", "masking": "delete", "seed": 3}
OPTIONS = [word for name, value in CHOICES.items() for word in (f"--{name}", str(value))]


def test_explain_json_is_the_explanation(run) -> None:
    code, out, _ = run("explain", "demo", REVIEW, "--method", "lime:n_samples=200", *OPTIONS, "--json")
    expected = heedful.explain(heedful.load("demo"), REVIEW, "lime:n_samples=200", **CHOICES)
    assert (code, replace(Explanation.from_json(out), seconds=0.0)) == (0, replace(expected, seconds=0.0))


def test_text_comes_from_argument_file_or_stdin(run, tmp_path: Path) -> None:
    path = tmp_path / "review.txt"
    path.write_bytes(b"\xef\xbb\xbf" + REVIEW.encode() + b"\n")
    first, *others = (
        json.loads(run("explain", "demo", *arguments, "--method", "occlusion", "--json", stdin=stdin)[1])
        for arguments, stdin in (
            ([REVIEW], None),
            (["--file", path], None),
            (["-"], REVIEW.encode()),
            ([], b"\xef\xbb\xbf" + REVIEW.encode() + b"\n"),
        )
    )
    for other in others:
        assert (other["text"], other["scores"]) == (first["text"], first["scores"])


def test_compare_saves_by_suffix(run, tmp_path: Path) -> None:
    methods = ["lime:n_samples=50", "random"]
    named = ["-m", methods[0], "-m", methods[1]]
    code, out, _ = run("compare", "demo", REVIEW, *named, *OPTIONS, "-o", "c.json", "--json")
    assert code == 0
    saved = Comparison.from_json((tmp_path / "c.json").read_text("utf-8"))
    assert saved == Comparison.from_json(out)
    for mine, expected in zip(saved, heedful.compare(heedful.load("demo"), REVIEW, methods, **CHOICES), strict=True):
        assert replace(mine, seconds=0.0) == replace(expected, seconds=0.0)


def test_explain_saves_by_suffix(run, tmp_path: Path) -> None:
    _, out, _ = run("explain", "demo", REVIEW, "-m", "occlusion", "-o", "e.json", "--json")
    assert (tmp_path / "e.json").read_text("utf-8") == Explanation.from_json(out).to_json(indent=2) + "\n"


def test_a_pair_of_texts_is_told_apart(run, tmp_path: Path) -> None:
    arguments = ["explain", "demo", "A dull plot.", "--pair", "A superb cast.", "-m", "occlusion"]
    result = Explanation.from_json(run(*arguments, "--json", "-o", "pair.html")[1])
    pair = heedful.explain(heedful.load("demo"), ("A dull plot.", "A superb cast."), "occlusion")
    assert replace(result, seconds=0.0) == replace(pair, seconds=0.0)
    out = run(*arguments)[1]
    assert "\nA dull plot.\nA superb cast.\n" in out
    assert "second text: from “A superb cast.” on" in " ".join(out.split())
    assert "from “A superb cast.” on" in (tmp_path / "pair.html").read_text("utf-8")


@pytest.mark.parametrize("command", ["explain", "compare"])
def test_a_long_text_is_read_window_by_window(run, command: str) -> None:
    text = " ".join(["dull", *["plot"] * 300, "superb"])
    _, out, err = run(command, "demo", text, "-m", "occlusion", "--long-text", "windows:size=100", "--json")
    assert err == ""
    (found,) = Comparison.from_json(out) if command == "compare" else [Explanation.from_json(out)]
    assert (found.units, found.cut, found.settings["windows"]) == (("dull", "plot", "superb"), (), 6)
    out = run(command, "demo", text, "-m", "occlusion", "--long-text", "windows:size=100")[1]
    assert "6 of 100 tokens" in " ".join(out.split())


def test_methods_lists_every_method(run) -> None:
    from heedful.methods import METHODS

    code, out, _ = run("methods")
    assert code == 0
    for method in METHODS:
        assert method.card.name in out
        assert method.card.source in " ".join(run("methods", "show", method.card.name)[1].split())
    cards = json.loads(run("methods", "--json")[1])
    assert {"family", "signed", "scope", "agnostic", "cost", "source"} <= set(cards[0])


def test_train_then_explain(run, tmp_path: Path) -> None:
    rows = [{"text": r.text, "label": planted.LABELS[r.label]} for r in planted.generate(300, seed=1)]
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    code, out, err = run("train", "--data", tmp_path / "train.jsonl", "--out", tmp_path / "m", "--heads", "2")
    assert code == 0, err
    assert "validation accuracy" in out
    assert "epoch 1" in err
    assert json.loads((tmp_path / "m" / "metrics.json").read_text("utf-8"))["n_train"] == 270
    code, out, _ = run("explain", tmp_path / "m", "The plot was good.", "-m", "G-l2", "--json")
    assert (code, json.loads(out)["target_name"] in planted.LABELS) == (0, True)
    code, _, err = run("train", "--data", tmp_path / "train.jsonl", "--out", tmp_path / "m")
    assert code == 2
    assert "already holds a trained model" in one_line(err)


def test_train_passes_every_option_on(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "good", "label": 1}\n{"text": "bad", "label": 0}', "utf-8")
    seen: list[object] = []
    metrics = {"validation": {"accuracy": 0.5, "n": 2}, "test": None, "seconds": 1.0}

    def record(splits: object, out: Path, preset: Preset, *, sizes: Sizes, seed: int, progress: bool) -> dict:
        seen.extend((out, preset, sizes, seed))
        return metrics

    monkeypatch.setattr(training, "train", record)
    options = {"preset": "paper", "epochs": 2, "learning-rate": 0.5, "seed": 7, "heads": 3, "normaliser": "entmax"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    code, out, err = run("train", "--data", "train.jsonl", "--out", "m", *words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == metrics
    expected = preset("paper").changed(epochs=2, learning_rate=0.5)
    assert seen == [Path("m"), expected, Sizes(heads=3, normaliser="entmax"), 7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", "demo", ""], "empty"),
        (["explain", "demo", "   "], "empty"),
        (["explain", "demo", "xyzzy"], "no word"),
        (["explain", "demo", "good", "--target", "positiv"], "the classes are 0 'negative', 1 'positive'"),
        (["explain", "demo", "good", "--target", "7"], "no class 7"),
        (["explain", "demo", "good", "--method", "lime:n_samples=0"], "n_samples must be at least 1"),
        (["explain", "demo", "good", "--masking", "burn"], "unknown masking"),
        (["explain", "demo", "good film", "--method", "shapley-exact:tolerance=1e-30"], "tolerance"),
        (["explain", "demo", "good", "--pair", " "], "empty"),
        (["explain", "demo", "good", "--pair", "film", "--long-text", "windows"], "pair of texts"),
        (["explain", "demo", "good", "--long-text", "window"], "unknown long_text"),
        (["explain", "demo", "good", "--out", "x.pdf"], "cannot save as '.pdf'"),
        (["explain", "demo", "good", "--file", "x.txt"], "not both"),
        (["explain", "demo", "--file", "missing.txt"], "cannot read missing.txt"),
        (["explain", "demo"], "no text"),
        (["explain", "./nowhere", "good"], "no model folder"),
        (["explain", "[/]", "good"], "cannot load a text classifier from [/]"),
        (["compare", "demo", "good", "-m", "lime", "-m", "nope"], "unknown method"),
        (["train", "--data", "./nowhere", "--out", "m"], "nowhere"),
        (["train", "--data", "d[/old]", "--out", "m"], "d[/old]"),
        (["train", "--data", "./nowhere", "--out", "m", "--preset", "fast"], "paper, default"),
        (["demo", "--out", "missing/report.html"], "cannot write"),
        (["demo", " "], "empty"),
        (["study", "attention", "--out", "s"], "use one of attention-meets-post-hoc"),
        (["study", "attention-meets-post-hoc", "--out", "s"], "--quick runs without"),
        (["study", "attention-meets-post-hoc", "--out", "s", "--data", "./nowhere"], "aclImdb as unpacked"),
        (["study", "attention-meets-post-hoc", "--out", "s", "--quick", "--seed", "-1"], "0..4294967295, got -1"),
        (["study", "attention-meets-post-hoc", "--out", "s", "--quick", "--seed", "4294967296"], "got 4294967296"),
        (["explain", "demo", "good", "--seed", "-1"], "seed must be at least 0, got -1"),
        (["explain", "demo", "good", "-m", "lime:sampler=lime", "--seed", "4294967296"], "a seed below 4294967296"),
        (["explain", "demo", "good \x1b[31m", "--target", "\x1b[31mred"], "no class"),
        (["explain", "demo", "--file", "\x07bell.txt"], "cannot read"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(run, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    line = one_line(err)
    assert message in line
    assert not ESCAPE.search(line)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_text(run, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"good \xff film")
    code, _, err = run("explain", "demo", "--file", "x.txt")
    assert code == 2
    assert "not UTF-8" in one_line(err)


def test_a_folder_that_is_no_model(run, tmp_path: Path) -> None:
    code, _, err = run("explain", tmp_path, "good")
    assert code == 2
    assert "no config.json" in one_line(err)


def test_usage_errors_exit_2(run) -> None:
    assert run("explain")[0] == 2
    assert run("nonsense")[0] == 2
    code, out, err = run()
    assert (code, "Explain one prediction by one method" in out + err) == (2, True)
    assert run("--help")[0] == 0


def test_our_own_faults_exit_1_with_a_traceback(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heedful.cli.explain.load_classifier", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("explain", "demo", "good")


def test_an_interrupt_is_said_and_exits_130(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("heedful.cli.explain.load_classifier", interrupted)
    assert run("explain", "demo", "good") == (130, "", "heedful: interrupted\n")


def test_a_reader_that_goes_away_is_no_fault() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from heedful.cli import main; main()", "--help"]
    done = subprocess.run(command, check=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_output_is_utf_8_whatever_the_locale(run, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    assert run("explain", "demo", "good né 👍", "-m", "occlusion", "--json")[0] == 0
    stream.flush()
    assert "né 👍" in stream.buffer.getvalue().decode()


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("command", [["explain"], ["compare", "-m", "lime", "-m", "occlusion"]])
def test_hostile_text_cannot_steer_the_terminal(run, command: list[str], options: list[str]) -> None:
    name, *methods = command
    text = "good \x1b[2J\x07 [red]plot[/red] \u202edull <b> \x7f\x9b2J\x85\u2028\u2066 né"
    code, out, err = run(name, "demo", text, *methods, *options)
    assert code == 0, err
    assert not ESCAPE.search(out.replace("\n", ""))
    assert not re.search("[\u2028-\u202e\u2066-\u2069]", out)
    assert "[red]" in out
    if options:
        found = json.loads(out)
        assert [part["text"] for part in found.get("explanations", [found])] == [text] * len(methods[1::2] or [""])
        assert "né" in out
