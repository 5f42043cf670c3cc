"""What a command is given: a text from an argument, a file or standard input; what is asked of it; a classifier."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import heedful
from heedful.errors import SettingError, TextError
from heedful.support.progress import waiting

if TYPE_CHECKING:
    from heedful.classifier import Classifier
    from heedful.methods import Method


def read_text(text: str | None, file: Path | None) -> str:
    """Read the text from the argument, a file, or standard input.

    Raises:
        SettingError: both an argument and a file are given.
        TextError: there is nothing to read, or what is there cannot be read as UTF-8.
    """
    if text is not None and file is not None:
        raise SettingError("give the text or --file, not both")
    source = "standard input" if file is None else str(file)
    try:
        if file is not None:
            return file.read_bytes().decode("utf-8-sig").removesuffix("\n")
        if text is None or text == "-":
            if sys.stdin is None or sys.stdin.isatty():
                raise TextError("no text: give it as an argument, with --file, or on standard input")
            return sys.stdin.buffer.read().decode("utf-8-sig").removesuffix("\n")
    except OSError as error:
        raise TextError(f"cannot read {source}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TextError(f"{source} is not UTF-8 text: byte {error.start}") from None
    return text


@dataclass(frozen=True)
class Request:
    """What is asked of a classifier, checked before one is loaded.

    Attributes:
        methods: the methods.
        arguments: the other arguments of `heedful.explain` and `heedful.compare`.
    """

    methods: Sequence[Method]
    arguments: dict[str, Any]


def check_request(methods: Sequence[str], long_text: str, **choices: Any) -> Request:
    """Make objects of what stands on the command line.

    Raises:
        TargetError, SettingError: something is unknown, or cannot be; the message says what there is.
    """
    with waiting("loading"):  # torch comes here, which takes seconds
        from heedful.question import Choices  # late: as above

        chosen = [heedful.methods.get(method) for method in methods]
        windows = heedful.Windows.of(long_text)
        arguments = asdict(Choices(**choices)) | {"long_text": "truncate" if windows is None else windows}
    return Request(chosen, arguments | {"progress": True})


def load_classifier(model: str, device: str | None = None) -> Classifier:
    """Load a classifier with a spinner; the built-in one shows how it is being trained."""
    with waiting("loading"):
        builtin = heedful.models.builtin
    if model == builtin.NAME:
        builtin.demo_folder(progress=True)
    with waiting(f"loading {model}"):
        return heedful.load(model, device=device)
