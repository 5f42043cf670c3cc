"""What goes wrong when a model is looked into, as one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from heedful.errors import InputError, ModelError
from heedful.support.memory import out_of_memory

INSTEAD = "use lime, or another method that needs outputs only"
# what models, torch and transformers raise where something is not made for gradients or for giving its insides away
_FAILURES = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@contextmanager
def one_line(name: str) -> Iterator[None]:
    """Turn what a model's own code raises inside into one line; memory that has run out stays what it is.

    Raises:
        ModelError: the model failed; the message holds the first line of its reason.
    """
    try:
        yield
    except InputError:
        raise
    except _FAILURES as error:
        if isinstance(error, RuntimeError) and out_of_memory(error):
            raise
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise ModelError(f"{name} cannot be looked into ({reason.rstrip(' .:')}): {INSTEAD}") from error
