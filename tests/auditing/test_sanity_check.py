"""Sanity: methods that know the decision change when it does, and those that cannot are flagged."""

from __future__ import annotations

import copy
import math
import weakref
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

import heedful
import tiny
import zoo
from factory import SENTENCES, make_bert, make_classifier
from heedful import methods
from heedful.auditing.checks import randomised, sanity
from heedful.auditing.checks.base import Findings
from heedful.auditing.checks.likeness import ANOTHER, compared, told
from heedful.auditing.checks.randomised import ALL, HEAD, cascade, constant, stages
from heedful.auditing.checks.sanity import sanity_check
from heedful.auditing.checks.shuffled_labels import shuffled
from heedful.auditing.rows import Text
from heedful.errors import DataError, ModelError, SettingError
from heedful.methods.base import Answer, Method
from heedful.methods.cards import Card
from heedful.metrics.agreement import kendall_tau_b
from heedful.question import Choices, Question
from untouched import assert_same_state, state

REVIEWS = heedful.planted.generate(8, seed=5)
TEXTS = [Text(str(i), review.text) for i, review in enumerate(REVIEWS)]
NAMES = ("attention-mean", "gradient-x-input", "occlusion", "random")


def checked(classifier: heedful.Classifier, names: tuple[str, ...] = NAMES, **settings: object) -> Findings:
    return sanity_check(classifier, TEXTS, {name: methods.get(name) for name in names}, Choices(), **settings)


def table(findings: Findings) -> dict[tuple[str, str, str], dict[str, object]]:
    return {(row["method"], row["test"], row["stage"]): dict(row) for row in findings.rows}


@pytest.fixture(scope="module")
def findings() -> Findings:
    train = heedful.planted.as_dataset(heedful.planted.generate(200, seed=9))
    return checked(heedful.load("demo"), train=train)


def test_attention_passes_unchanged_where_it_must_not(findings: Findings) -> None:
    rows = table(findings)
    unchanged = {
        (test, stage) for (method, test, stage), row in rows.items() if method == NAMES[0] and row["unchanged"]
    }
    assert unchanged == {
        ("weights", HEAD),
        ("weights", "head and values"),
        ("target", "the other class"),
        ("constant", "the head reads nothing"),
    }
    for test, stage in (("weights", HEAD), ("target", "the other class")):
        assert rows[NAMES[0], test, stage]["tau"] == pytest.approx(1.0, abs=1e-12)
    assert rows[NAMES[0], "constant", "the head reads nothing"]["left"] == pytest.approx(1.0)
    assert len([flag for flag in findings.flags if flag.startswith("attention-mean")]) == 3
    assert any("(head and values; tau-b 1.00)" in flag and "what the model decided" in flag for flag in findings.flags)


@pytest.mark.parametrize("name", ["gradient-x-input", "occlusion"])
def test_methods_of_effects_pass_every_test(findings: Findings, name: str) -> None:
    rows = {key[1:]: row for key, row in table(findings).items() if key[0] == name}
    assert not any(row["unchanged"] for row in rows.values())
    swapped = rows["target", "the other class"]
    assert swapped["tau"] == pytest.approx(-1.0)
    assert swapped["tau_sizes"] == pytest.approx(1.0)  # the sizes of a difference are the same both ways
    assert 0 < rows["constant", "the head reads nothing"]["left"] < 1e-11  # 2 ** -40, as effects are linear in the head
    assert abs(rows["weights", ALL]["tau"]) < 0.5
    assert not any(flag.startswith(name) for flag in findings.flags)


def test_random_scores_are_flagged_by_every_test_and_said_to_be_a_baseline(findings: Findings) -> None:
    rows = [row for key, row in table(findings).items() if key[0] == "random"]
    assert all(row["unchanged"] for row in rows if row["stage"] != ANOTHER)
    (flag,) = [flag for flag in findings.flags if flag.startswith("random")]
    assert flag == (
        "random says the same in every case (weights, target, constant, labels), as it must: it never looks at the "
        "model, and that it is caught shows that the tests work"
    )


def test_every_method_has_a_row_a_test_and_stage_with_the_same_keys(findings: Findings) -> None:
    assert len(findings.rows) == len(NAMES) * (len(stages(heedful.load("demo"))) + 1 + 3)
    assert {tuple(row) for row in findings.rows} == {
        ("method", "test", "stage", "tau", "tau_low", "tau_high", "tau_sizes", "tau_sizes_low", "tau_sizes_high",
         "left", "left_low", "left_high", "n", "unchanged", "reason")
    }  # fmt: skip
    assert any("shuffled labels is right about" in sentence for sentence in findings.sentences)


