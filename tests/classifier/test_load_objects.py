"""Loading from objects: models, pipelines with settings of their own, wrappers, and what is none of these."""

import inspect
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    Pipeline,
    TextClassificationPipeline,
    pipeline,
)
from transformers.pipelines.text_classification import ClassificationFunction
from transformers.tokenization_utils_base import PaddingStrategy, TruncationStrategy

from factory import make_bert, make_classifier
from heedful import api
from heedful.errors import ModelError, SettingError
from heedful.explaining.windows import Windows
from heedful.support.progress import quiet_transformers

TEXT = "the plot was not good but the acting was very good !"
LONG = " ".join([TEXT] * 3)
load = inspect.unwrap(api.load)  # the shape checks of the tests would stop what is no model


def made(classifier, task="text-classification", **settings) -> Pipeline:
    with quiet_transformers():
        return pipeline(task, model=classifier.model, tokenizer=classifier.tokenizer, device="cpu", **settings)


def theirs(pipe: Pipeline, text: str | dict) -> dict[str, float]:
    with quiet_transformers():
        scores = pipe(text, top_k=None)
    return {one["label"]: one["score"] for one in scores}


def ours(pipe: Pipeline, text, **choices) -> dict[str, float]:
    return {
        label: api.explain(pipe, text, "random", target=label, output="probability", **choices).prediction
        for label in api.load(pipe).labels
    }


def agree(pipe: Pipeline, text=TEXT, given=None) -> None:
    # the pipeline computes its probabilities in single precision
    assert ours(pipe, text) == pytest.approx(theirs(pipe, given or text), rel=1e-5, abs=1e-7)


def test_objects_are_used_as_they_are():
    original = make_classifier()
    model, tokenizer = original.model, original.tokenizer
    model.train()
    for found in (api.load(model, tokenizer), api.load(made(original))):
        assert found.model is model
        assert found.tokenizer is tokenizer
        assert found.name == "AttentionPoolingForSequenceClassification"
        np.testing.assert_array_equal(found.logits_of(found.encode(TEXT)), original.logits_of(original.encode(TEXT)))


KINDS: dict[str, Callable] = {
    "paper": make_classifier,
    "bert": make_bert,
    "several right": lambda: make_bert(problem_type="multi_label_classification"),
    "one right": lambda: make_bert(problem_type="single_label_classification"),
    "one label": lambda: make_bert(num_labels=1),
}
# what is read and given otherwise, and what makes no difference
TAKEN = {
    "nothing": {},
    "sigmoid": {"function_to_apply": "sigmoid"},
    "softmax": {"function_to_apply": "softmax"},
    "sigmoid, in capitals": {"function_to_apply": "SIGMOID"},
    "sigmoid, enumerated": {"function_to_apply": ClassificationFunction.SIGMOID},
    "cut": {"truncation": True, "max_length": 5},
    "cut, by name": {"truncation": "longest_first", "max_length": 7},
    "cut, enumerated": {"truncation": TruncationStrategy.LONGEST_FIRST, "max_length": 7},
    "cut, by length alone": {"max_length": 6},
    "cut where the tokenizer says": {"truncation": True},
    "not cut": {"truncation": False, "max_length": 5},
    "not cut, by name": {"truncation": "do_not_truncate"},
    "not cut, since padded": {"padding": True, "max_length": 5},
    "not padded": {"padding": False, "truncation": True, "max_length": 5},
    "not padded, enumerated": {"padding": PaddingStrategy.DO_NOT_PAD},
    "padded to the longest": {"padding": "longest"},
    "special tokens": {"add_special_tokens": True},
    "all labels": {"top_k": None},
    "two labels": {"top_k": 2, "batch_size": 8},
    "several": {"function_to_apply": "sigmoid", "truncation": True, "max_length": 4, "top_k": 1},
}


@pytest.mark.filterwarnings("ignore:`max_length` is ignored")
@pytest.mark.parametrize("settings", TAKEN)
@pytest.mark.parametrize("kind", ["paper", "bert"])
def test_a_pipelines_settings_are_taken_over(kind, settings):
    agree(made(KINDS[kind](), **TAKEN[settings]))


