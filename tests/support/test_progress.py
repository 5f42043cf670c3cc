"""Progress on stderr."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from logging import StreamHandler

import pytest
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from transformers.utils import logging

import heedful
from factory import make_bert, make_classifier
from heedful.support.progress import counted, hushed_transformers, quiet_transformers, ran, track, waiting


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


@pytest.fixture
def heard():
    """What transformers' handler lets pass."""
    messages = []
    handler = StreamHandler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logging.add_handler(handler)
    yield messages
    assert not handler.filters
    logging.remove_handler(handler)


def test_transformers_is_silent_in_this_thread_alone_and_as_it_was_afterwards(heard):
    logger = logging.get_logger("transformers.models.bert")
    before = logging.get_verbosity(), logging.is_progress_bar_enabled(), are_progress_bars_disabled()
    barrier = threading.Barrier(8)

    def run(i):
        barrier.wait()
        for _ in range(50):
            with quiet_transformers(), hushed_transformers():
                logger.warning("inside %d", i)
                assert not logging.is_progress_bar_enabled()

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(run, i) for i in range(8)]
        logger.warning("beside")
        for job in jobs:
            job.result()
    logger.warning("after")
    with quiet_transformers():
        logger.error("an error")
    assert heard == ["beside", "after", "an error"]
    assert before == (logging.get_verbosity(), logging.is_progress_bar_enabled(), are_progress_bars_disabled())


@pytest.mark.parametrize("bars", [True, False])
def test_the_flags_are_as_they_were_whatever_they_were(bars):
    before = logging.is_progress_bar_enabled(), are_progress_bars_disabled()
    try:
        logging.disable_progress_bar()
        (enable_progress_bars if bars else disable_progress_bars)()
        with pytest.raises(KeyboardInterrupt), quiet_transformers():
            raise KeyboardInterrupt
        assert (logging.is_progress_bar_enabled(), are_progress_bars_disabled()) == (False, not bars)
    finally:
        (logging.enable_progress_bar if before[0] else logging.disable_progress_bar)()
        (disable_progress_bars if before[1] else enable_progress_bars)()
