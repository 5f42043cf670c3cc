import inspect

import numpy as np
import pytest
import torch
from transformers import BertModel, ByT5Tokenizer

import zoo
from factory import make_bert, make_classifier
from heedful.classifier import MASKINGS, Classifier
from heedful.classifier.inside import look_inside
from heedful.errors import ModelError, SettingError, TargetError
from heedful.games.output import Output
from heedful.models import AttentionPoolingForSequenceClassification
from untouched import assert_same_state, restless, state

TEXT = "The plot was not good, but the acting was very good!"
any_classifier = pytest.mark.parametrize("make", [make_classifier, make_bert], ids=["paper", "bert"])


def own_vectors(classifier):
    return look_inside(classifier, classifier.encode(TEXT)).vectors()


def gradients_at(classifier, point):
    return next(look_inside(classifier, classifier.encode(TEXT)).gradients(Output("probability", 1), [point]))[1]


CALLS = {
    "encode": lambda c: c.encode(TEXT * 30),
    "logits": lambda c: c.logits([c.encode(TEXT).input_ids, c.encode("the plot").input_ids]),
    "attention": lambda c: look_inside(c, c.encode(TEXT)).attention(),
    "gradient": lambda c: look_inside(c, c.encode(TEXT)).gradient(np.array([0.0, 1.0, -1.0]), "autograd"),
    "gradients": lambda c: gradients_at(c, own_vectors(c)),
    "own_vectors": own_vectors,
    "input_vectors": lambda c: look_inside(c, c.encode(TEXT)).input_vectors(),
}


@any_classifier
@pytest.mark.parametrize("call", CALLS)
def test_the_classifier_is_the_same_after_every_call(make, call):
    classifier = restless(make)
    before = state(classifier)
    CALLS[call](classifier)
    assert_same_state(before, state(classifier))


@any_classifier
@pytest.mark.parametrize("call", ["logits", "attention", "gradient", "gradients"])
def test_and_after_an_exception_in_the_middle_of_a_forward(make, call):
    class InterruptionError(Exception):
        pass

    def interrupt(*_):
        assert not classifier.model.training
        raise InterruptionError

    classifier = restless(make)
    list(classifier.model.modules())[1].register_forward_hook(interrupt)
    before = state(classifier)
    with pytest.raises(InterruptionError):
        CALLS[call](classifier)
    assert_same_state(before, state(classifier))


@any_classifier
@pytest.mark.parametrize("call", ["logits", "attention", "gradient", "gradients"])
def test_a_model_in_training_mode_answers_as_in_evaluation_mode(make, call):
    classifier = restless(make)
    result = CALLS[call](classifier)
    classifier.model.eval()
    np.testing.assert_array_equal(result, CALLS[call](classifier))


def test_a_model_that_keeps_tensors_of_its_own_can_be_trained_afterwards():
    tables = []

    class Caching(AttentionPoolingForSequenceClassification):
        def forward(self, *args, **kwargs):
            out = super().forward(*args, **kwargs)
            if not tables:
                tables.append(torch.full((), 2.0))
            out.logits = out.logits * tables[0]
            return out

    paper = make_classifier()
    classifier = Classifier(Caching(paper.model.config), paper.tokenizer, "caching")
    encoded = classifier.encode(TEXT)
    classifier.logits([encoded.input_ids])
    classifier.model(torch.from_numpy(encoded.input_ids)[None]).logits.sum().backward()
    assert classifier.model.query.grad.abs().sum() > 0


class Lazy(torch.nn.Module):
    """Does nothing, by tables that it makes when it is first used."""

    def __init__(self):
        super().__init__()
        self.ready = self.sized = False
        self.register_buffer("ones", torch.zeros(0))

    def forward(self, logits):
        if not self.ready:
            self.one, self.ready = torch.ones(()), True
        if not self.sized:
            self.ones, self.sized = torch.ones(logits.shape[-1]), True
        return logits * self.one * self.ones


@pytest.mark.parametrize("call", ["logits", "attention", "gradient", "gradients"])
def test_a_module_that_makes_its_tables_at_first_use_is_left_without(call):
    classifier = make_bert()
    expected = CALLS[call](classifier)
    classifier.model.classifier = torch.nn.Sequential(classifier.model.classifier, Lazy())
    before = state(classifier)
    for _ in range(2):
        found = CALLS[call](classifier)
        assert_same_state(before, state(classifier))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_decoders_fill_no_cache(name):
    classifier, kept = zoo.make(name), []
    classifier.model.register_forward_hook(lambda _, __, out: kept.append(out.past_key_values))
    for call in ("logits", "attention", "gradient"):
        CALLS[call](classifier)
    assert set(kept) == {None}
    assert classifier.model.config.use_cache is True