@pytest.mark.parametrize("settings", ["nothing", "sigmoid", "softmax"])
@pytest.mark.parametrize("kind", list(KINDS)[2:])
def test_probabilities_are_the_pipelines_for_every_kind_of_label(kind, settings):
    agree(made(KINDS[kind](), **TAKEN[settings]))


@pytest.mark.parametrize("settings", ["nothing", "cut", "cut where the tokenizer says", "not cut"])
def test_long_texts_end_where_the_pipeline_ends_them(settings):
    classifier = make_bert()
    classifier.tokenizer.model_max_length = 9  # the model takes 64
    agree(made(classifier, **TAKEN[settings]), LONG)


@pytest.mark.parametrize("settings", ["nothing", "sigmoid", "cut"])
def test_pairs_are_read_as_the_pipeline_reads_them(settings):
    agree(made(make_bert(), **TAKEN[settings]), (TEXT, "a dull film"), {"text": TEXT, "text_pair": "a dull film"})


def test_windows_are_as_wide_as_the_pipeline_reads():
    pipe = made(make_bert(), truncation=True, max_length=6)
    e = api.explain(pipe, TEXT, "occlusion", long_text=Windows())
    assert (e.settings["window_size"], e.cut) == (6, ())
    assert api.explain(pipe, TEXT, "occlusion").cut != ()


