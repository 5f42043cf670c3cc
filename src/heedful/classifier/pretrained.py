"""Load a classifier from a folder or hub id: safetensors only, no remote code, every failure one clear line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file

from heedful.classifier.classifier import Classifier
from heedful.errors import InputError, ModelError, TextError, is_panic
from heedful.support.files import is_folder, is_there
from heedful.support.progress import quiet_transformers

_COUNTED = re.compile("label|layer|head|block|expert")  # numbers of a configuration that parts of a model are made by
_IN_A_LAYER = re.compile(r"\.\d+\.")
_MOST = 1_000_000


def from_pretrained(
    source: str | Path, device: str | torch.device | int | None = None, *, name: str | None = None
) -> Classifier:
    """Load a classifier from a local folder or a hub id, in evaluation mode; `name` is for results.

    Raises:
        ModelError: no such folder, not a model, a damaged one, weights missing or in files other than safetensors, the
            hub cannot be reached, or the device cannot be used.
    """
    source = str(source)
    model, tokenizer = _loaded(source, device, AutoModelForSequenceClassification, "text classifier")
    with _one_line(f"cannot use {source}"):
        classifier = Classifier(model, tokenizer, name or source)
        with suppress(TextError):  # a word of no vocabulary says nothing about the model
            classifier.logits_of(classifier.encode("a"))
    return classifier


def language_model(
    source: str | Path, device: str | torch.device | int | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer, likewise; raises as `from_pretrained`."""
    return _loaded(str(source), device, AutoModelForCausalLM, "causal language model")


def _loaded(
    source: str, device: str | torch.device | int | None, kind: Any, what: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model of a kind, by transformers' class for it, and its tokenizer; `what` is what errors call the kind."""
    place = source if is_there(source) else f"{source}, which is no folder here and so looked for on the hub"
    with _one_line(f"cannot load a {what} from {place}"), quiet_transformers():
        _check_folder(source)
        raw, _ = PreTrainedConfig.get_config_dict(source)
        _check_configuration(source, raw)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        _check_weight_files(source, raw)
        model, report = kind.from_pretrained(
            source, config=config, use_safetensors=True, trust_remote_code=False, output_loading_info=True,
            ignore_mismatched_sizes=True,
        )  # fmt: skip
    mismatched = sorted(name for name, *_ in report["mismatched_keys"])
    if mismatched:
        raise ModelError(f"{source} is damaged: its config.json does not fit the weights {', '.join(mismatched[:3])}")
    beyond = sorted(name for name in report["unexpected_keys"] if _IN_A_LAYER.search(name))
    if beyond:
        raise ModelError(f"{source} is damaged: its config.json has no layer for the weights {', '.join(beyond[:3])}")
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise ModelError(f"{source} is not a trained {what}: it lacks the weights {', '.join(lacking[:3])}")
    with _one_line(f"cannot load the tokenizer of {source}"), quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        check_tokenizer(tokenizer)
    if device is not None:
        _check_device(source, device)
        with _one_line(f"cannot move {source} to {device}"):
            model = model.to(device)
    return model, tokenizer


def _check_device(source: str, device: str | torch.device | int) -> None:
    """Refuse devices that torch does not know, or cannot compute on here."""
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise ModelError(f"cannot move {source} to {device}: devices are cpu, cuda, cuda:1 and the like, mps") from None
    if kind == "meta":
        raise ModelError(f"cannot move {source} to {device}: nothing can be computed there")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"cannot move {source} to {device}: there is no CUDA device here, so use cpu")


def _check_folder(source: str) -> None:
    """Refuse what is, or looks like, a folder without a model before it is taken for a hub id."""
    folder = Path(source)
    if is_there(folder / "adapter_config.json"):
        raise ModelError(f"{source} holds a PEFT adapter: merge it into its model (merge_and_unload) and save that")
    if is_there(folder / "run.json") and not (folder / "config.json").is_file():
        raise ModelError(f"{source} holds a training run that has not ended: call the same `heedful train` again")
    if is_there(folder) and not (folder / "config.json").is_file():
        raise ModelError(f"{source} is not a model folder: it has no config.json")
    if not is_there(folder) and (folder.is_absolute() or source.startswith((".", "~")) or source.count("/") > 1):
        raise ModelError(f"there is no model folder {source}")


