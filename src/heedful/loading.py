"""Load a classifier from a folder or hub id: safetensors only, no remote code, every failure one clear line."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

import heedful.models  # noqa: F401 - registers the paper's classifier with the Auto classes
from heedful.classifier import Classifier
from heedful.errors import ModelError
from heedful.progress import quiet_transformers


def from_pretrained(source: str | Path, device: str | None = None, *, name: str | None = None) -> Classifier:
    """Classifier from a local folder or a hub id, in evaluation mode, with eager attention; `name` is for results.

    Raises:
        ModelError: no such folder, not a model, weights missing, or the hub cannot be reached.
    """
    source = str(source)
    folder = Path(source)
    if folder.exists() and not (folder / "config.json").is_file():
        raise ModelError(f"{source} is not a model folder: it has no config.json")
    if not folder.exists() and (folder.is_absolute() or source.startswith((".", "~")) or source.count("/") > 1):
        raise ModelError(f"there is no model folder {source}")
    try:
        with quiet_transformers():
            config = AutoConfig.from_pretrained(source)
            model, report = AutoModelForSequenceClassification.from_pretrained(
                source, config=config, use_safetensors=True, attn_implementation="eager", output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"cannot load a text classifier from {source}: {reason}") from error
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise ModelError(f"{source} is not a trained text classifier: it lacks the weights {', '.join(lacking[:3])}")
    return Classifier(model.to(device) if device else model, tokenizer, name or source)
