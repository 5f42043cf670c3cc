"""Inside classifiers of other shapes: encoder-decoders, layers without attention weights, outputs in another order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import heedful
import kinds
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.errors import ModelError, SettingError
from heedful.question import Choices, ask

TEXT = "the plot was not good"
ENCODER_DECODERS = ("bart", "t5", "t5gemma")
both = pytest.mark.parametrize("kind", ENCODER_DECODERS)


def scores(classifier: Classifier, method: str) -> np.ndarray:
    return heedful.explain(classifier, TEXT, method, target=0, unit="token").scores


def of_words(classifier: Classifier, tokens: np.ndarray) -> np.ndarray:
    return tokens[[span is not None and span[0] < span[1] for span in classifier.encode(TEXT).offsets]]


class ByHand:
    """Attention weights of an encoder-decoder's own output, over nodes: the decoder's positions, then the encoder's."""

    def __init__(self, kind: str) -> None:
        self.classifier = kinds.make(kind)
        model, ids = self.classifier.model, torch.from_numpy(self.classifier.encode(TEXT).input_ids)[None]
        model.set_attn_implementation("eager")
        kept = []
        hook = model.base_model.register_forward_hook(lambda _, __, out: kept.append(out))
        self.logits = model(ids, output_attentions=True).logits[0]
        hook.remove()
        self.n = ids.shape[1]
        decoder, encoder = slice(0, self.n), slice(self.n, 2 * self.n)
        self.steps = [(w, encoder, encoder) for w in kept[0].encoder_attentions]
        for within, across in zip(kept[0].decoder_attentions, kept[0].cross_attentions, strict=True):
            self.steps += [(within, decoder, decoder), (across, decoder, encoder)]
        self.cross = kept[0].cross_attentions
        self.read = self.n - 1  # the end token, or the last

    def tokens(self, nodes: np.ndarray) -> np.ndarray:
        """A token stands in the encoder at its place, and one further on in the decoder."""
        return nodes[self.n :] + np.append(nodes[1 : self.n], 0.0)

    def matrix(self, weights: torch.Tensor, rows: slice, columns: slice, start: np.ndarray) -> np.ndarray:
        whole = start.copy()
        whole[rows, columns] += weights.detach().double().numpy()
        return whole


@both
def test_attention_is_across_from_the_end_of_the_decoder(kind: str) -> None:
    hand = ByHand(kind)
    for layer in (0, 1):
        expected = hand.cross[layer][0, :, hand.read].mean(0).detach().double().numpy()
        found = scores(hand.classifier, f"attention-mean:layer={layer}")
        assert found == pytest.approx(of_words(hand.classifier, expected), rel=1e-5)


@both
def test_rollout_goes_down_the_decoder_across_and_down_the_encoder(kind: str) -> None:
    hand = ByHand(kind)
    rollout = np.eye(2 * hand.n)
    for weights, rows, columns in hand.steps:
        kept = np.eye(2 * hand.n)
        kept[rows] *= 0.5
        rollout = hand.matrix(0.5 * weights[0].mean(0), rows, columns, kept) @ rollout
    assert rollout.sum(1) == pytest.approx(1.0, rel=1e-5)
    expected = of_words(hand.classifier, hand.tokens(rollout[hand.read]))
    assert scores(hand.classifier, "attention-rollout") == pytest.approx(expected, rel=1e-5)
    flow = scores(hand.classifier, "attention-flow")
    assert (flow >= expected * (1 - 1e-5)).all()  # what is shared out is no more than what could flow
    assert (flow <= 1).all()


@both
def test_gradient_times_attention_by_the_rule_written_out(kind: str) -> None:
    hand = ByHand(kind)
    gradients = torch.autograd.grad(hand.logits[0], [weights for weights, _, _ in hand.steps])
    relevance, zero = np.eye(2 * hand.n), np.zeros((2 * hand.n, 2 * hand.n))
    for (weights, rows, columns), gradient in zip(hand.steps, gradients, strict=True):
        positive = (weights * gradient).clamp(min=0)[0].mean(0)
        relevance = relevance + hand.matrix(positive, rows, columns, zero) @ relevance
    expected = of_words(hand.classifier, hand.tokens((relevance - np.eye(2 * hand.n))[hand.read]))
    assert scores(hand.classifier, "attention-x-gradient") == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_value_norm_is_the_length_of_what_crosses() -> None:
    """One token's share of the decoder's cross-attention, by leaving its value out of the encoder's side."""
    classifier = kinds.make("bart")
    cross = classifier.model.model.decoder.layers[1].encoder_attn
    ids = torch.from_numpy(classifier.encode(TEXT).input_ids)[None]
    found = scores(classifier, "attention-value-norm")
    added: list[torch.Tensor] = []
    left_out = [None]

    def silence(_: object, __: object, value: torch.Tensor) -> torch.Tensor:
        value = value.clone()
        if left_out[0] is not None:
            value[0, left_out[0]] = 0.0
        return value

    with torch.no_grad():
        cross.v_proj.register_forward_hook(silence)
        cross.out_proj.register_forward_hook(lambda _, __, out: added.append(out[0, -1]))
        for left_out[0] in (None, *range(ids.shape[1])):
            classifier.model(ids)
    expected = np.array([float((added[0] - without).norm()) for without in added[1:]])
    assert found == pytest.approx(of_words(classifier, expected), rel=1e-9)


