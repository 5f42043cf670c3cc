"""What a command is given: a text or the rows of a table; what is asked of a classifier; and a classifier."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import heedful
from heedful.cli.options import column
from heedful.data.encodings import without_line_end
from heedful.errors import SettingError, TextError
from heedful.support.files import is_folder
from heedful.support.names import shown
from heedful.support.progress import waiting

if TYPE_CHECKING:
    from heedful.classifier import Classifier
    from heedful.data import TextRow
    from heedful.methods import Method

LOG = logging.getLogger(__name__)
_LONGEST_NAME = 255  # of a file: what is longer is a text


def read_given(
    text: str | None, file: Path | None, text_column: str | None = None, encoding: str | None = None
) -> str | tuple[TextRow, ...]:
    """Read the text from the argument, a file, or standard input, or the texts of all rows of a file that is a table.

    Raises:
        DataError: the table cannot be read, or the text is not in UTF-8 and no encoding is given.
        SettingError: options that do not go together.
        TextError: there is nothing to read.
    """
    if text is not None and file is not None:
        raise SettingError("give the text or --file, not both")
    if file is not None and (heedful.data.is_table(file) or is_folder(file)):
        rows = heedful.data.read_texts(file, text=column(text_column), encoding=encoding)
        LOG.info("read %s: %d rows", file, len(rows))
        return rows
    if text_column is not None:
        raise SettingError("--text-column goes with a table given by --file, such as reviews.csv")
    if file is None and text is not None and text != "-":
        if len(text) < _LONGEST_NAME and heedful.data.is_table(Path(text)) and Path(text).is_file():
            raise SettingError(f"{shown(text)} is a file: give it with --file")
        return without_line_end(text)  # a shell leaves the CR of the CRLF that it takes off
    source = "standard input" if file is None else str(file)
    if file is None and (sys.stdin is None or sys.stdin.isatty()):
        raise TextError("no text: give it as an argument, with --file, or on standard input")
    try:
        content = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise TextError(f"cannot read {source}: {error.strerror}") from None
    return heedful.data.text_of(content, source, encoding)


@dataclass(frozen=True)
class Request:
    """What is asked of a classifier, checked before one is loaded.

    Attributes:
        methods: the methods.
        arguments: the other arguments of `heedful.explain` and `heedful.compare`.
    """

    methods: Sequence[Method]
    arguments: dict[str, Any]


def check_request(methods: Sequence[str], long_text: str, *, output: str | None, **choices: Any) -> Request:
    """Make objects of what stands on the command line; an output of None is left to the classifier.

    Raises:
        TargetError, SettingError: something is unknown, or cannot be; the message says what there is.
    """
    with waiting("loading"):  # torch comes here, which takes seconds
        from heedful.question import Choices  # late: as above

        chosen = [heedful.methods.get(method) for method in methods]
        windows = heedful.Windows.of(long_text)
        arguments = asdict(Choices(output="logit" if output is None else output, **choices)) | {
            "output": output,
            "long_text": "truncate" if windows is None else windows,
        }
    return Request(chosen, arguments)


def load_classifier(
    model: str, device: str | None = None, template: str | None = None, label: Sequence[str] | None = None
) -> Classifier:
    """Load a classifier with a spinner; the built-in one shows how it is being trained.

    Args:
        model: hub id, folder, or "demo".
        device: where it runs.
        template: what a causal language model reads.
        label: a word for each class, as NAME=WORD.

    Raises:
        SettingError: one of template and label without the other, or a label that is no NAME=WORD.
    """
    words = _words(template, label or ())
    with waiting("loading"):
        builtin = heedful.models.builtin
    if model == builtin.NAME and template is None:
        builtin.demo_folder(progress=True)
    started = time.perf_counter()
    with waiting(f"loading {model}"):
        classifier = heedful.load(model, template=template, labels=words, device=device)
    seconds, classes = time.perf_counter() - started, ", ".join(classifier.labels)
    LOG.info("loaded %s in %.2f s: classes %s; reads up to %s tokens", model, seconds, classes, classifier.max_tokens)
    return classifier


def listed(given: list[str] | None) -> list[str]:
    """Return names with commas between; a comma within the settings of one, as in lime:a=1,b=2, belongs to it.

    Example:
        >>> listed(["lime:n_samples=10,width=5,occlusion", "random"])
        ['lime:n_samples=10,width=5', 'occlusion', 'random']
    """
    names: list[str] = []
    for piece in (piece.strip() for one in given or () for piece in one.split(",")):
        setting = "=" in piece and ":" not in piece
        if setting and names:
            names[-1] += f",{piece}"
        elif piece:
            names.append(piece)
    return names


def _words(template: str | None, label: Sequence[str]) -> dict[str, str] | None:
    """The word for each class, white space in front of it and all."""
    if template is None and not label:
        return None
    if template is None or not label:
        raise SettingError("--template and --label go together: a text with {text} in it, and a word for each class")
    words: dict[str, str] = {}
    for one in label:
        name, given, word = one.partition("=")
        if not given or not name or not word:
            raise SettingError(f"--label is a class's name and word, as in 'positive= good', got {shown(one)}")
        if name in words:
            raise SettingError(f"--label {name} is given twice: one word a class")
        words[name] = word
    return words
