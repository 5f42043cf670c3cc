"""Errors a caller can act on: each says in one line what was wrong and what to do.

`InputError` and its children mean *your input*, `PrecisionError` a tolerance that cannot be met; the command line turns
them into exit code 2. Anything else that escapes is our fault and exits with 1.
"""


class HeedfulError(Exception):
    """Root of all errors raised on purpose by this library."""


class InputError(HeedfulError, ValueError):
    """Something the caller handed over cannot be used."""


class TextError(InputError):
    """The text cannot be explained: blank, no known word, nothing to remove."""


class TargetError(InputError):
    """The label does not exist in this classifier."""


class SettingError(InputError):
    """A setting is out of its range, or two settings do not go together."""


class DataError(InputError):
    """A data file or folder cannot be read as texts with labels."""


class ModelError(InputError):
    """A model folder, id or object is not a text classifier that can be explained."""


class PrecisionError(HeedfulError):
    """A numerically exact result cannot be certified to the tolerance asked for."""


class MissingExtraError(InputError, ImportError):
    """A feature needs an optional library that is not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}: pip install 'heedful[{extra}]'")


def is_panic(error: BaseException) -> bool:
    """Tell whether a library written in Rust gave up, for which it raises no `Exception`."""
    return type(error).__name__ == "PanicException"


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says, or its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
