"""Progress on stderr."""

import sys

import pytest

import heedful
from factory import make_bert, make_classifier
from heedful.support.progress import counted, ran, track, waiting


def test_what_is_waited_for_is_shown_as_it_is_but_cannot_steer_the_terminal(monkeypatch, capfd):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes stderr for a terminal
    monkeypatch.setenv("COLUMNS", "80")
    with waiting("reading [/] [red]a[/red] \x1b[9mb"):
        pass
    out, err = capfd.readouterr()
    assert out == ""
    assert "reading [/] [red]a[/red] \N{SYMBOL FOR ESCAPE}[9mb" in err


def on_a_terminal(monkeypatch):
    """Standard error as a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def test_a_bar_counts_what_is_run_meanwhile(monkeypatch, capfd):
    on_a_terminal(monkeypatch)

    def work():
        for _ in range(3):
            ran(1_000)
            yield "done"

    assert list(track(work(), "explaining [b]\x07", shown=True, total=3)) == ["done"] * 3
    out, err = capfd.readouterr()
    assert out == ""
    assert "explaining [b]\N{SYMBOL FOR BELL}" in err
    assert "3,000 texts run" in err


def test_explaining_one_text_shows_the_method_and_what_it_runs(monkeypatch, capfd):
    on_a_terminal(monkeypatch)
    classifier = make_classifier()
    heedful.explain(classifier, "the plot was not good", "occlusion", progress=True)
    heedful.explain(make_bert(), "the plot was good", "smoothgrad:n_samples=8", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "explaining by occlusion" in err
    assert "6 texts run" in err
    assert "explaining by smoothgrad" in err
    assert "8 texts run" in err


def test_nothing_is_shown_where_nobody_looks(capfd):
    ran(5)
    assert list(counted(track([1, 2], "counting", shown=True))) == [1, 2]
    heedful.explain(make_classifier(), "the plot was not good", "occlusion", progress=True)
    assert capfd.readouterr() == ("", "")


def test_an_error_inside_takes_the_bar_away(monkeypatch, capfd):
    on_a_terminal(monkeypatch)

    def work():
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(track(work(), "explaining", shown=True))
    ran(5)  # no bar is up: nobody counts
    err = capfd.readouterr().err
    assert "explaining" in err
    assert "texts run" not in err