@pytest.mark.parametrize("kind", [*ENCODER_DECODERS, "t5gemma2"])
def test_integrated_gradients_start_from_ids_replaced_on_both_sides(kind: str) -> None:
    classifier = kinds.make(kind)
    question = ask(classifier, TEXT, Choices(masking="unk", unit="word", target=0))
    answer = heedful.methods.IntegratedGradients(baseline="unk").answer(question)
    empty = question.game()(np.zeros((1, len(question.units)), dtype=bool))[0]
    assert answer.base_value == pytest.approx(empty, rel=1e-6)
    assert answer.scores.sum() == pytest.approx(question.prediction - empty, rel=1e-2)


def test_two_tables_make_one_vector() -> None:
    classifier = kinds.make("t5gemma")
    encoded = classifier.encode(TEXT)
    look = look_inside(classifier, encoded)
    encoder, decoder = classifier.model.model.encoder, classifier.model.model.decoder
    rows = [part.get_input_embeddings().weight[encoded.input_ids] for part in (encoder, decoder)]
    assert not torch.equal(*rows)
    assert np.array_equal(look.vectors(), torch.cat(rows, dim=1).detach().numpy())
    assert look.gradient(np.array([1.0, 0.0, 0.0])).shape == (len(encoded), 32)


@pytest.mark.parametrize("kind", ["qwen3_5_text", "qwen3_next"])
def test_layers_are_numbered_as_the_models(kind: str) -> None:
    """The first layer is one of linear attention, without weights."""
    classifier = kinds.make(kind)
    classifier.model.set_attn_implementation("eager")
    ids = torch.from_numpy(classifier.encode(TEXT).input_ids)[None]
    (only,) = classifier.model(ids, output_attentions=True).attentions
    expected = of_words(classifier, only[0, :, -1].mean(0).detach().numpy())
    for method in ("attention-mean", "attention-mean:layer=1", "attention-mean:layer=-1"):
        assert scores(classifier, method) == pytest.approx(expected, rel=1e-5)
    for method in ("attention-mean:layer=0", "attention-mean:layer=-2", "attention-value-norm:layer=0"):
        with pytest.raises(SettingError, match=rf"layer -?\d of {kind} has no attention weights: .* has, of 1$"):
            scores(classifier, method)
    with pytest.raises(SettingError, match=f"no layer 2: {kind} has layers 0 to 1"):
        scores(classifier, "attention-mean:layer=2")


def test_a_last_layer_without_weights_is_not_passed_over() -> None:
    classifier = kinds.make("jamba", attn_layer_period=2, attn_layer_offset=0)
    with pytest.raises(SettingError, match="layer -1 of jamba has no attention weights: choose a layer that has, of 0"):
        scores(classifier, "attention-mean")
    assert scores(classifier, "attention-mean:layer=0").sum() > 0


@pytest.mark.parametrize("method", ["attention-rollout", "attention-flow", "attention-x-gradient"])
@pytest.mark.parametrize(
    ("kind", "own", "where"),
    [
        ("qwen3_5_text", {}, r" \(layers without any: 0\)"),
        ("zamba2", {}, r" \(layers without any: 0\)"),
        ("convbert", {}, ""),
        ("deberta-v2", {"conv_kernel_size": 3, "conv_act": "gelu", "conv_groups": 1}, ""),
    ],
)
def test_what_is_mixed_in_other_ways_is_not_followed(
    kind: str, own: dict[str, object], where: str, method: str
) -> None:
    classifier = kinds.make(kind, **own)
    message = f"{kind} mixes words in other ways than by the attention weights it gives{where}, so .*: use lime"
    with pytest.raises(ModelError, match=message):
        scores(classifier, method)


def test_without_its_convolution_deberta_is_followed() -> None:
    assert scores(kinds.make("deberta-v2"), "attention-rollout").sum() > 0


def test_xlnet_whose_layers_come_transposed() -> None:
    classifier = kinds.make("xlnet")
    ids = torch.from_numpy(classifier.encode(TEXT).input_ids)[None]
    out = classifier.model(ids, output_attentions=True)
    expected = of_words(classifier, out.attentions[-1][0, :, -1].mean(0).detach().numpy())
    assert scores(classifier, "attention-mean") == pytest.approx(expected, rel=1e-9)
    assert look_inside(classifier, classifier.encode(TEXT)).readout()[-1] == 1.0
    assert scores(classifier, "attention-x-gradient").any()


@pytest.mark.parametrize("kind", ["bart", "ctrl", "mixtral", "qwen3_5_text", "t5gemma", "xlnet"])
def test_texts_pushed_through_the_model_are_counted(kind: str) -> None:
    classifier, rows = kinds.make(kind), list[int]()
    classifier.model.register_forward_pre_hook(
        lambda _, __, given: rows.append(len(given["input_ids"])), with_kwargs=True
    )
    for method in (
        "attention-mean", "attention-rollout", "attention-value-norm", "attention-x-gradient", "gradient-l2", "lrp",
        "integrated-gradients:n_steps=3,max_steps=9", "smoothgrad:n_samples=6", "occlusion",
    ):  # fmt: skip
        rows.clear()
        try:
            found = heedful.explain(classifier, TEXT, method)
        except ModelError:
            continue
        assert found.n_forward == sum(rows), method