@pytest.mark.parametrize("broken", [False, True])
def test_the_model_stays_as_it_came(broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = heedful.load("demo")
    classifier = replace(classifier, model=copy.deepcopy(classifier.model).train())  # a mode to be kept
    before = state(classifier)
    if broken:
        monkeypatch.setattr(Broken, "known", classifier.model)
        with pytest.raises(RuntimeError, match="broken"):
            sanity_check(classifier, TEXTS, {"broken": Broken()}, Choices())
    else:
        checked(classifier, ("attention-mean",))
    assert_same_state(before, state(classifier))


@dataclass(frozen=True)
class Broken(Method):
    """Fails on any model but one."""

    known: ClassVar[object] = None

    card: ClassVar[Card] = Card(
        name="broken", family="baseline", signed=True, access="outputs", cost="none", source="tests"
    )

    def answer(self, question: Question) -> Answer:
        if question.classifier.model is self.known:
            return Answer(scores=np.arange(len(question.units), dtype=np.float64))
        raise RuntimeError("broken")


@dataclass(frozen=True)
class Readout(Method):
    """Says the same of every text: the first weights of the model's readout."""

    card: ClassVar[Card] = Card(
        name="readout", family="baseline", signed=True, access="outputs", cost="none", source="tests"
    )

    def answer(self, question: Question) -> Answer:
        return Answer(scores=first_weights(question.classifier, len(question.units)))


def first_weights(classifier: heedful.Classifier, n: int) -> np.ndarray:
    return np.resize(classifier.model.readout.detach().double().numpy(), n)


def test_texts_are_dealt_to_copies_and_two_random_models_are_compared_with_each_other() -> None:
    demo = heedful.load("demo")
    rows = table(sanity_check(demo, TEXTS, {"readout": Readout()}, Choices(seed=7)))
    copies = []
    for number in range(sanity.COPIES):
        *_, (stage, last) = cascade(demo, int(np.random.SeedSequence((7, number)).generate_state(1)[0]))
        assert stage == ALL
        copies.append([first_weights(last, len(one.spans)) for one in explained(demo)])
    real = [first_weights(demo, len(one.spans)) for one in explained(demo)]
    dealt = [copies[i % sanity.COPIES][i] for i in range(len(TEXTS))]
    others = [copies[(i + 1) % sanity.COPIES][i] for i in range(len(TEXTS))]
    with_real, with_another = (
        np.mean([kendall_tau_b(a, b) for a, b in zip(some, dealt, strict=True)]) for some in (real, others)
    )
    assert rows["readout", "weights", ALL]["tau"] == pytest.approx(with_real)
    assert rows["readout", "weights", ANOTHER]["tau"] == pytest.approx(with_another)


def explained(classifier: heedful.Classifier) -> list[heedful.Explanation]:
    return [heedful.explain(classifier, text.text, "random") for text in TEXTS]


@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "gpt2", "llama", "deberta-v2", "paper"])
def test_the_cascade_goes_from_the_output_down_and_leaves_nothing_out(name: str) -> None:
    classifier = zoo.make(name)
    steps = stages(classifier)
    assert 2 <= len(steps) <= 4
    assert (steps[0].name, steps[-1].name) == (HEAD, ALL)
    named = [one for step in steps for one in step.parameters]
    assert sorted(named) == sorted(dict(classifier.model.named_parameters()))
    words = {id(classifier.model.get_input_embeddings().weight)}
    last = {id(dict(classifier.model.named_parameters())[one]) for one in steps[-1].parameters}
    assert words <= last


def test_layers_of_bert_become_random_upper_half_first() -> None:
    head, upper, both, rest = stages(make_bert())
    assert {one.split(".")[0] for one in head.parameters} == {"classifier", "bert"}
    assert all(one.startswith(("classifier.", "bert.pooler.")) for one in head.parameters)
    assert all(one.startswith("bert.encoder.layer.1.") for one in upper.parameters)
    assert all(one.startswith("bert.encoder.layer.0.") for one in both.parameters)
    assert all(one.startswith("bert.embeddings.") for one in rest.parameters)


