"""Make a classifier of what a caller has: a hub id, a folder, "demo", a pipeline, a model with its tokenizer.

A language model becomes one by a template and a word for each class, a function by its labels.

What is taken is used whole, or refused: a pipeline's settings change the text that its model reads and the probability
that comes out, so they are taken over, or the refusal names them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import Pipeline, PreTrainedModel, PreTrainedTokenizerBase, TextClassificationPipeline

from heedful import models
from heedful.classifier.classifier import Classifier
from heedful.classifier.function import function_parts
from heedful.classifier.next_word import next_word_model
from heedful.classifier.pretrained import check_tokenizer, from_pretrained, language_model
from heedful.classifier.unwrapping import unwrapped
from heedful.errors import ModelError, SettingError
from heedful.text.template import Template

Device: TypeAlias = str | torch.device | int

_GIVE = "give a hub id, a folder, a pipeline, or a model and tokenizer of transformers"
_WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "model", "base_model")  # where others keep a model
_WHICH_LABELS = ("top_k", "return_all_scores", "_legacy")  # which scores a pipeline returns, not what they are
_PADDING = (False, None, True, "longest", "do_not_pad")  # of one text: none
_LONGEST_FIRST = (True, "longest_first")
_WHOLE = (False, "do_not_truncate")


def load(
    source: object,
    tokenizer: object = None,
    *,
    template: str | None = None,
    labels: Sequence[str] | Mapping[str, str] | None = None,
    device: Device | None = None,
) -> Classifier:
    """Make a classifier, as `heedful.load` says, of anything that can be one.

    Raises:
        ModelError: not a text classifier, or a broken one.
        SettingError: arguments that do not go together, or a setting of a pipeline that cannot be taken over.
    """
    if template is not None or labels is not None:
        return _by_labels(source, tokenizer, template, labels, device)
    source = unwrapped(source)
    if isinstance(source, PreTrainedModel):
        return Classifier(*_from_model(source, tokenizer, device))
    if tokenizer is not None and isinstance(source, (str, Path, Pipeline, Classifier)):
        raise SettingError("a tokenizer goes with a model object; a pipeline, folder or hub id brings its own")
    if source == "":
        raise ModelError("name the model: a hub id, a folder, or 'demo'")
    if isinstance(source, (str, Path)):
        if source == models.builtin.NAME:
            return from_pretrained(models.builtin.demo_folder(), device, name=models.builtin.NAME)
        return from_pretrained(source, device)
    if isinstance(source, (Pipeline, Classifier)) and device is not None:
        raise SettingError("a model object stays on its device: move it yourself, or give a folder or hub id")
    if isinstance(source, Classifier):
        return source
    if isinstance(source, Pipeline):
        return _from_pipeline(source)
    raise ModelError(_refusal(source))


def _by_labels(
    source: object,
    tokenizer: object,
    template: str | None,
    labels: Sequence[str] | Mapping[str, str] | None,
    device: Device | None,
) -> Classifier:
    """The classifier that a language model is by a template and words for its classes, or a function by their names."""
    if template is not None:
        return _from_language_model(unwrapped(source), tokenizer, Template.of(template), labels, device)
    if labels is None or isinstance(labels, Mapping):
        raise SettingError(
            "labels with words go with a template, as in template='Review: {text} Sentiment:'; those of a function are "
            "a list"
        )
    return _from_function(source, labels, tokenizer, device)


def _from_function(source: object, labels: Sequence[str], tokenizer: object, device: Device | None) -> Classifier:
    if not callable(source) or isinstance(source, (torch.nn.Module, Pipeline, Classifier, type)):
        raise SettingError(f"labels go with a function from texts to probabilities, not with a {type(source).__name__}")
    if tokenizer is not None or device is not None:
        raise SettingError("a function takes no tokenizer and no device: it is asked about texts")
    return Classifier(*function_parts(source, labels), getattr(source, "__name__", type(source).__name__))


def _from_language_model(
    source: object, tokenizer: object, template: Template, labels: object, device: Device | None
) -> Classifier:
    """The classifier that a causal language model is, given words for its classes: a hub id, a folder, or an object."""
    if labels is None:
        raise SettingError(
            "a template goes with labels, a word for each class, as in {'positive': ' good', 'negative': ' bad'}"
        )
    if isinstance(source, (str, Path)) and tokenizer is None and source not in ("", models.builtin.NAME):
        parts = (*language_model(source, device), str(source))
    elif isinstance(source, PreTrainedModel):
        parts = _from_model(source, tokenizer, device)
    else:
        raise SettingError(
            "a template goes with a causal language model: give its hub id or folder, or the model and its tokenizer"
        )
    model, words, name = parts
    if not getattr(words, "is_fast", False):
        raise ModelError(f"{name}: the tokenizer gives no character offsets; load its fast version")
    return Classifier(next_word_model(model, words, template, labels, name), words, name, template=template)


def _from_model(
    model: PreTrainedModel, tokenizer: object, device: Device | None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str]:
    """A model object, its tokenizer and its name, checked."""
    if device is not None:
        raise SettingError("a model object stays on its device: move it yourself, or give a folder or hub id")
    if tokenizer is None:
        raise ModelError("a model object needs its tokenizer: load(model, tokenizer)")
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ModelError(f"the tokenizer must be one of transformers, got {type(tokenizer).__name__}")
    check_tokenizer(tokenizer)
    return model, tokenizer, _name(model)


def _from_pipeline(pipeline: Pipeline) -> Classifier:
    """The classifier within a text-classification pipeline, reading what that reads and giving what that gives."""
    kind = type(pipeline)
    if kind.__name__ == "ZeroShotClassificationPipeline":
        raise ModelError(
            "a zero-shot-classification pipeline has no classes of its own: it asks its model about the text together "
            "with each label. Load the model and its tokenizer, and explain a pair: the text, and a label's sentence"
        )
    if kind is not TextClassificationPipeline:
        what = f"a {pipeline.task} pipeline" if kind.__module__.startswith("transformers.") else f"a {kind.__name__}"
        raise ModelError(f"{what} is no text-classification pipeline of transformers: {_GIVE}")
    replaced = [
        name for name in ("__call__", "preprocess", "_forward", "forward", "postprocess") if name in vars(pipeline)
    ]
    if replaced:
        raise SettingError(f"the pipeline's {replaced[0]} was replaced, which is not taken over: {_GIVE}")
    model, tokenizer = unwrapped(pipeline.model), pipeline.tokenizer
    if not isinstance(model, PreTrainedModel) or tokenizer is None:
        raise ModelError(f"the pipeline's model is a {type(model).__name__}, none of transformers' own: {_GIVE}")
    read = {name: value for name, value in pipeline._preprocess_params.items() if value is not None}
    for name in (*pipeline._forward_params, *pipeline._postprocess_params):
        if name not in {*_WHICH_LABELS, "function_to_apply"}:
            raise SettingError(_setting(name, {**pipeline._forward_params, **pipeline._postprocess_params}[name]))
    check_tokenizer(tokenizer)
    limit = _limit(read, tokenizer)
    activation = _activation(model, pipeline._postprocess_params.get("function_to_apply"))
    return Classifier(model, tokenizer, _name(model), limit=limit, activation=activation)


def _limit(read: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the pipeline lets its model read, by how it calls its tokenizer."""
    for name, value in read.items():
        plain = getattr(value, "value", value)  # of an enumeration
        taken = {
            "truncation": plain in (*_LONGEST_FIRST, *_WHOLE),
            "padding": plain in _PADDING,
            "max_length": isinstance(value, int) and value > 0,
            "add_special_tokens": value is True,
        }
        if not taken.get(name, name in _WHICH_LABELS):
            raise SettingError(_setting(name, value))
    length, truncation = read.get("max_length"), read.get("truncation")
    if length is not None and truncation is None and not read.get("padding"):
        truncation = True  # so transformers has it
    if getattr(truncation, "value", truncation) not in _LONGEST_FIRST:
        return sys.maxsize
    return length or tokenizer.model_max_length


