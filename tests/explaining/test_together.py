"""Forward passes shared between texts: the results of texts one by one, from fewer calls of the model."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import heedful
from factory import SENTENCES, make_bert
from heedful import methods
from heedful.classifier import Classifier
from heedful.errors import ModelError, SettingError
from heedful.explaining import together
from heedful.explaining.answers import explain_or_refuse, explain_questions
from heedful.explaining.together import outcomes
from heedful.explaining.windows import Asked
from heedful.methods.base import Answer, Method
from heedful.methods.cards import OCCLUSION
from heedful.question import Choices, Question, ask_all
from heedful.support import progress
from heedful.support.locks import alone
from untouched import assert_same_state, restless, state

EQUAL = ["a dull plot", "a slow film", "what good music", "the end stays"]  # of three words, all of them known
TEXTS = [*SENTENCES, "a dull plot", "good", "the film was very slow", "what a film , what music !", "dull"]
METHODS = [
    "occlusion",
    "lime:n_samples=20",
    "lime:n_samples=150,precision=0.3,sampler=adjusted",
    "kernel-shap:n_samples=40",
    "permutation-shap:n_permutations=2",
    "banzhaf:n_samples=40",
    "partition:n_samples=40",
]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert [one for one in threading.enumerate() if one.name == "heedful turn"] == []


def questions(classifier: Classifier, texts: list[str] = TEXTS, **choices: Any) -> list[Question]:
    return ask_all(classifier, texts, Choices(**({"target": 0} | choices)))


def answers(classifier: Classifier, method: Method, texts: list[str] = TEXTS, **choices: Any) -> list[Answer]:
    return [one.answer for one in outcomes(method, questions(classifier, texts, **choices))]


def one_by_one(classifier: Classifier, method: Method, texts: list[str] = TEXTS, **choices: Any) -> list[Answer]:
    return [method.answer(question) for question in questions(classifier, texts, **choices)]


def calls_of(classifier: Classifier, work: Any) -> tuple[Any, list[tuple[int, int]]]:
    """What the work gives, and of each call of the model meanwhile, the thread and the number of texts."""
    calls: list[tuple[int, int]] = []
    handle = classifier.model.register_forward_pre_hook(
        lambda _module, _args, given: calls.append((threading.get_ident(), len(given["input_ids"]))), with_kwargs=True
    )
    try:
        return work(), calls
    finally:
        handle.remove()


def assert_close(shared: list[Answer], expected: list[Answer], tolerance: float, spread: float) -> None:
    for one, other in zip(shared, expected, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=tolerance, atol=tolerance * spread)
        assert one.n_forward == other.n_forward
        assert (one.std_error is None) == (other.std_error is None)


@dataclass(frozen=True)
class Scripted(Method):
    """Asks for as many random masks at a time as the text's script says; refuses, or fails, where it says so."""

    script: dict[str, tuple[Any, ...]]

    card = replace(OCCLUSION, name="scripted", aliases=())

    def __post_init__(self) -> None:
        """Take any script."""

    def answer(self, question: Question) -> Answer:
        """Follow the script."""
        rng, game = np.random.default_rng(0), question.game()
        total = 0.0
        for step in self.script.get(question.encoded.text, ()):
            if isinstance(step, BaseException):
                raise step
            values = game(rng.random((step, game.n_units)) < 0.5)
            assert values.shape == (step,)
            total += float(values.sum())
        return Answer(scores=np.full(game.n_units, total), n_forward=game.n_forward)


@pytest.mark.parametrize(
    ("name", "masking"), [(name, "delete") for name in METHODS] + [("occlusion", "unk"), (METHODS[2], "ignore")]
)
def test_scores_and_costs_are_those_of_texts_one_by_one(name: str, masking: str) -> None:
    classifier, method = make_bert(), methods.get(name)
    shared, calls = calls_of(classifier, lambda: answers(classifier, method, masking=masking))
    expected, before = calls_of(classifier, lambda: one_by_one(classifier, method, masking=masking))
    assert_close(shared, expected, 1e-10, 1.0)
    assert len(calls) < len(before)
    again = answers(classifier, method, masking=masking)
    assert [one.scores.tobytes() for one in again] == [one.scores.tobytes() for one in shared]


def test_texts_of_equal_length_take_one_call_of_the_model() -> None:
    classifier = make_bert()
    asked = questions(classifier, EQUAL)
    _, before = calls_of(classifier, lambda: [methods.get("occlusion").answer(one) for one in asked])
    _, calls = calls_of(classifier, lambda: [*outcomes(methods.get("occlusion"), asked)])
    assert [n for _, n in before] == [4] * 4
    assert [n for _, n in calls] == [16]


def test_in_float32_too() -> None:
    classifier = make_bert()
    classifier = Classifier(classifier.model.float(), classifier.tokenizer, "float32")
    method = methods.get("occlusion")
    assert_close(answers(classifier, method), one_by_one(classifier, method), 1e-5, classifier.sharing.spread or 1.0)


