"""What commands print: comma-separated values, pages about one method, lines that no pipe breaks, and progress."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import fields

import pytest

import heedful
from heedful import methods
from heedful.methods.registry import REGISTRY
from heedful.models.builtin import REVIEW

Run = Callable[..., tuple[int, str, str]]


def rows(out: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(out)))


def test_explain_as_comma_separated_values(run: Run) -> None:
    code, out, err = run("explain", "demo", REVIEW, "-m", "lime:n_samples=200", "--csv")
    expected = heedful.explain(heedful.load("demo"), REVIEW, "lime:n_samples=200")
    head, *lines = rows(out)
    assert (code, err, head) == (0, "", ["unit", "start", "end", "score", "std_error"])
    assert [line[0] for line in lines] == list(expected.units)
    assert [float(line[3]) for line in lines] == expected.scores.tolist()
    assert [float(line[4]) for line in lines] == expected.std_error.tolist()
    for (_, start, end, *_), spans in zip(lines, expected.spans, strict=True):
        assert list(zip(map(int, start.split()), map(int, end.split()), strict=True)) == [tuple(s) for s in spans]


def test_compare_as_comma_separated_values(run: Run) -> None:
    out = run("compare", "demo", REVIEW, "-m", "alpha-avg", "-m", "occlusion", "--csv")[1]
    expected = heedful.compare(heedful.load("demo"), REVIEW, ["alpha-avg", "occlusion"])
    head, *lines = rows(out)
    assert (head[:3], len(head)) == (["unit", "start", "end"], 5)
    for column, explanation in enumerate(expected, start=3):
        assert [float(line[column]) for line in lines] == explanation.scores.tolist()


def test_lists_as_comma_separated_values(run: Run) -> None:
    head, *lines = rows(run("methods", "--csv")[1])
    assert [line[head.index("name")] for line in lines] == methods.names()
    assert dict(zip(head, lines[methods.names().index("lime")], strict=True))["signed"] == "true"
    head, *lines = rows(run("metrics", "--csv")[1])
    assert [line[0] for line in lines] == heedful.metrics.names()


def test_lists_are_json_that_any_reader_takes(run: Run) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    for command in (["methods"], ["metrics"], ["metrics", "show", "exact-error"]):
        json.loads(run(*command, "--json")[1], parse_constant=refuse)
    assert json.loads(run("metrics", "show", "exact-error", "--json")[1])["range"] == [0.0, "inf"]


HOSTILE = "good \x1b[2J\x07 plot \u202edull \x7f\x9b2J \u2028 né"


@pytest.mark.parametrize("command", [["explain"], ["compare", "-m", "occlusion", "-m", "random"]])
def test_values_are_exact_in_a_pipe_and_harmless_on_a_terminal(
    run: Run, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *chosen = command
    arguments = (name, "demo", HOSTILE, *chosen, "--unit", "sentence", "--csv")
    assert rows(run(*arguments)[1])[1][0].startswith("good \x1b[2J\x07 plot \u202edull")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = run(*arguments)[1]
    assert out.replace("\n", "").isprintable()
    assert "né" in out
    assert len(rows(out)) == 2


@pytest.mark.parametrize("name", ["lime", "GxI", "attention-head", "random", "slalom-lime", "IG"])
def test_a_page_about_one_method(run: Run, name: str) -> None:
    code, out, _ = run("methods", "show", name)
    cls = type(methods.get(name))
    assert code == 0
    assert out.startswith(cls.card.name)
    assert cls.card.source.split(",")[0] in out
    assert cls.__doc__.splitlines()[0].split(";")[0][:40] in " ".join(out.split())
    assert ">>>" not in out
    for field in fields(cls):
        assert f"  {field.name}=" in out
    known = json.loads(run("methods", "show", name, "--json")[1])
    assert (known["name"], [one["name"] for one in known["settings"]]) == (cls.card.name, [f.name for f in fields(cls)])


def test_a_page_says_what_settings_mean_and_may_be(run: Run) -> None:
    out = " ".join(run("methods", "show", "lime")[1].split())
    assert "n_samples=5000 a whole number of at least 1 masked texts, the whole text among them" in out
    assert "sampler=fast one of fast, lime, adjusted" in out
    assert "n_features=none a whole number of at least 1, or none" in out
    assert "no settings" in run("methods", "show", "random")[1]


def test_no_line_is_broken_in_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    lines = run("methods")[1].splitlines()
    cards = REGISTRY.cards()  # with those that other tests have registered
    families = {card.family for card in cards}
    assert len(lines) == 1 + len(families) + len(cards) + 2  # the header, and what the end refers to
    review = " ".join([REVIEW] * 5)
    out = run("compare", "demo", review)[1]
    assert review in out.splitlines()
    assert (
        sum("alpha-avg  " in line for line in out.splitlines()) == 3
    )  # scores, agreement of those with signs, of sizes


def test_a_width_that_is_asked_for_is_kept(run: Run) -> None:
    assert max(map(len, run("methods")[1].splitlines())) <= 100