@any_classifier
def test_gradient_meets_finite_differences(make):
    classifier = make()
    encoded = classifier.encode(TEXT)
    cotangent = np.array([0.5, -1.0, 0.25])
    gradient = look_inside(classifier, encoded).gradient(cotangent, "autograd")
    ids = torch.from_numpy(encoded.input_ids)[None]
    vectors = classifier.model.get_input_embeddings()(ids).detach()
    assert gradient.shape == vectors[0].shape
    step = 1e-5
    for t, i in [(0, 0), (0, 3), (1, 1), (5, 2), (len(encoded) - 1, 7)]:
        bump = torch.zeros_like(vectors)
        bump[0, t, i] = step
        with torch.no_grad():
            above, below = (classifier.model(inputs_embeds=vectors + sign * bump).logits[0] for sign in (1, -1))
        # central differences: step^2 times a third derivative of order 1 to 10, and 1e-15 of rounding over the step
        assert gradient[t, i] == pytest.approx((above - below).numpy() @ cotangent / (2 * step), abs=1e-8)


@any_classifier
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_callers_gradient_mode_does_not_matter(make, mode):
    classifier = make()
    expected = [CALLS[call](classifier) for call in ("logits", "attention", "gradient", "gradients", "input_vectors")]
    with mode():
        found = [CALLS[call](classifier) for call in ("logits", "attention", "gradient", "gradients", "input_vectors")]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@any_classifier
def test_logits_of_texts_together_are_those_of_each_alone(make):
    classifier = make()
    rows = [classifier.encode(text).input_ids for text in (TEXT, "the plot", "a dull film !")]
    with torch.no_grad():
        alone = [classifier.model(torch.from_numpy(row)[None]).logits[0].numpy() for row in rows]
    # batches of another shape add up in another order: some hundred roundings of 1e-16
    np.testing.assert_allclose(classifier.logits(rows), alone, rtol=1e-12, atol=1e-12)


@any_classifier
def test_attention_is_what_the_first_position_attends_to_in_the_last_layer(make):
    classifier = make()
    encoded = classifier.encode(TEXT)
    ids = torch.from_numpy(encoded.input_ids)[None]
    own = classifier.model(ids, output_attentions=True).attentions[-1][0, :, 0].detach().numpy()
    found = look_inside(classifier, encoded).attention()
    np.testing.assert_array_equal(look_inside(classifier, encoded).attention(), found)
    assert found.shape == (classifier.model.config.num_attention_heads, len(encoded))
    np.testing.assert_allclose(found, own, rtol=1e-13)
    np.testing.assert_allclose(found.sum(1), 1.0, rtol=1e-13)


def test_attended_padding_is_left_out_of_the_attention():
    classifier = make_classifier(attend_padding=True)
    found = look_inside(classifier, classifier.encode(TEXT)).attention()
    assert found.shape == (3, len(classifier.encode(TEXT)))
    assert (found.sum(1) < 1).all()


def test_attention_is_the_same_under_a_fused_kernel_which_stays_in_place():
    fused, eager = make_bert(attn_implementation="sdpa"), make_bert()
    encoded = eager.encode(TEXT)
    for layer in (0, 1):
        found, expected = (look_inside(c, encoded).weights(layer) for c in (fused, eager))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert fused.model.config._attn_implementation == "sdpa"


def test_input_vectors_are_what_the_gradient_refers_to():
    encoded = make_classifier().encode(TEXT)
    paper, bert = make_classifier().model, make_bert().model
    words = paper.embeddings.weight.detach().numpy()[encoded.input_ids]
    with_positions = words + paper.positions.numpy()[: len(encoded)]
    np.testing.assert_array_equal(look_inside(make_classifier(), encoded).input_vectors(), with_positions)
    words = bert.get_input_embeddings().weight.detach().numpy()[encoded.input_ids]
    np.testing.assert_array_equal(look_inside(make_bert(), encoded).input_vectors(), words)


def test_results_are_float64_whatever_the_model():
    classifier = make_classifier()
    for dtype in (torch.float32, torch.bfloat16):
        low = Classifier(classifier.model.to(dtype), classifier.tokenizer, "low precision")
        for call in ("logits", "attention", "gradient", "input_vectors"):
            expected, found = CALLS[call](make_classifier()), CALLS[call](low)
            assert found.dtype == np.float64
            # scores of size 10 go through an exponential: some tens of roundings
            assert np.abs(found - expected).max() < 100 * torch.finfo(dtype).eps * np.abs(expected).max()


def named(*labels):
    numbers = {name: i for i, name in enumerate(labels)}
    return make_classifier(num_labels=len(labels), id2label=dict(enumerate(labels)), label2id=numbers)


