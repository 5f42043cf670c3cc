"""What a mask tells without the words it masks: its pattern, and what is told from it out of sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.errors import MissingExtraError
from heedful.metrics.spreading import spread

FOLDS = 5
_BINS, _LARGEST = 10, 8

Features = Float64[np.ndarray, "texts features"]
Answers = Int64[np.ndarray, " texts"]


def pattern(attention: Float64[np.ndarray, " units"]) -> Float64[np.ndarray, " features"]:
    """Describe the attention on one text by numbers in which there is no word.

    They are the shares of attention in ten equal parts of the text (a unit stands where it first occurs), the eight
    largest shares, the entropy, the effective share of units, and the attention that is on units at all.

    Example:
        >>> pattern(np.array([0.4, 0.1]))[:10].round(2)
        array([0.16, 0.16, 0.16, 0.16, 0.16, 0.04, 0.04, 0.04, 0.04, 0.04])
    """
    total = float(attention.sum())
    shares = attention / total if total > 0 else np.full(len(attention), 1 / max(len(attention), 1))
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    parts = np.diff(np.interp(np.linspace(0, len(shares), _BINS + 1), np.arange(len(sums)), sums))
    largest = np.zeros(_LARGEST)
    largest[: len(shares)] = np.sort(shares)[::-1][:_LARGEST]
    spreading = spread(shares)
    return np.concatenate([parts, largest, [spreading.entropy, spreading.effective_share, total]])


def standardised(features: Features) -> Features:
    """Return every feature with mean 0 and standard deviation 1; one that does not vary is 0."""
    spreads = features.std(0)
    return (features - features.mean(0)) / np.where(spreads > 1e-12 * np.abs(features).max(0), spreads, np.inf)


def told_rightly(features: Features, answers: Answers, state: int) -> Bool[np.ndarray, " texts"]:
    """Return which texts are answered rightly by a logistic regression learned from the other four folds of five.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    regression, stratified = _learners()
    told = np.empty_like(answers)
    for rest, held in stratified(FOLDS, shuffle=True, random_state=state).split(features, answers):
        learned = regression(class_weight="balanced", max_iter=1000)
        told[held] = learned.fit(features[rest], answers[rest]).predict(features[held])
    return told == answers


def balanced(right: Bool[np.ndarray, " texts"], answers: Answers) -> Float64[np.ndarray, " texts"]:
    """Return numbers whose mean is the balanced accuracy, the mean over answers of the share told rightly."""
    often = np.bincount(answers)
    return right * len(answers) / (len(often) * often[answers].astype(np.float64))


def _learners() -> tuple[Any, Any]:
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold
    except ImportError:
        raise MissingExtraError("scikit-learn", "audit", "the mask probe") from None
    return LogisticRegression, StratifiedKFold