def _activation(model: PreTrainedModel, given: Any) -> str | None:
    """What turns the pipeline's logits into probabilities, where the model's configuration does not say it."""
    if given is None and model.config.problem_type != "regression":
        return None
    name = "none" if given is None else str(getattr(given, "name", given)).lower()
    if name not in {"softmax", "sigmoid"}:
        why = "a model for regression" if given is None else f"function_to_apply {name!r}"
        raise SettingError(f"a pipeline of {why} gives no probabilities: load its model and tokenizer, for the logits")
    return name


def _setting(name: str, value: object) -> str:
    return f"the pipeline's setting {name}={value!r} cannot be taken over: load its model and tokenizer without it"


def _refusal(source: object) -> str:
    """What to give instead: of a wrapper, what it wraps."""
    kind = type(source).__name__
    if hasattr(source, "merge_and_unload"):
        return "a PEFT model: call its merge_and_unload(), and load what that returns with its tokenizer"
    path, inner = "", source
    while isinstance(inner, torch.nn.Module) and not isinstance(inner, PreTrainedModel):
        name = next((name for name in _WRAPPERS if isinstance(getattr(inner, name, None), torch.nn.Module)), None)
        if name is None:
            break
        path, inner = f"{path}.{name}", getattr(inner, name)
    if isinstance(inner, PreTrainedModel):
        return f"this {kind} wraps a model: load that, its {path}, with the tokenizer"
    if isinstance(source, torch.nn.Module):
        return f"cannot load a {kind}, which is no model of transformers: {_GIVE}"
    if callable(source):
        return f"cannot load a {kind}: {_GIVE}; a function from texts to probabilities goes with labels=[...]"
    return f"cannot load a {kind}: {_GIVE}"


def _name(model: PreTrainedModel) -> str:
    return model.config.name_or_path or type(model).__name__