@pytest.mark.parametrize(
    ("labels", "wanted", "index"),
    [
        (("no", "yes"), 1, 1),
        (("no", "yes"), np.int64(0), 0),
        (("no", "yes"), "yes", 1),
        (("no", "yes"), "predicted", 0),
        (("no", "yes"), "1", 1),
        (("predicted", "yes"), "predicted", 0),
        (("1", "0"), "#1", 1),
        (("1", "5"), "5", 1),
        (("1", "5"), 5, 1),
        (("1", "5"), 0, 0),
        (("0", "1"), 1, 1),
        (("0", "1"), "1", 1),
        (("#1", "no"), "#1", 0),
        (("7", "2"), "1", 1),
        (("", " "), " ", 1),
        (("-1", "no"), "-1", 0),
    ],
)
def test_target_by_index_name_or_prediction(labels, wanted, index):
    classifier = named(*labels)
    assert classifier.labels == labels
    assert inspect.unwrap(Classifier.target)(classifier, wanted, np.array([1.0, 0.0])) == index


@pytest.mark.parametrize(
    "wanted", [2, -1, "2", "-1", "--1", "Yess", "yes ", "", "²", "1.0", "9" * 30, True, np.True_, 1.0, None, ("yes",)]
)
def test_target_out_of_range_or_misspelt_names_the_valid_ones(wanted):
    with pytest.raises(TargetError, match=r"no class .*; the classes are 0 'no', 1 'yes'") as raised:
        inspect.unwrap(Classifier.target)(named("no", "yes"), wanted, np.array([1.0, 0.0]))
    assert "\n" not in str(raised.value)


def test_auto_masking_is_the_unknown_word_the_mask_or_deletion():
    paper, bert = make_classifier(), make_bert()
    assert (paper.masking("auto"), bert.masking("auto")) == ("unk", "mask")
    bert.tokenizer.mask_token = None
    assert bert.masking("auto") == "unk"
    bert.tokenizer.unk_token = None
    assert bert.masking("auto") == "delete"
    with pytest.raises(SettingError, match="bert has no mask token: use masking 'delete' or 'ignore'"):
        bert.masking("mask")


def test_auto_masking_takes_no_token_that_the_model_takes_for_padding_or_has_no_word_for():
    bert = make_bert()
    bert.tokenizer.mask_token = None
    bert.model.config.pad_token_id = bert.tokenizer.unk_token_id
    assert bert.masking("auto") == "delete"
    bert = make_bert()
    bert.tokenizer.add_special_tokens({"mask_token": "[new]"})  # the model was not resized
    assert bert.masking("auto") == "unk"
    with pytest.raises(SettingError, match="bert has no mask token"):
        bert.masking("mask")


def test_type_ids_go_to_models_that_take_them(monkeypatch):
    bert = zoo.make("bert")
    pair = bert.encode(("good", "film"))
    assert pair.type_ids is not None
    without = Classifier(bert.model, bert.tokenizer, "bert")

    def forward(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> None:
        """As DistilBERT's, say: no token_type_ids."""

    monkeypatch.setattr(bert.model, "forward", forward)
    assert without.encode(("good", "film")).type_ids is None


def test_maskings_and_their_replacements():
    classifier = make_classifier()
    assert [classifier.masking(name) for name in MASKINGS] == ["unk", "mask", "pad", "delete", "ignore"]
    assert [classifier.replacement_id(name) for name in MASKINGS] == [1, 3, 0, None, None]
    assert make_classifier(attend_padding=True).replacement_id("pad") == 1
    with pytest.raises(SettingError, match="unknown masking 'UNK': use auto or one of unk, mask, pad, delete, ignore"):
        classifier.masking("UNK")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_broken_weights_are_refused_by_name(value):
    classifier = make_classifier()
    with torch.no_grad():
        classifier.model.value[1, 2, 3] = value
    with pytest.raises(ModelError, match="random weights: weight value holds NaN or infinite numbers"):
        Classifier(classifier.model, classifier.tokenizer, "random weights")


def test_what_is_no_classifier_is_refused():
    paper, bert = make_classifier(), make_bert()
    with pytest.raises(ModelError, match="slow: the tokenizer gives no character offsets; load its fast version"):
        Classifier(paper.model, ByT5Tokenizer(), "slow")
    base = Classifier(BertModel(bert.model.config), bert.tokenizer, "base")
    with pytest.raises(ModelError, match="base gives no logits of texts and classes; load it as a sequence classifier"):
        base.logits([base.encode(TEXT).input_ids])
    bert.model.config.id2label = {1: "no", 2: "yes"}
    with pytest.raises(ModelError, match="no labels from 0 up"):
        Classifier(bert.model, bert.tokenizer, "from 1")


@any_classifier
def test_a_tokenizer_of_another_model_is_refused(make):
    classifier = make()
    largest = max(classifier.encode(TEXT).input_ids)
    classifier.model.resize_token_embeddings(largest)
    with pytest.raises(ModelError, match=f"gives id {largest}, the model has {largest} words; they do not belong"):
        Classifier(classifier.model, classifier.tokenizer, "mixed").encode(TEXT)