REFUSED = {
    "no special tokens": ({"add_special_tokens": False}, "add_special_tokens=False"),
    "padded to the end": ({"padding": "max_length"}, "padding='max_length'"),
    "padded to the end, enumerated": ({"padding": PaddingStrategy.MAX_LENGTH}, "padding=.*max_length"),
    "padded to a multiple": ({"pad_to_multiple_of": 8}, "pad_to_multiple_of=8"),
    "the first text cut": ({"truncation": "only_first", "max_length": 5}, "truncation='only_first'"),
    "the second text cut": ({"truncation": TruncationStrategy.ONLY_SECOND}, "truncation=.*only_second"),
    "nothing left": ({"truncation": True, "max_length": 0}, "max_length=0"),
    "a length of words": ({"truncation": True, "max_length": "x"}, "max_length='x'"),
    "overlaps": ({"stride": 2, "return_overflowing_tokens": True}, "stride=2"),
    "no types": ({"return_token_type_ids": False}, "return_token_type_ids=False"),
    "words": ({"is_split_into_words": True}, "is_split_into_words=True"),
    "the other side": ({"padding_side": "left"}, "padding_side='left'"),
    "anything else": ({"colour": "red"}, "colour='red'"),
    "no function": ({"function_to_apply": "none"}, "function_to_apply 'none' gives no probabilities"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_cannot_be_taken_over_are_named(name):
    settings, message = REFUSED[name]
    with pytest.raises(SettingError, match=message) as raised:
        api.load(made(make_bert(), **settings))
    assert "\n" not in str(raised.value)


def test_regression_has_no_probabilities():
    with pytest.raises(SettingError, match="model for regression gives no probabilities"):
        api.load(made(make_bert(num_labels=1, problem_type="regression")))


MODELS = {
    "fill-mask": AutoModelForMaskedLM,
    "token-classification": AutoModelForTokenClassification,
    "feature-extraction": AutoModel,
    "text-generation": AutoModelForCausalLM,
}


def of_task(task: str) -> Pipeline:
    bert = make_bert()
    if task == "zero-shot-classification":
        names = ("contradiction", "neutral", "entailment")
        by_name = {name: i for i, name in enumerate(names)}
        return made(make_bert(id2label=dict(enumerate(names)), label2id=by_name), task)
    model = MODELS[task].from_config(bert.model.config)
    return pipeline(task, model=model, tokenizer=bert.tokenizer, device="cpu")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", ["zero-shot-classification", *MODELS])
def test_pipelines_of_other_tasks_are_refused_by_name(task):
    with quiet_transformers():
        pipe = of_task(task)
    with pytest.raises(ModelError, match=f"a {task} pipeline") as raised:
        load(pipe)
    assert "\n" not in str(raised.value)


def test_a_pipeline_of_ones_own_class_is_refused():
    class Shouting(TextClassificationPipeline):
        def preprocess(self, inputs, **settings):
            return super().preprocess(inputs.upper(), **settings)

    bert = make_bert()
    pipe = Shouting(model=bert.model, tokenizer=bert.tokenizer, device="cpu")
    with pytest.raises(ModelError, match="a Shouting is no text-classification pipeline of transformers"):
        load(pipe)


def test_a_pipeline_with_a_step_replaced_is_refused():
    pipe = made(make_bert())
    pipe.preprocess = lambda inputs, **settings: type(pipe).preprocess(pipe, inputs.upper(), **settings)
    with pytest.raises(SettingError, match="the pipeline's preprocess was replaced, which is not taken over"):
        load(pipe)


def test_sentiment_analysis_is_text_classification():
    assert api.load(made(make_bert(), "sentiment-analysis")).labels == ("LABEL_0", "LABEL_1", "LABEL_2")


class Lightning(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model


def wrapped() -> dict[str, tuple[torch.nn.Module, str]]:
    model = make_bert().model
    return {
        "lightning": (Lightning(model), "this Lightning wraps a model: load that, its .model, with the tokenizer"),
        "a module": (torch.nn.Linear(2, 2), "cannot load a Linear, which is no model of transformers: give a hub id"),
        "modules in a module": (Lightning(torch.nn.Linear(2, 2)), "cannot load a Lightning, which is no model of"),
    }


@pytest.mark.parametrize("name", ["lightning", "a module", "modules in a module"])
def test_wrappers_are_told_what_to_give_instead(name):
    wrapper, message = wrapped()[name]
    for arguments in ((wrapper,), (wrapper, make_bert().tokenizer)):
        with pytest.raises(ModelError, match=message) as raised:
            load(*arguments)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "wrapped_in",
    [
        torch.nn.DataParallel,
        partial(torch.compile, backend="eager"),
        lambda model: torch.compile(torch.nn.DataParallel(model), backend="eager"),
    ],
)
def test_wrappers_for_speed_are_answered_as_what_they_wrap(wrapped_in):
    bert = make_bert()
    wrapper = wrapped_in(bert.model)
    assert load(wrapper, bert.tokenizer).model is bert.model


@pytest.mark.parametrize("source", [None, 3, {}, torch.nn.Linear(2, 2), make_classifier().tokenizer, make_classifier])
def test_objects_that_are_no_model_are_refused(source):
    with pytest.raises(ModelError, match="give a hub id, a folder, a pipeline, or a model and tokenizer"):
        load(source)


def test_adapters_are_to_be_merged_first(tmp_path):
    adapted = torch.nn.Module()
    adapted.merge_and_unload = lambda: None
    with pytest.raises(ModelError, match=r"a PEFT model: call its merge_and_unload\(\)"):
        load(adapted, make_classifier().tokenizer)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds a PEFT adapter: merge it"):
        api.load(tmp_path)


def test_a_pipeline_is_loaded_for_the_call():
    classifier = make_bert()
    by_pipeline = api.explain(made(classifier), TEXT, "occlusion")
    np.testing.assert_array_equal(by_pipeline.scores, api.explain(classifier, TEXT, "occlusion").scores)
    assert len(api.compare(made(classifier), TEXT, ["occlusion"]).explanations) == 1


def test_arguments_that_do_not_go_together_are_refused(tmp_path):
    classifier = make_bert()
    with pytest.raises(ModelError, match=r"a model object needs its tokenizer: load\(model, tokenizer\)"):
        api.load(classifier.model)
    with pytest.raises(ModelError, match="a model object needs its tokenizer"):
        inspect.unwrap(api.explain)(classifier.model, TEXT, "occlusion")
    with pytest.raises(ModelError, match="the tokenizer must be one of transformers, got str"):
        load(classifier.model, "bert-base-uncased")
    for source in ((classifier.model, classifier.tokenizer), (made(classifier),), (classifier,)):
        with pytest.raises(SettingError, match="stays on its device"):
            load(*source, device="cpu")
    for given in (tmp_path, str(tmp_path), made(classifier), classifier):
        with pytest.raises(SettingError, match="brings its own"):
            load(given, classifier.tokenizer)
    assert load(classifier) is classifier
