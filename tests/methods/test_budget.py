"""Numbers of samples that cannot be worked off are refused at once, and what is let through has room."""

from __future__ import annotations

import re
import tracemalloc

import pytest

import heedful
from factory import make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.support import budget
from heedful.support.budget import MOST, check_budget

WORDS = tuple(f"w{i}" for i in range(40))
TEXT = " ".join(WORDS)
HUGE = 10**15

# every setting that says how much is drawn, with what else it takes to be drawn and not enumerated
DRAWN = (
    "lime:n_samples",
    "lime:sampler=lime,n_samples",
    "lime:sampler=adjusted,n_samples",
    "lime:precision=0.1,n_samples",
    "kernel-shap:n_samples",
    "kernel-shap:paired=false,n_samples",
    "banzhaf:n_samples",
    "banzhaf:paired=false,estimator=msr,n_samples",
    "slalom:n_samples",
    "slalom-lime:n_samples",
    "slalom-shapley:n_samples",
)
WALKED = ("permutation-shap:n_permutations", "partition:n_samples")
GRADIENTS = ("smoothgrad:n_samples", "integrated-gradients:n_steps", "integrated-gradients:max_steps")


@pytest.fixture(scope="module")
def long() -> Classifier:
    return make_classifier(texts=(TEXT,), max_position_embeddings=64)


def bound(refused: pytest.ExceptionInfo[SettingError]) -> int:
    """The largest number that would do, as the message has it."""
    found = re.search(r"(?:at most|from \d+ to) ([\d,]+)", str(refused.value))
    assert found, refused.value
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("spec", [*DRAWN, *WALKED])
@pytest.mark.parametrize("number", [HUGE, 2 * 10**9])
def test_what_cannot_be_worked_off_is_refused_in_one_line(long: Classifier, spec: str, number: int) -> None:
    with pytest.raises(SettingError, match=spec.partition(":")[0] + ": n_") as refused:
        heedful.explain(long, TEXT, f"{spec}={number}", unit="word")
    assert "\n" not in str(refused.value)
    assert 0 < bound(refused) <= MOST


@pytest.mark.parametrize("spec", GRADIENTS)
def test_gradients_too(spec: str) -> None:
    with pytest.raises(SettingError, match=spec.partition(":")[0]) as refused:
        heedful.explain(make_bert(), "the plot was not good", f"{spec}={HUGE}")
    assert 0 < bound(refused) <= MOST


@pytest.mark.parametrize("spec", DRAWN[:9])  # the other two draw what slalom does
def test_there_is_room_for_the_largest_number_that_is_named(
    long: Classifier, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 8 * 2**20
    monkeypatch.setattr(budget, "memory_limit", lambda: limit)
    with pytest.raises(SettingError, match="there is no memory for more") as refused:
        heedful.explain(long, TEXT, f"{spec}={10**6}", unit="word")
    most = bound(refused)
    heedful.explain(long, TEXT, f"{spec}=300", unit="word")  # compiles and imports what has to be
    tracemalloc.start()
    try:
        heedful.explain(long, TEXT, f"{spec}={most}", unit="word")
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("spec", ["lime:precision=0.5,n_samples", *DRAWN[:1], *DRAWN[4:]])
def test_few_units_are_enumerated_however_many_samples_are_allowed(long: Classifier, spec: str) -> None:
    text = " ".join(WORDS[:6])
    found = heedful.explain(long, text, f"{spec}={HUGE}", unit="word")
    assert found.details["n_evaluations"] <= 64 + 2


def test_a_text_too_long_for_memory_is_refused(long: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_limit", lambda: 10_000)
    with pytest.raises(SettingError, match="lime: n_samples: there is not enough memory for so long a text"):
        heedful.explain(long, TEXT, "lime", unit="word")


def test_the_number_named_is_let_through() -> None:
    for each, number in ((0.0, HUGE), (1e3, HUGE), (123.0, 10**12)):
        with pytest.raises(SettingError) as refused:
            check_budget("n", number, bytes_each=each)
        check_budget("n", bound(refused), bytes_each=each)
