"""A text posed to a classifier as a game: its units and output, random masks, and their logits by hand."""

import numpy as np
import pytest
import torch

from factory import make_bert
from heedful.classifier import MASKINGS
from heedful.games import Output
from heedful.text.units import KINDS as UNITS
from heedful.text.units import find

TEXT = "The plot was not good, but the acting was very good! Unheard of: a slow film. The end was dull!"

every_masking = pytest.mark.parametrize("masking", MASKINGS)
every_unit = pytest.mark.parametrize("unit", UNITS)

BERT = make_bert()


def pose(classifier, unit="word_type", output="logit", target=1, text=TEXT):
    encoded = classifier.encode(text)
    logits = classifier.logits([encoded.input_ids])[0]
    return encoded, find(text, encoded.offsets, unit), Output.of(output, target, logits)


def draw_masks(n_units, n=20, seed=0):
    """Random masks, the whole text first and nothing of it second."""
    masks = np.random.default_rng(seed).random((n, n_units)) < 0.5
    masks[0], masks[1] = True, False
    return masks


def by_hand(classifier, encoded, units, masking, mask):
    """Logits of one masked text: the ids edited token by token, and a forward pass of its own."""
    replacement = {"unk": 1, "mask": 3, "pad": classifier.tokenizer.pad_token_id}
    ids, attended = [], []
    for token, unit in zip(encoded.input_ids, units.of_token, strict=True):
        removed = unit >= 0 and not mask[unit]
        if masking == "delete" and removed:
            continue
        ids.append(replacement[masking] if removed and masking in replacement else token)
        attended.append(not (removed and masking == "ignore"))
    with torch.no_grad():
        out = classifier.model(torch.tensor([ids]), attention_mask=torch.tensor([attended]).long())
    return out.logits[0].numpy()


def close(found, expected, tolerance=1e-12):
    """Equal but for rounding: logits here are of order 1 to 10, and each is a sum of some hundred products."""
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
