"""All logits of a text as units are removed, each mask once."""

import numpy as np
import pytest

import zoo
from factory import make_classifier
from heedful.question import Choices, ask
from posing import by_hand, draw_masks

TEXT = "the plot was not good but the acting was very good"
CLASSIFIERS = {
    "paper": make_classifier(),
    "sparsemax": make_classifier(normaliser="sparsemax"),
    "bert": zoo.make("bert"),
}


@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize("output", ["logit", "probability", "logit_difference"])
def test_they_are_those_of_the_masked_texts_whatever_is_explained(kind, output):
    classifier = CLASSIFIERS[kind]
    question = ask(classifier, TEXT, Choices(output=output, masking="unk", target=2))
    masks = draw_masks(len(question.units), n=4)
    logits = question.logits_of(masks)
    for mask, row in zip(masks, logits, strict=True):
        if kind != "bert":  # whose unknown word has another number than by_hand knows
            np.testing.assert_allclose(
                row, by_hand(classifier, question.encoded, question.units, "unk", mask), atol=1e-12, rtol=1e-12
            )
    np.testing.assert_allclose(question.output(logits), question.game()(masks), atol=1e-12, rtol=1e-12)
    np.testing.assert_allclose(logits[0], question.logits, atol=1e-12, rtol=1e-12)


def test_equal_masks_are_evaluated_once():
    question = ask(CLASSIFIERS["bert"], TEXT, Choices())
    masks = draw_masks(len(question.units), n=10)
    first = question.logits_of(masks)
    spent = question._all_logits.n_forward
    assert spent == 10
    np.testing.assert_array_equal(question.logits_of(masks[::-1]), first[::-1])
    assert question._all_logits.n_forward == spent
    assert question.logits_of(masks[:0]).shape == (0, 3)


def test_tables_of_the_output_alone_have_no_logits():
    game = ask(CLASSIFIERS["paper"], TEXT, Choices()).game()
    with pytest.raises(ValueError, match="the output alone"):
        game.logits(draw_masks(game.n_units))