def test_where_texts_must_run_alone_the_bits_are_the_same() -> None:
    classifier = make_bert()
    object.__setattr__(classifier, "sharing", replace(classifier.sharing, lengths=False, texts=False))
    method = methods.get("lime:n_samples=20")
    shared = answers(classifier, method)
    assert [one.scores.tobytes() for one in shared] == [one.scores.tobytes() for one in one_by_one(classifier, method)]


def test_where_lengths_must_not_mix_no_batch_has_padding() -> None:
    classifier, padded = make_bert(), []
    object.__setattr__(classifier, "sharing", replace(classifier.sharing, lengths=False))
    method = methods.get("occlusion")
    expected = one_by_one(classifier, method)
    classifier.model.register_forward_pre_hook(
        lambda _module, _args, given: padded.append(int((given["attention_mask"] == 0).sum())), with_kwargs=True
    )
    assert_close(answers(classifier, method), expected, 1e-10, 1.0)
    assert set(padded) == {0}


def test_only_the_callers_thread_runs_the_model_and_every_text_is_counted() -> None:
    classifier, counts = make_bert(), []
    asked = questions(classifier, masking="ignore")
    progress._shown.counter = counts.append
    try:
        results, calls = calls_of(classifier, lambda: [*outcomes(methods.get("occlusion"), asked)])
    finally:
        progress._shown.counter = None
    assert {thread for thread, _ in calls} == {threading.get_ident()}
    assert sum(counts) == sum(n for _, n in calls)
    assert all(one.seconds > 0 for one in results)


def test_questions_may_ask_for_nothing_never_or_ever_so_often() -> None:
    classifier = make_bert()
    steps = [(), (0,), (1,), (3, 0, 2), (1,) * 20, (0, 0), (99,), ()]
    method = Scripted(dict(zip(TEXTS, steps, strict=True)))
    shared = answers(classifier, method)
    assert_close(shared, one_by_one(classifier, method), 1e-10, 1.0)
    assert [one.n_forward > 0 for one in shared] == [sum(step) > 0 for step in steps]


@pytest.mark.parametrize("most", [1, 3])
def test_few_at_a_time_is_enough(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(together, "MOST", most)
    classifier, method = make_bert(), methods.get("permutation-shap:n_permutations=2")
    assert_close(answers(classifier, method), one_by_one(classifier, method), 1e-10, 1.0)


def test_memory_that_methods_hold_keeps_others_from_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, method = make_bert(), methods.get("kernel-shap:n_samples=40")
    asked = questions(classifier, EQUAL)
    _, calls = calls_of(classifier, lambda: [*outcomes(method, asked)])
    monkeypatch.setattr(together, "_SHARE", 0.0)
    _, others = calls_of(classifier, lambda: [*outcomes(method, asked)])
    assert (len(calls), len(others)) == (2, 2 * len(EQUAL))  # two masks, then the rest


def test_an_error_is_that_of_its_question_alone() -> None:
    classifier = make_bert()
    errors = {1: SettingError("too few"), 4: SettingError("too many")}
    steps = [(2, errors[i]) if i in errors else (2, 3) for i in range(len(TEXTS))]
    method = Scripted(dict(zip(TEXTS, steps, strict=True)))
    asked = [Asked.at_once(one) for one in questions(classifier)]
    results = [*explain_or_refuse(asked, method)]
    assert {i: one for i, one in enumerate(results) if isinstance(one, Exception)} == errors
    expected = [method.answer(one.whole).scores for i, one in enumerate(asked) if i not in errors]
    for one, scores in zip([one for i, one in enumerate(results) if i not in errors], expected, strict=True):
        np.testing.assert_allclose(one.scores, scores, rtol=1e-10)
    each = explain_questions(asked, method)
    assert next(each).text == TEXTS[0]
    with pytest.raises(SettingError, match="too few"):
        next(each)


class _Poison:
    """Makes the model fail on every batch with this word."""

    def __init__(self, classifier: Classifier, word: str, error: BaseException) -> None:
        self.error, self.id = error, classifier.tokenizer.convert_tokens_to_ids(word)
        self.on = False

    def __call__(self, _module: object, _args: object, given: dict[str, Any]) -> None:
        if self.on and (given["input_ids"] == self.id).any():
            raise self.error


def test_a_text_that_the_model_fails_on_fails_alone_and_the_model_is_as_it_was() -> None:
    classifier = restless(make_bert)
    poison = _Poison(classifier, "music", IndexError("no such place"))
    classifier.model.register_forward_pre_hook(poison, with_kwargs=True)
    asked, method = questions(classifier), methods.get("occlusion")
    expected, before, poison.on = [method.answer(one) for one in asked], state(classifier), True
    results = [one.result for one in outcomes(method, asked)]
    assert_same_state(before, state(classifier))
    for text, one, other in zip(TEXTS, results, expected, strict=True):
        if "music" in text:
            assert isinstance(one, ModelError)
            assert "no such place" in str(one)
        else:
            assert isinstance(one, Answer)
            np.testing.assert_allclose(one.scores, other.scores, rtol=1e-10, atol=1e-10)
            assert one.n_forward == other.n_forward
    assert sum(isinstance(one, ModelError) for one in results) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InterruptedError(), SystemExit(3)])
