"""Threads with one model, or with models that share parts: the bits of one thread, and all is left as it was."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import heedful
import tiny
from heedful.classifier import Classifier
from heedful.errors import InputError
from untouched import assert_same_state, state

METHODS = ("attention-mean", "attention-value-norm", "gradient-x-input", "lime:n_samples=20", "occlusion", "lrp")
JOBS = [("a dull film , and a slow one", method) for method in METHODS]
JOBS += [("what a wonderful soundtrack " * 30, method) for method in ("lime:n_samples=20", "attention-mean")]  # cut


def in_training(kind):
    """A model with dropout, left in training mode; its tokenizer cuts and pads."""
    tokenizer = tiny.tokenizer("byte-level-decoder" if kind == "gpt2" else "wordpiece")
    settings = {
        "bert": {"hidden_dropout_prob": 0.5},
        "big_bird": tiny.BIG_BIRD | {"hidden_dropout_prob": 0.5, "max_position_embeddings": 64},
        "gpt2": tiny.DECODER | {"resid_pdrop": 0.5},
    }
    tokenizer.backend_tokenizer.enable_truncation(5)
    tokenizer.backend_tokenizer.enable_padding(length=9)
    return tiny.model(kind, tokenizer, **settings[kind]).train(), tokenizer


def answer(classifier, job):
    """Scores to the bit, and what was cut; or the refusal."""
    try:
        result = heedful.explain(classifier, *job, target=0)
    except InputError as error:
        return str(error)
    return result.scores.tobytes(), result.prediction, result.cut


def at_once(work, items):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(work, items))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "big_bird"])
def test_eight_threads_give_the_bits_of_one_and_leave_the_model_as_it_was(kind):
    model, tokenizer = in_training(kind)
    both = Classifier(model, tokenizer, kind), Classifier(model, tokenizer, kind)
    before = state(both[0])
    expected = [answer(both[0], job) for job in JOBS]
    assert sum(isinstance(one, str) for one in expected) <= (4 if kind == "big_bird" else 0)
    assert any(one[2] for one in expected if not isinstance(one, str))  # something was cut
    order = [*range(len(JOBS)), *reversed(range(len(JOBS)))]
    found = at_once(lambda i: answer(both[i % 2], JOBS[i]), order)
    assert found == [expected[i] for i in order]
    assert_same_state(before, state(both[0]))


def test_models_that_share_a_part_or_a_configuration_take_turns():
    model, tokenizer = in_training("bert")
    other = type(model)(model.config).double().train()
    other.bert = model.bert
    alone = copy.deepcopy(model), copy.deepcopy(other)
    expected = [answer(Classifier(one, tokenizer, "bert"), JOBS[0]) for one in alone]
    assert expected[0] != expected[1]
    classifiers = [Classifier(one, tokenizer, "bert") for one in (model, other)]
    assert at_once(lambda i: answer(classifiers[i % 2], JOBS[0]), range(12)) == expected * 6
    assert model.training
    assert other.training


def test_threads_that_fail_leave_the_others_right_and_the_model_as_it_was():
    model, tokenizer = in_training("bert")
    classifier = Classifier(model, tokenizer, "bert")
    expected = [answer(classifier, job) for job in JOBS[:6]]

    failing = threading.local()

    def fail(module, args, out):
        if failing.on:
            raise InterruptedError

    failing.on = False
    model.bert.encoder.layer[1].register_forward_hook(fail)
    before = state(classifier)

    def work(i):
        failing.on = i % 2 == 1
        try:
            return answer(classifier, JOBS[i // 2 % 6])
        except InterruptedError:
            return None

    found = at_once(work, range(24))
    assert found == [None if i % 2 else expected[i // 2 % 6] for i in range(24)]
    assert_same_state(before, state(classifier))


def test_attention_can_be_asked_for_afterwards():
    model, tokenizer = in_training("bert")
    classifier = Classifier(model, tokenizer, "bert")
    model.set_attn_implementation("eager")
    expected = answer(classifier, JOBS[0])
    assert at_once(lambda _: answer(classifier, JOBS[0]), range(16)) == [expected] * 16
    out = model(torch.tensor([[0, 5, 6]]), output_attentions=True)
    assert [one.shape for one in out.attentions] == [(1, 2, 3, 3)] * 2
