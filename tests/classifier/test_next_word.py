"""A causal language model with a word for each class: the logits of the plain model, over the words of the text."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

import heedful
import tiny
import zoo
from heedful.classifier import Classifier
from heedful.errors import InputError, ModelError, SettingError, TextError
from heedful.text.template import Template
from unchecked import call
from untouched import assert_same_state, state

SIZES = {key: size for key, size in zoo.SIZES.items() if key != "num_labels"} | zoo.DECODER
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("byte-level-decoder", tiny.DECODER),
    "llama": ("unigram-decoder", SIZES),
    "qwen2": ("byte-level-decoder", SIZES),
    "mistral": ("byte-level-decoder", SIZES | {"sliding_window": 8}),
    "gemma2": ("unigram-decoder", SIZES | {"sliding_window": 8}),  # which bounds its logits
}
TEMPLATE = "what {text} the plot :"
LABELS = {"pos": " good", "neg": " not"}
TEXT = "a dull film, and a slow one"


def language_model(kind: str, tokenizer: PreTrainedTokenizerFast, **own: Any) -> PreTrainedModel:
    ids = {"pad_token_id": None, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **(ids | KINDS[kind][1] | own))
        made: PreTrainedModel = AutoModelForCausalLM.from_config(config).double().eval()
        for weight in made.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.4)
    return made


def parts(kind: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    tokenizer = tiny.tokenizer(KINDS[kind][0])
    return language_model(kind, tokenizer), tokenizer


def load(kind: str = "llama", template: object = TEMPLATE, labels: object = None) -> Classifier:
    return call(heedful.load, *parts(kind), template=template, labels=LABELS if labels is None else labels)


@pytest.fixture(scope="module")
def llama() -> Classifier:
    return load()


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_the_next_words(kind: str) -> None:
    model, tokenizer = parts(kind)
    classifier = heedful.load(model, tokenizer, template=TEMPLATE, labels=LABELS)
    texts = [TEXT, "good", "the soundtrack {text} was { wonderful !"]
    expected = []
    for text in texts:
        ids = tokenizer("what " + text + " the plot :", return_tensors="pt")["input_ids"]
        next_ids = [tokenizer("a" + word, add_special_tokens=False)["input_ids"][-1] for word in LABELS.values()]
        with torch.no_grad():
            expected.append(model(ids).logits[0, -1, next_ids].numpy())
    alone = [classifier.predict(text).logits for text in texts]
    together = [one.logits for one in classifier.predict(texts)]
    np.testing.assert_allclose(alone, expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(together, expected, rtol=0, atol=1e-10)
    assert np.ptp(np.subtract(*np.transpose(expected))) > 0.01  # texts differ
    first = classifier.predict(TEXT)
    chosen = torch.softmax(torch.tensor(expected[0]), 0).tolist()
    assert list(first.probabilities.values()) == pytest.approx(chosen)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_every_method_answers_or_refuses_in_one_line(kind: str) -> None:
    classifier = load(kind)
    before = state(classifier)
    refused: dict[str, str] = {}
    for name in heedful.methods.names():
        quick = {"lime": "lime:n_samples=50", "smoothgrad": "smoothgrad:n_samples=4"}.get(name, name)
        try:
            result = heedful.explain(classifier, "a dull film !", quick, output="logit_difference", unit="word")
        except InputError as error:
            refused[name] = str(error)
            continue
        assert result.units == ("a", "dull", "film")
        assert np.isfinite(result.scores).all()
    assert_same_state(before, state(classifier))
    assert set(refused) == {"shapley-exact", "banzhaf-exact", "lime-exact", "lime-asymptotic"}
    assert not [reason for reason in refused.values() if "\n" in reason]


def twins() -> tuple[Classifier, Classifier]:
    """A language model read for two words, and a sequence classifier whose head holds these two rows of its own."""
    model, tokenizer = parts("llama")
    classifier = heedful.load(model, tokenizer, template="{text}", labels=LABELS)
    config = copy.deepcopy(model.config)
    config.id2label, config.pad_token_id = {0: "pos", 1: "neg"}, tokenizer.pad_token_id
    other = LlamaForSequenceClassification(config).double().eval()
    other.model.load_state_dict(model.model.state_dict())
    ids = [tokenizer.convert_tokens_to_ids("▁" + word.strip()) for word in LABELS.values()]
    with torch.no_grad():
        other.score.weight.copy_(model.lm_head.weight[ids])
    return classifier, Classifier(other, tokenizer, "twin")


@pytest.mark.parametrize(
    "method", ["attention-mean", "attention-rollout", "attention-value-norm", "gradient-x-input", "lrp", "occlusion",
               "integrated-gradients", "permutation-shap"],
)  # fmt: skip
def test_explained_as_the_sequence_classifier_with_these_two_rows(method: str) -> None:
    one, other = twins()
    mine, theirs = (
        heedful.explain(each, TEXT, method, target="neg", output="logit_difference") for each in (one, other)
    )
    np.testing.assert_allclose(mine.scores, theirs.scores, rtol=1e-8, atol=1e-10)
    assert mine.units == theirs.units
    assert mine.prediction == pytest.approx(theirs.prediction, abs=1e-10)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen2"])
@given(text=st.text(st.sampled_from("ab {}.\n:tex' é漢😀\u0301"), min_size=1, max_size=12).filter(str.strip))
@settings(deadline=None, max_examples=20)
def test_the_template_stays_whatever_the_text(kind: str, text: str) -> None:
    classifier = load_once(kind)
    try:
        encoded = classifier.encode(text)
    except TextError:  # no word of it is known, or it merges with the template
        return
    whole = classifier.tokenizer(f"what {text} the plot :")["input_ids"]
    assert encoded.input_ids.tolist() == whole
    assert encoded.text == text
    ours = [i for i, span in enumerate(encoded.offsets) if span is not None]
    assert all(span is None or 0 <= span[0] <= span[1] <= len(text) for span in encoded.offsets)
    assert encoded.offsets[0] is None
    assert encoded.offsets[-1] is None
    alone = classifier.tokenizer("what a the plot :")["input_ids"]
    assert whole[ours[-1] + 1 :][-3:] == alone[-3:]
    joined = "".join(text[slice(*span)] for span in dict.fromkeys(s for s in encoded.offsets if s is not None))
    assert {c for c in text if c.isalnum()} <= set(joined)


_KEPT: dict[str, Classifier] = {}


def load_once(kind: str) -> Classifier:
    if kind not in _KEPT:
        _KEPT[kind] = load(kind)
    return _KEPT[kind]


def test_a_long_text_is_cut_and_not_the_question(llama: Classifier) -> None:
    text = " ".join(["slow"] * 80 + ["dull"])
    encoded = llama.encode(text)
    assert len(encoded) == llama.max_tokens == 64
    assert llama.tokenizer.convert_ids_to_tokens(encoded.input_ids)[-4:] == ["▁the", "▁plot", "▁", ":"]
    kept = sum(span is not None for span in encoded.offsets)
    assert [text[a:b].split() for a, b in encoded.cut] == [["slow"] * (80 - kept) + ["dull"]]
    shorter = " ".join(["slow"] * kept)
    assert llama.predict(text).logits == pytest.approx(llama.predict(shorter).logits)
    result = heedful.explain(llama, text, "occlusion", long_text="windows:size=40,stride=20", unit="word")
    assert len(result.units) == 81
    assert result.settings["windows"] > 1
    with pytest.raises(ModelError, match="no room for a word beside the template"):
        llama.encode_up_to(6, text)


def test_removed_words_leave_the_template_in_place(llama: Classifier) -> None:
    whole, without = (llama.predict(text).logits for text in ("a dull film", "a film"))
    result = heedful.explain(llama, "a dull film", "occlusion", masking="delete", target="neg", output="logit")
    assert dict(result)["dull"] == pytest.approx(whole[1] - without[1])
    assert result.units == ("a", "dull", "film")


def test_the_difference_of_two_words_is_explained_unless_another_output_is_named(llama: Classifier) -> None:
    text = "a dull film"
    default, named, logit = (
        heedful.explain(llama, text, "occlusion", **given)
        for given in ({}, {"output": "logit_difference"}, {"output": "logit"})
    )
    assert [one.output for one in (default, named, logit)] == ["logit_difference", "logit_difference", "logit"]
    assert default.scores.tolist() == named.scores.tolist() != logit.scores.tolist()
    (several,) = heedful.explain(llama, [text], "occlusion")
    assert several.output == "logit_difference"
    assert {one.output for one in heedful.compare(llama, text, ["occlusion"]).explanations} == {"logit_difference"}
    assert heedful.explain(heedful.load("demo"), text, "occlusion").output == "logit"
    with pytest.raises(SettingError, match="output"):
        heedful.explain(llama, text, "occlusion", output="")


def test_the_tokenizer_keeps_what_it_is_set_to() -> None:
    model, tokenizer = parts("llama")
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(max_length=7)
    backend.enable_padding(length=9)
    before = backend.truncation, backend.padding
    classifier = heedful.load(model, tokenizer, template=TEMPLATE, labels=LABELS)
    assert (backend.truncation, backend.padding) == before
    assert classifier.predict(TEXT).logits == pytest.approx(load().predict(TEXT).logits)


def test_padding_on_the_left_is_read_past(llama: Classifier) -> None:
    ids = llama.encode(TEXT).input_ids
    n = 3
    batch = torch.from_numpy(np.concatenate([np.zeros(n, dtype=np.int64), ids]))[None]
    mask = torch.ones_like(batch)
    mask[0, :n] = 0
    assert int((mask * torch.arange(1, 1 + mask.shape[1])).argmax()) == batch.shape[1] - 1
    with torch.no_grad():
        left = llama.model(input_ids=batch, attention_mask=mask).logits[0].numpy()
    np.testing.assert_allclose(left, llama.predict(TEXT).logits, atol=1e-5)  # positions are relative, turned in float32


def test_a_model_from_a_folder_is_the_same(tmp_path: Path) -> None:
    model, tokenizer = parts("llama")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = heedful.load(tmp_path, template=TEMPLATE, labels=LABELS)
    np.testing.assert_allclose(loaded.predict(TEXT).logits, load().predict(TEXT).logits, atol=1e-4)
    with pytest.raises(ModelError, match="not a trained text classifier"):
        heedful.load(tmp_path)


def test_the_model_comes_out_untouched() -> None:
    model, tokenizer = parts("gpt2")
    model.train()
    before, modules = model.config.to_dict(), [(id(m), dict(vars(m))) for m in model.modules()]
    classifier = heedful.load(model, tokenizer, template=TEMPLATE, labels=LABELS)
    for method in ("attention-mean", "lrp", "occlusion"):
        heedful.explain(classifier, TEXT, method)
    with pytest.raises(SettingError):
        heedful.explain(classifier, TEXT, "attention-mean:layer=9")
    assert model.config.to_dict() == before
    assert model.config.pad_token_id is None
    assert model.config._attn_implementation != "eager"
    for (_, then), module in zip(modules, model.modules(), strict=True):
        now = vars(module)
        assert now.keys() == then.keys()
        assert all(now[key] is then[key] for key in now)


SHARED = "begin with the same token"


@pytest.mark.parametrize(
    ("template", "labels", "message"),
    [
        ("no place", LABELS, "it is there 0 times"),
        ("{text} and {text}", LABELS, "it is there 2 times"),
        ("\ud800 {text}", LABELS, "lone surrogate"),
        (TEMPLATE, {"pos": " good"}, "a word for each of two classes"),
        (TEMPLATE, ["pos", "neg"], "a word for each of two classes"),
        (TEMPLATE, {"pos": " good", "neg": ""}, "a word for each of two classes"),
        (TEMPLATE, {"pos": " good", "neg": " good film"}, SHARED),
        (TEMPLATE, {"pos": " 漢", "neg": " good"}, "not in the vocabulary"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(template: object, labels: object, message: str) -> None:
    with pytest.raises(SettingError, match=message) as raised:
        load(template=template, labels=labels)
    assert "\n" not in str(raised.value)


def test_a_word_that_runs_into_the_template_is_refused() -> None:
    with pytest.raises(SettingError, match="end the template without white space"):
        load("qwen2", template="what {text} the ", labels={"pos": "good", "neg": "not"})


def test_of_a_word_of_several_tokens_the_first_counts() -> None:
    several = load(labels={"pos": " good film", "neg": " not"})
    assert several.predict(TEXT).logits == pytest.approx(load().predict(TEXT).logits)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"source": "demo", "template": TEMPLATE, "labels": LABELS}, SettingError, "causal language model: give its"),
        ({"source": "demo", "template": TEMPLATE}, SettingError, "a template goes with labels"),
        ({"source": "demo", "labels": LABELS}, SettingError, "labels with words go with a template"),
    ],
)
def test_what_goes_together(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call(heedful.load, arguments.pop("source"), **arguments)


def test_what_predicts_no_next_word_is_refused() -> None:
    one = zoo.make("bert")
    with pytest.raises(ModelError, match="predicts no next word"):
        heedful.load(one.model, one.tokenizer, template=TEMPLATE, labels=LABELS)
    with pytest.raises(TextError, match="takes single texts"):
        load().predict(("a film", "a plot"))


def test_on_the_command_line(run: Callable[..., Any], tmp_path: Path) -> None:
    model, tokenizer = parts("llama")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    words = ["--label", "pos= good", "--label", "neg= not"]
    code, out, err = run("explain", str(tmp_path), TEXT, "-m", "occlusion", "--csv", "--template", TEMPLATE, *words)
    assert code == 0, err
    assert "dull" in out
    for options, message in (
        (["--template", TEMPLATE], "go together"),
        (words, "go together"),
        (["--template", TEMPLATE, "--label", "pos"], "name and word"),
        (["--template", TEMPLATE, *words[:2], *words[:2]], "given twice"),
    ):
        code, _, err = run("explain", str(tmp_path), TEXT, *options)
        assert code == 2
        assert message in err


def test_a_model_that_gives_logits_everywhere_is_read_at_the_end(llama: Classifier) -> None:
    texts = [TEXT, "a dull film"]
    expected = [one.logits for one in llama.predict(texts)]
    everywhere = load()
    everywhere.model._places = False  # as of a model that cannot be asked for some positions alone
    np.testing.assert_allclose([one.logits for one in everywhere.predict(texts)], expected, atol=1e-10)


def test_special_tokens_behind_the_question_are_left_out(llama: Classifier) -> None:
    tokenizer = tiny.tokenizer("unigram")  # puts </s> behind every text
    other = heedful.load(language_model("llama", tokenizer), tokenizer, template=TEMPLATE, labels=LABELS)
    assert other.encode(TEXT).input_ids.tolist() == llama.encode(TEXT).input_ids.tolist()
    assert other.predict(TEXT).logits == pytest.approx(llama.predict(TEXT).logits)


def test_a_token_in_both_is_the_texts_if_it_holds_a_letter_of_it() -> None:
    template = Template.of("R: {text}\n\nS:")
    tokens = (None, (0, 2), (2, 7), (7, 10), (10, 12))  # <s>, "R:", " good", ".\n\n", "S:"
    assert template.spans("good.", tokens) == (None, None, (0, 4), None, None)
    with pytest.raises(TextError, match="put white space around"):
        template.spans("good.", (None, (0, 2), (10, 12)))
    with pytest.raises(SettingError, match="a template is a text such as"):
        Template.of(7)
