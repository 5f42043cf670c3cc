"""Load a classifier from a folder or hub id: safetensors only, no remote code, every failure one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

import heedful.models  # noqa: F401 - registers the paper's classifier with the Auto classes
from heedful.classifier.classifier import Classifier
from heedful.errors import ModelError
from heedful.support.progress import quiet_transformers

# What transformers, tokenizers and torch raise on files that are damaged or of something else, and on devices.
_FAILURES = (
    OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ImportError, AssertionError,
    SafetensorError,
)  # fmt: skip


def from_pretrained(source: str | Path, device: str | None = None, *, name: str | None = None) -> Classifier:
    """Classifier from a local folder or a hub id, in evaluation mode; `name` is for results.

    Raises:
        ModelError: no such folder, not a model, a damaged one, weights missing, the hub cannot be reached, or the
            device cannot be used.
    """
    source = str(source)
    with _one_line(f"cannot load a text classifier from {source}"), quiet_transformers():
        _check_folder(source)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            source, config=config, use_safetensors=True, trust_remote_code=False, output_loading_info=True,
            ignore_mismatched_sizes=True,
        )  # fmt: skip
    mismatched = sorted(name for name, *_ in report["mismatched_keys"])
    if mismatched:
        raise ModelError(f"{source} is damaged: its config.json does not fit the weights {', '.join(mismatched[:3])}")
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise ModelError(f"{source} is not a trained text classifier: it lacks the weights {', '.join(lacking[:3])}")
    with _one_line(f"cannot load the tokenizer of {source}"), quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if device is not None:
        with _one_line(f"cannot move {source} to {device}"):
            model = model.to(device)
    return Classifier(model, tokenizer, name or source)


def _check_folder(source: str) -> None:
    """Refuse what is, or looks like, a folder without a model before it is taken for a hub id."""
    folder = Path(source)
    if (folder / "adapter_config.json").is_file():
        raise ModelError(f"{source} holds a PEFT adapter: merge it into its model (merge_and_unload) and save that")
    if folder.exists() and not (folder / "config.json").is_file():
        raise ModelError(f"{source} is not a model folder: it has no config.json")
    if not folder.exists() and (folder.is_absolute() or source.startswith((".", "~")) or source.count("/") > 1):
        raise ModelError(f"there is no model folder {source}")


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turn failures into one line: `what`, and the first line of the reason."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        if not isinstance(error, _FAILURES) and type(error) is not Exception:  # which tokenizers raises
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{what}: {reason.rstrip(' :')}") from error
