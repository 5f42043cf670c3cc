"""The front door: load a classifier, explain its predictions, compare explanations."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, cast, overload

from transformers import Pipeline, PreTrainedModel, PreTrainedTokenizerBase

import heedful.remedies.encoders  # noqa: F401 - makes transformers know these models when they are loaded
from heedful import methods as registry
from heedful.classifier import Classifier
from heedful.classifier.function import Probabilities
from heedful.classifier.load import load as classifier_of
from heedful.errors import ModelError, SettingError, TextError
from heedful.explaining.answers import explain_questions
from heedful.explaining.windows import Asked, Windows, ask_each, ask_long
from heedful.explanation import Comparison, Explanation
from heedful.methods.base import Method
from heedful.question import Choices, check_text
from heedful.support.names import shown
from heedful.support.progress import track
from heedful.text.encoding import Text
from heedful.text.given import ONE, Given, are_several, as_text

Explained: TypeAlias = Classifier | str | Path | Pipeline


def load(
    source: str | Path | Pipeline | PreTrainedModel | Probabilities,
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    template: str | None = None,
    labels: Sequence[str] | Mapping[str, str] | None = None,
    device: str | None = None,
) -> Classifier:
    r"""Load a classifier from a hub id, a folder, "demo", a pipeline, a model and tokenizer, or a function of texts.

    With a template and a word for each class, a causal language model is a classifier too.

    A model or pipeline is used as it is: never moved, retyped or switched for good. Weights are loaded from safetensors
    only, and no code that comes with a model runs.

    Args:
        source: where the model comes from; "demo" builds the small built-in model once and caches it. Of a
            text-classification pipeline, the settings are taken over that change what it reads and gives.
        tokenizer: needed with a model object, and only then.
        template: what a causal language model reads, with "{text}" where the text goes, as in
            "Review: {text}\nSentiment:". The words of the template are never removed and get no scores; a text that is
            too long is cut, not the template. Chat templates are not applied: write their marks into the template.
        labels: with a template, a word for each class, as in {"positive": " good", "negative": " bad"}: the logit of a
            class is that of its word coming next, of its first token where it has several. Probabilities are those of
            the classes among themselves. Of a function that takes a list of texts and gives probabilities (texts,
            classes), as lime and scikit-learn have it, a list of class names. Methods that need outputs only work on
            it; their logit is a log probability, at least that of 1e-9; words are removed by deletion.
        device: where to put a model that is loaded here, such as "cuda".

    Raises:
        ModelError: not a text classifier, or a broken one.
        SettingError: arguments that do not go together, or a pipeline's setting that cannot be taken over.

    Example:
        >>> load("demo").labels
        ('negative', 'positive')
        >>> judge = lambda texts: [[0.9, 0.1] if "dull" in text else [0.2, 0.8] for text in texts]
        >>> clf = load(judge, labels=["bad", "good"])
        >>> explain(clf, "A dull film.", "occlusion", output="probability").top(1)
        [('dull', 0.7)]
    """
    return classifier_of(source, tokenizer, template=template, labels=labels, device=device)


@overload
def explain(  # type: ignore[overload-overlap]  # a str is a sequence of str, a pair one of texts: both are one text
    clf: Explained, text: Given, method: str | Method = ..., *, target: int | str = ..., output: str | None = ...,
    unit: str = ..., masking: str = ..., seed: int = ..., long_text: str | Windows = ..., progress: bool = ...,
) -> Explanation: ...  # fmt: skip
@overload
def explain(
    clf: Explained, text: Iterable[Given], method: str | Method = ..., *, target: int | str = ...,
    output: str | None = ..., unit: str = ..., masking: str = ..., seed: int = ..., long_text: str | Windows = ...,
    progress: bool = ...,
) -> list[Explanation]: ...  # fmt: skip
def explain(  # noqa: PLR0913 - the front door names every choice
    clf: Explained,
    text: Given | Iterable[Given],
    method: str | Method = "lime",
    *,
    target: int | str = "predicted",
    output: str | None = None,
    unit: str = "word_type",
    masking: str = "auto",
    seed: int = 0,
    long_text: str | Windows = "truncate",
    progress: bool = False,
) -> Explanation | list[Explanation]:
    """Explain the prediction on one text, or on each of several.

    Args:
        clf: the classifier, from `load`, or a hub id, folder or pipeline to be loaded for this call.
        text: a text, or a pair of texts as a tuple or as {"text": ..., "text_pair": ...}, or a list of such; alone and
            among others it gets the same scores, but for rounding.
        method: a registered name, with settings as in "lime:n_samples=1000", or a method object.
        target: class index, class name, or "predicted".
        output: "logit", "probability", or "logit_difference" (target minus the best other class). None for "logit", and
            of a language model with a template for "logit_difference": its logits share an offset that says nothing
            about the classes.
        unit: "word_type" (all occurrences of a word together; of a pair, those in each text), "word", "token" or
            "sentence".
        masking: how units are removed: "unk", "mask", "pad" (replaced, positions kept), "delete" (positions close
            up), "ignore" (no attention, positions kept), or "auto" for the classifier's own.
        seed: for methods that draw random numbers; equal seeds give equal results, text by text.
        long_text: what becomes of a text beyond the classifier's limit: "truncate" cuts it there and records `cut`;
            "windows", or a `heedful.Windows`, reads it window by window and explains the combined output.
        progress: show a progress bar over several texts, or the windows of one, on stderr.

    Raises:
        TextError, TargetError, SettingError: text, target or settings cannot be used; the message says what to do.

    Example:
        >>> explain(load("demo"), "The acting was wonderful.", "occlusion").top(1)[0][0]
        'wonderful'
    """
    choices = Choices(
        target=target, output="logit" if output is None else output, unit=unit, masking=masking, seed=seed
    )
    chosen, windows = registry.get(method), Windows.of(long_text)
    one = None if are_several(text) else as_text(text)
    clf = clf if isinstance(clf, Classifier) else load(clf)  # which takes time: not for nothing
    choices = choices if output is not None else replace(choices, output=usual_output(clf))
    if one is not None:
        asked = ask_long(clf, one, choices, windows)
        (explanation,) = explain_questions([asked], chosen, progress=progress)
        return explanation
    texts = _checked(clf, text, choices.unit)
    each = explain_questions(ask_each(clf, texts, choices, windows), chosen)
    return list(track(each, "explaining", total=len(texts), shown=progress))


def compare(  # noqa: PLR0913 - the same choices as explain
    clf: Explained,
    text: Given,
    methods: Sequence[str | Method] | None = None,
    *,
    target: int | str = "predicted",
    output: str | None = None,
    unit: str = "word_type",
    masking: str = "auto",
    seed: int = 0,
    long_text: str | Windows = "truncate",
    progress: bool = False,
) -> Comparison:
    """Explain one prediction by several methods, over the same units; arguments as in `explain`.

    Where no methods are named, those of `heedful.methods.DEFAULTS` that the classifier allows: a function of texts has
    no attention and no gradients. A warning names those that are left out.

    Raises:
        TextError, TargetError, SettingError: as in `explain`; also for several texts, which take a call each.
        ModelError: the classifier does not allow a method that is named, or none of the default ones.

    Example:
        >>> compare(load("demo"), "The acting was wonderful.", ["lime", "occlusion"]).agreement("kendall").shape
        (2, 2)
    """
    chosen = _methods(registry.DEFAULTS if methods is None else methods)
    choices = Choices(
        target=target, output="logit" if output is None else output, unit=unit, masking=masking, seed=seed
    )
    windows, one = Windows.of(long_text), _single(text)
    clf = clf if isinstance(clf, Classifier) else load(clf)
    choices = choices if output is not None else replace(choices, output=usual_output(clf))
    asked = ask_long(clf, one, choices, windows)
    refused: dict[str, ModelError] | None = {} if methods is None else None
    each = _explained(asked, track(chosen, "comparing", shown=progress), refused)
    explanations = tuple(each)
    if refused:
        if not explanations:
            raise next(iter(refused.values()))
        warnings.warn(f"left out, as {clf.name} does not allow them: {', '.join(refused)}", stacklevel=2)
    return Comparison(explanations=explanations)


def _explained(asked: Asked, methods: Iterable[Method], refused: dict[str, ModelError] | None) -> Iterator[Explanation]:
    """Explanations of one question; methods that the classifier does not allow join the refused, if these are kept."""
    for method in methods:
        try:
            (explanation,) = explain_questions([asked], method)
        except ModelError as error:
            if refused is None:
                raise
            refused[method.card.name] = error
        else:
            yield explanation


def usual_output(clf: Classifier) -> str:
    """Return the output that is explained where the caller names none."""
    return "logit" if clf.template is None else "logit_difference"


def _methods(given: object) -> list[Method]:
    """The methods of a comparison, by name or as objects."""
    if isinstance(given, (str, bytes, Method)) or not isinstance(given, Iterable):
        raise SettingError(f"methods is a list, such as ['lime', 'occlusion'], got {shown(given)}")
    chosen = [registry.get(method) for method in cast("Iterable[str | Method]", given)]
    if not chosen:
        raise SettingError("compare needs at least one method")
    return chosen


def _single(given: object) -> Text:
    """The text of a comparison."""
    if are_several(given):
        raise TextError(
            "compare takes one text, or a pair as a tuple: for several, call it for each, as in "
            "[heedful.compare(clf, text) for text in texts]"
        )
    return as_text(given, ONE)


def _checked(clf: Classifier, texts: Iterable[object], unit: str) -> list[Text]:
    """See that every text can be read before any is explained; what cannot is named by its place."""
    checked = []
    for place, given in enumerate(texts):
        try:
            text = as_text(given)
            check_text(clf, text, unit)
        except TextError as error:
            raise TextError(f"text {place} (counted from 0): {error}") from None
        checked.append(text)
    return checked
