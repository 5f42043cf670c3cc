"""Ctrl-C during a computation that turns it into an error of its own is still an interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from heedful.cli.interrupting import Interrupted, interruptible


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass


def swallowed() -> None:
    """Fail as a compiler whose callback was interrupted."""
    with suppress(KeyboardInterrupt):
        press()
    raise RuntimeError("no compiled object yet")


def test_an_error_after_ctrl_c_is_an_interruption() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted), interruptible():
        swallowed()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_itself_and_other_errors_stay_what_they_are() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        press()
    with pytest.raises(ValueError, match="mine"), interruptible():
        raise ValueError("mine")


def test_the_command_says_so_and_prints_no_traceback() -> None:
    code = """
import ctypes, os, signal, sys
import heedful.cli as cli

def app(**_):
    @ctypes.CFUNCTYPE(None)
    def callback():
        os.kill(os.getpid(), signal.SIGINT)
    callback()
    raise RuntimeError("no compiled object yet")

cli.app = app
cli.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr == "heedful: interrupted\n"
    assert ended.returncode == 130