def test_whatever_ends_the_call_ends_all_threads_and_leaves_the_model_as_it_was(error: BaseException) -> None:
    classifier = make_bert()
    poison = _Poison(classifier, "the", error)
    classifier.model.register_forward_pre_hook(poison, with_kwargs=True)
    asked = [Asked.at_once(one) for one in questions(classifier)]
    before, poison.on = state(classifier), True
    with pytest.raises(type(error)) as caught:
        list(explain_questions(asked, methods.get("occlusion")))
    assert caught.value is error
    assert_same_state(before, state(classifier))


def test_whoever_stops_listening_leaves_no_thread_behind() -> None:
    asked = [Asked.at_once(one) for one in questions(make_bert())]
    steps = [(1,) * (1 + i) for i in range(len(TEXTS))]
    each = explain_questions(asked, Scripted(dict(zip(TEXTS, steps, strict=True))))
    assert next(each).text == TEXTS[0]
    assert any(one.name == "heedful turn" for one in threading.enumerate())
    each.close()  # type: ignore[attr-defined]  # a generator


@dataclass(frozen=True)
class KeepingOthersOut(Method):
    """Occlusion by a method that holds the model all the time."""

    card = replace(OCCLUSION, name="keeping-others-out", aliases=())

    def answer(self, question: Question) -> Answer:
        """Answer as occlusion, in evaluation mode all the time."""
        with question.classifier.undisturbed():
            return methods.get("occlusion").answer(question)


def test_a_method_or_a_caller_that_holds_the_model_waits_for_nobody() -> None:
    classifier = make_bert()
    expected = one_by_one(classifier, methods.get("occlusion"))
    assert_close(answers(classifier, KeepingOthersOut()), expected, 1e-12, 1.0)
    asked = questions(classifier)
    with alone(classifier.model), classifier.undisturbed():
        results = [one.answer for one in outcomes(KeepingOthersOut(), asked)]
    assert_close(results, expected, 1e-12, 1.0)


@dataclass(frozen=True)
class Nested(Method):
    """Explains its text twice by another method."""

    card = replace(OCCLUSION, name="nested", aliases=())

    def answer(self, question: Question) -> Answer:
        """Ask within a question."""
        one, other = outcomes(methods.get("occlusion"), [question, replace(question)])
        return Answer(scores=(one.answer.scores + other.answer.scores) / 2, n_forward=one.answer.n_forward)


def test_questions_within_questions() -> None:
    classifier = make_bert()
    assert_close(answers(classifier, Nested()), one_by_one(classifier, methods.get("occlusion")), 1e-10, 1.0)


def test_several_texts_and_the_windows_of_one_share_passes() -> None:
    classifier = make_bert()
    texts = EQUAL * 3
    alone_each, before = calls_of(
        classifier, lambda: [heedful.explain(classifier, text, "occlusion") for text in texts]
    )
    shared, calls = calls_of(classifier, lambda: heedful.explain(classifier, texts, "occlusion"))
    assert len(calls) <= len(before) / 4
    for one, other in zip(shared, alone_each, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-10, atol=1e-10)
        assert (one.text, one.n_forward) == (other.text, other.n_forward)
    long, windows = " ".join(SENTENCES), heedful.Windows(size=10)
    one = heedful.explain(classifier, [long], "occlusion", long_text=windows)[0]
    n_windows = one.settings["windows"]
    assert n_windows > 3
    _, calls = calls_of(classifier, lambda: heedful.explain(classifier, long, "occlusion", long_text=windows))
    assert len(calls) < 2 * n_windows  # of which one a window asks what it is classified as


def test_without_sharing_the_passes_of_texts_with_token_types_stay_apart() -> None:
    classifier, method = make_bert(), methods.get("occlusion")
    asked = questions(classifier)
    typed = [replace(one, encoded=replace(one.encoded, type_ids=np.ones(len(one.encoded), dtype=np.int64)))
             for one in asked[:3]]  # fmt: skip
    typed = [replace(one, logits=classifier.logits_of(one.encoded)) for one in typed]
    mixed = [typed[0], asked[3], typed[1], asked[4], typed[2]]
    expected = [method.answer(one) for one in mixed]
    assert not np.allclose(expected[0].scores, method.answer(asked[0]).scores)  # types matter here
    assert_close([one.answer for one in outcomes(method, mixed)], expected, 1e-10, 1.0)
