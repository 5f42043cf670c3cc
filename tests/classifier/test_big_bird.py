"""BigBird turns from block-sparse to full attention on short texts, for good: not here, and not half way."""

from contextlib import suppress

import numpy as np
import pytest
import torch

import heedful
import tiny
from heedful.classifier import Classifier
from heedful.errors import ModelError
from heedful.question.forwards import ModelGame
from posing import close, draw_masks, pose
from untouched import assert_same_state, state

SHORT = "the plot was not good"
LONG = " ".join([f"{SHORT} but slow"] * 5)  # more than 28 tokens
METHODS = ("occlusion", "lime:n_samples=20", "gradient-x-input", "attention-mean", "lrp")


@pytest.fixture
def classifier():
    tokenizer = tiny.tokenizer("wordpiece")
    return Classifier(tiny.model("big_bird", tokenizer, **tiny.BIG_BIRD), tokenizer, "big bird")


def own_logits(classifier, ids):
    """As one gets them from a model that has seen no other text."""
    model = type(classifier.model)(classifier.model.config).double().eval()
    model.load_state_dict(classifier.model.state_dict())
    with torch.no_grad():
        return model(torch.from_numpy(ids)[None]).logits[0].numpy()


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_the_owners_model_answers_afterwards_as_before(classifier, text):
    long = torch.from_numpy(classifier.encode(LONG).input_ids)[None]
    np.random.seed(3)
    torch.manual_seed(3)
    with torch.no_grad():
        expected = own_logits(classifier, long[0].numpy())
        before = state(classifier)
        for method in METHODS:
            with suppress(ModelError):  # as block-sparse attention gives no weights
                heedful.explain(classifier, text, method, masking="delete" if "=" in method else "auto", target=0)
            assert_same_state(before, state(classifier))
        close(classifier.model(long).logits[0].numpy(), expected)


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_a_text_and_its_masks_are_attended_to_in_one_way(classifier, text):
    encoded, units, output = pose(classifier, "word", text=text)
    masks = draw_masks(len(units), n=8)
    masks[2:5] = True
    masks[2:5, :3] = np.eye(3, dtype=bool)
    found = ModelGame(classifier, encoded, units, "delete", output).logits(masks)
    kinds = []
    for mask, logits in zip(masks, found, strict=True):
        ids = encoded.input_ids[(mask[units.of_token] | (units.of_token < 0))]
        if (len(ids) > 28) == (len(encoded) > 28):
            close(logits, own_logits(classifier, ids))  # the same way as alone
        else:
            # block-sparse as the whole text: as padded up to the shortest for which there is that way
            model, missing = classifier.model, 29 - len(ids)
            given = torch.from_numpy(np.pad(ids, (0, missing), constant_values=model.config.pad_token_id))[None]
            attended = torch.from_numpy(np.pad(np.ones_like(ids), (0, missing)))[None]
            with torch.no_grad():
                close(logits, model(given, attention_mask=attended).logits[0].numpy())
        kinds.append(len(ids) > 28)
    assert len(set(kinds)) == (2 if text is LONG else 1)
