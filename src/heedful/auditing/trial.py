"""Attention on trial: on every text, how it compares with the effects of the words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from heedful.auditing.effects import effects
from heedful.auditing.figures import TextFigures, text_figures
from heedful.classifier import Classifier
from heedful.question import Choices


def tried(
    classifier: Classifier, texts: Sequence[str], attention: Sequence[np.ndarray], choices: Choices
) -> Iterator[TextFigures]:
    """Yield the figures of every text that the verdict is made of.

    The effects are those on the difference to the best other class, which decides the prediction.

    Args:
        classifier: the classifier.
        texts: the texts.
        attention: of each, on its units.
        choices: the units, and a seed; of the predicted class, whatever else is explained.
    """
    decides = replace(choices, target="predicted", output="logit_difference" if len(classifier.labels) > 1 else "logit")
    for weights, effect in zip(attention, effects(classifier, texts, decides), strict=True):
        yield text_figures(weights, effect.scores, error=effect.error, output=effect.output, halves=effect.halves)
