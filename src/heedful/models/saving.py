"""Save a trained model: every file whole, and failures as one line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from heedful.errors import InputError
from heedful.support.files import write_whole


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, scratch: Path) -> None:
    """Write a model, in evaluation mode from now on, and its tokenizer into a folder.

    Args:
        model: what to save.
        tokenizer: its tokenizer.
        folder: where to; it exists.
        scratch: a folder of no other use, made here and left: safetensors writes its files for their owner alone, and
            in place; from here they are copied with the permissions of any new file.

    Raises:
        InputError: a file cannot be written.
    """
    with writing_clearly(folder):
        shutil.rmtree(scratch, ignore_errors=True)
        model.eval().save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        for file in sorted(scratch.iterdir()):
            write_whole(folder / file.name, file.read_bytes())


@contextmanager
def writing_clearly(folder: Path) -> Iterator[None]:
    """Turn what writers of weights raise into an InputError; inside nothing is done but to write into this folder."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
        raise InputError(f"cannot write {folder}: {reason}") from None
    except RuntimeError:  # which torch.save raises, and says where in a file it was
        raise InputError(f"cannot write {folder}: a file could not be written to its end; is the disk full?") from None
