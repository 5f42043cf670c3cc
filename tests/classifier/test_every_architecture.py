"""Every architecture's logits: the model's own for a text and for a pair, and the same in a batch as alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import zoo
from heedful.classifier import Classifier
from heedful.text.encoding import Text

# one shorter than the other
TEXTS = ("The plot was not good.", "A dull film, and slow: the end was never dull, the music stays.")
PAIRS = (("The plot was dull", "not a good film"), ("A dull film", "the end was never dull, the music stays"))

everywhere = pytest.mark.parametrize("architecture", zoo.NAMES)
single_and_paired = pytest.mark.parametrize("texts", [TEXTS, PAIRS], ids=["texts", "pairs"])


def own_logits(classifier: Classifier, text: Text) -> np.ndarray:
    """Logits of one text, or of a pair, as one gets them without heedful."""
    given = classifier.tokenizer(*((text,) if isinstance(text, str) else text), return_tensors="pt")
    with torch.no_grad():
        return classifier.model(**given).logits[0].double().numpy()


@everywhere
@single_and_paired
def test_logits_of_a_text_are_the_models_own(architecture: str, texts: tuple[Text, ...]) -> None:
    classifier = zoo.make(architecture)
    for text in texts:
        # the same numbers go through the same model, in float64
        assert classifier.logits_of(classifier.encode(text)) == pytest.approx(own_logits(classifier, text), rel=1e-12)


@everywhere
@single_and_paired
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_logits_in_a_padded_batch_are_those_alone_whatever_the_padding_side(
    architecture: str, texts: tuple[Text, ...], side: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = zoo.make(architecture)
    classifier.model.to(dtype)
    monkeypatch.setattr(classifier.tokenizer, "padding_side", side)
    encoded = [classifier.encode(text) for text in texts]
    assert len(encoded[0]) < len(encoded[1])
    types = [one.type_ids for one in encoded]
    found = classifier.logits([one.input_ids for one in encoded], None, None if types[0] is None else types)
    # logits of size 1: roundings of float32 add up to some 1e-6; padding that is read moves them far more
    assert found == pytest.approx(np.stack([own_logits(classifier, text) for text in texts]), abs=1e-5)