def test_shuffled_weights_keep_their_numbers_and_not_their_places() -> None:
    classifier = make_bert()
    before = {name: weights.clone() for name, weights in classifier.model.named_parameters()}
    changed = set[str]()
    for step, (stage, copied) in zip(stages(classifier), cascade(classifier, seed=3), strict=True):
        assert stage == step.name
        changed |= set(step.parameters)
        for name, weights in copied.model.named_parameters():
            assert torch.equal(weights.flatten().sort().values, before[name].flatten().sort().values)
            assert name in changed or torch.equal(weights, before[name])
            if name in changed and weights.ndim > 1:
                assert not torch.equal(weights, before[name])
    for name, weights in classifier.model.named_parameters():
        assert torch.equal(weights, before[name])


@pytest.mark.parametrize("make", [make_classifier, make_bert])
def test_a_constant_model_says_the_same_of_every_text(make: object) -> None:
    real = make()
    classifier = constant(real)
    logits, before = (np.stack([one.predict(text).logits for text in SENTENCES]) for one in (classifier, real))
    assert np.ptp(logits, axis=0).max() < 1e-10
    # biases are as small: beside them the differences would be lost in rounding, and integrals would not converge
    assert logits * 2.0**40 == pytest.approx(before, rel=1e-6)


def test_on_a_deep_model_attention_cannot_tell_and_effects_can() -> None:
    texts = [Text(str(i), text) for i, text in enumerate(SENTENCES * 2)]
    tried = {name: methods.get(name) for name in ("attention-mean", "gradient-x-input")}
    rows = table(sanity_check(make_bert(), texts, tried, Choices(unit="word")))
    for test, stage in (("weights", HEAD), ("target", "the other class"), ("constant", "the head reads nothing")):
        assert rows["attention-mean", test, stage]["unchanged"]
        assert not rows["gradient-x-input", test, stage]["unchanged"]
        assert rows["gradient-x-input", test, stage]["reason"] is None


def test_of_a_function_only_the_other_class_can_be_asked_for() -> None:
    def judge(texts: list[str]) -> list[list[float]]:
        yes = [1 / (1 + math.exp(2 - sum(len(word) % 5 for word in text.split()) / 4)) for text in texts]
        return [[1 - p, p] for p in yes]

    function = heedful.load(judge, labels=["no", "yes"])
    rows = table(checked(function, ("occlusion", "attention-mean", "random")))
    assert rows["occlusion", "target", "the other class"]["tau"] == pytest.approx(-1.0)
    assert "function" in str(rows["occlusion", "weights", ALL]["reason"])
    assert "function" in str(rows["occlusion", "constant", "the head reads nothing"]["reason"])
    refused = rows["attention-mean", "target", "the other class"]
    assert refused["n"] == 0
    assert refused["reason"]
    assert not refused["unchanged"]


def test_without_training_texts_or_another_kind_of_model_it_is_said() -> None:
    assert "no training texts" in checked(heedful.load("demo"), ("random",)).sentences[-1]
    train = heedful.planted.as_dataset(heedful.planted.generate(5))
    with pytest.raises(SettingError, match="paper's kind"):
        shuffled(make_bert(), train, 0)
    with pytest.raises(DataError, match="other classes"):
        shuffled(make_classifier(), train, 0)


def test_what_cannot_be_checked_is_one_line() -> None:
    demo = heedful.load("demo")
    with pytest.raises(SettingError, match="at least one method"):
        sanity_check(demo, TEXTS, {}, Choices())
    with pytest.raises(DataError, match="3 units"):
        sanity_check(demo, [Text("0", "dull film")], {"random": methods.get("random")}, Choices())
    few = sanity_check(demo, TEXTS, {"random": methods.get("random")}, Choices(), limit=3)
    assert all(row["n"] <= 3 and not row["unchanged"] for row in few.rows)


def test_what_is_quantised_or_does_not_fit_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = make_bert()
    before = state(classifier)

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr(randomised, "_shuffle", full)
    with pytest.raises(ModelError, match=r"the weights of bert cannot be shuffled: CUDA out of memory") as raised:
        next(cascade(classifier, 0))
    assert "\n" not in str(raised.value)
    monkeypatch.setattr(copy, "deepcopy", full)
    with pytest.raises(ModelError, match="bert cannot be copied: CUDA out of memory"):
        constant(classifier)
    classifier.model.config.quantization_config = {"quant_method": "bitsandbytes"}
    for change in (stages, constant, lambda one: next(cascade(one, 0))):
        with pytest.raises(ModelError, match="bert is quantised"):
            change(classifier)
    del classifier.model.config.quantization_config
    monkeypatch.undo()
    assert_same_state(before, state(classifier))