def _check_configuration(source: str, raw: object) -> None:
    """Refuse numbers by which a configuration or a model would be built for hours, before that begins."""
    for key, value in raw.items() if isinstance(raw, Mapping) else ():
        if isinstance(value, Mapping):
            _check_configuration(source, value)
        elif isinstance(value, (int, float)) and _COUNTED.search(key) and abs(value) > _MOST:
            raise ModelError(f"{source} is damaged: its config.json has {key} {value:g}")


def _check_weight_files(source: str, raw: Mapping[str, Any]) -> None:
    """Refuse weights that are not safetensors of this model's own: transformers loads what an index names, pickles too.

    Raises:
        ModelError: there are none, an index cannot be read, or it names another kind of file or one of elsewhere.
    """
    if not is_folder(source) and _file(source, "adapter_config.json") is not None:
        raise ModelError(f"{source} is a PEFT adapter: merge it into its model (merge_and_unload) and save that")
    wanted = raw.get("transformers_weights")  # in place of the usual names
    names = (SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME) if wanted is None else (wanted,)
    path = next((path for name in names if (path := _file(source, _within(source, name))) is not None), None)
    if path is None:
        raise ModelError(f"{source} has no file named {names[0]}: weights are loaded from safetensors, never a pickle")
    if not path.name.endswith(".index.json"):
        return
    try:
        shards = set(json.loads(path.read_text("utf-8"))["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ModelError(f"{source} is damaged: {path.name} does not say which file holds which weights") from None
    for shard in shards:
        _within(source, shard)
        if not str(shard).endswith(".safetensors"):
            raise ModelError(
                f"{source}: {path.name} names {shard}: weights are loaded from safetensors, never a pickle"
            )


def _within(source: str, name: object) -> str:
    """The name of a weight file, if it is one within the model's folder."""
    if not isinstance(name, str) or not name.endswith((".safetensors", ".safetensors.index.json")):
        raise ModelError(f"{source} keeps its weights in {name}: they are loaded from safetensors, never a pickle")
    steps = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    if ".." in steps or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise ModelError(f"{source} keeps its weights in {name}, outside its folder")
    folder = Path(source)
    if is_folder(folder):
        homes = [folder.resolve()]
        if folder.resolve().parent.name == "snapshots":  # of the hub's cache, where all files are links
            homes.append(folder.resolve().parents[1] / "blobs")
        if name != SAFE_WEIGHTS_NAME and not any((folder / name).resolve().is_relative_to(home) for home in homes):
            raise ModelError(f"{source} keeps its weights in {name}, a link to outside its folder")
    return name


def _file(source: str, name: str) -> Path | None:
    """A file of a folder, or of the hub; None if there is no such file."""
    if is_folder(source):
        path = Path(source) / name
        return path if path.is_file() else None
    path = cached_file(source, name, _raise_exceptions_for_missing_entries=False)
    return None if path is None else Path(path)


def check_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer whose limit is no number, or whose post-processor repeats, swaps or drops a text.

    Raises:
        ModelError: it does.
    """
    name, limit = tokenizer.name_or_path or type(tokenizer).__name__, tokenizer.model_max_length
    if limit is not None and not isinstance(limit, (int, float)):
        raise ModelError(f"{name}: the tokenizer's model_max_length is no number: {limit!r}")
    processor = getattr(getattr(tokenizer, "backend_tokenizer", None), "post_processor", None)
    if processor is not None and not _keeps_texts(json.loads(processor.__getstate__())):
        raise ModelError(f"{name}: the tokenizer's post-processor repeats or drops a text")


def _keeps_texts(processor: Mapping[str, Any]) -> bool:
    """Tell whether each text comes out once; `processor` as in tokenizer.json."""
    if processor["type"] == "Sequence":
        return all(map(_keeps_texts, processor["processors"]))
    if processor["type"] != "TemplateProcessing":
        return True
    texts = {
        kind: sorted(piece["Sequence"]["id"] for piece in processor[kind] if "Sequence" in piece)
        for kind in ("single", "pair")
    }
    return texts == {"single": ["A"], "pair": ["A", "B"]}


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turn failures into one line: `what`, and the reason. What libraries raise on files of others may be anything."""
    try:
        yield
    except InputError as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{what}: {error}") from error
    except BaseException as error:
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        lines = (str(error).strip() or type(error).__name__).splitlines()
        reason = " ".join(line.strip() for line in (lines[:2] if lines[0].endswith(":") else lines[:1]))
        raise ModelError(f"{what}: {reason.rstrip(' :')}") from error
