"""Attention written out, whichever kernel the model runs with otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

from heedful.classifier.classifier import Classifier
from heedful.support.progress import quiet_transformers


@contextmanager
def eager(classifier: Classifier) -> Iterator[None]:
    """Attention by transformers' eager implementation inside, as it was again afterwards."""
    model, before = classifier.model, classifier.model.config._attn_implementation
    if before in (None, "eager"):
        yield
        return
    try:
        _set(model, "eager")
        yield
    finally:
        _set(model, before)


def _set(model: PreTrainedModel, implementation: str) -> None:
    with quiet_transformers():
        model.set_attn_implementation(implementation)
    if model.config._attn_implementation != implementation:  # models that cannot be switched, but ask as they go
        model.config._attn_implementation = implementation