def test_one_copy_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, real = make_bert(), copy.deepcopy
    copies = list[weakref.ref[object]]()

    def copied(one: object, *given: object) -> object:
        if one is not classifier.model:
            return real(one, *given)
        assert not [one for one in copies if one() is not None]
        made = real(one)
        copies.append(weakref.ref(made))
        return made

    monkeypatch.setattr(copy, "deepcopy", copied)
    texts = [Text(str(i), text) for i, text in enumerate(SENTENCES)]
    sanity_check(classifier, texts, {"occlusion": methods.get("occlusion")}, Choices())
    assert len(copies) == sanity.COPIES + 1


def test_a_language_model_s_head_is_changed_without_its_words() -> None:
    tokenizer = tiny.tokenizer("byte-level-decoder")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = AutoConfig.for_model("gpt2", vocab_size=len(tokenizer), pad_token_id=None, **tiny.DECODER)
        model = AutoModelForCausalLM.from_config(config).double().eval()
    tied = model.lm_head.weight
    assert tied is model.transformer.wte.weight
    words = {"pos": " good", "neg": " not"}
    classifier = heedful.load(model, tokenizer, template="what {text} the plot :", labels=words)
    before = state(classifier)
    logits = np.stack([one.logits for one in classifier.predict(list(SENTENCES))])
    flat = np.stack([one.logits for one in constant(classifier).predict(list(SENTENCES))])
    assert flat * 2.0**40 == pytest.approx(logits, rel=1e-6)
    stage, first = next(cascade(classifier, 0))
    assert stage == HEAD
    assert torch.equal(first.model.lm.transformer.wte.weight, tied)
    head = first.model.lm.lm_head.weight
    assert not torch.equal(head, tied)
    assert torch.equal(head.flatten().sort().values, tied.flatten().sort().values)
    *_, (stage, last) = cascade(classifier, 0)
    assert stage == ALL
    assert not torch.equal(last.model.lm.transformer.wte.weight, tied)
    assert model.lm_head.weight is model.transformer.wte.weight is tied
    assert_same_state(before, state(classifier))


def test_a_model_without_head_is_refused() -> None:
    classifier = make_bert()
    classifier.model.base_model_prefix = ""
    with pytest.raises(ModelError, match="head"):
        randomised.stages(classifier)


SCORES = np.array([3.0, -1.0, 2.0, 0.5])


@pytest.mark.parametrize(
    ("test", "stage", "new", "unchanged"),
    [
        ("weights", HEAD, -SCORES, False),  # sizes may stay where the head is random
        ("weights", HEAD, SCORES, True),
        ("weights", ALL, -SCORES, True),  # and may not where all is
        ("labels", "trained on shuffled labels", -SCORES, True),
        ("weights", ANOTHER, SCORES, False),  # which is a reference
        ("target", "the other class", -SCORES, False),
        ("constant", "the head reads nothing", SCORES * 1e-8, True),
        ("constant", "the head reads nothing", SCORES * 1e-10, False),
    ],
)
def test_the_rule(test: str, stage: str, new: np.ndarray, unchanged: bool) -> None:
    assert compared("m", test, stage, [(SCORES, new)] * 5, None).unchanged is unchanged
    assert not compared("m", test, stage, [(SCORES, new)] * 4, None).unchanged  # too few to say it


def test_the_rule_heeds_the_interval() -> None:
    """One text in 24 turned over: a mean of 0.92, but these texts do not show that most texts are above 0.7."""
    some = [(SCORES, SCORES)] * 23
    assert compared("m", "weights", ALL, some, None).unchanged
    row = compared("m", "target", "the other class", [*some, (SCORES, -SCORES)], None)
    assert row.tau.value > 0.9
    assert row.tau.low < 0.7
    assert not row.unchanged


def test_constant_scores_have_no_order() -> None:
    row = compared("m", "weights", HEAD, [(np.ones(3), np.ones(3))] * 6, None)
    assert row.n == 0
    assert "no order" in str(row.reason)
    sentences, flags = told([row], [])
    assert "without figures: m (all scores" in sentences[0]
    assert not flags
