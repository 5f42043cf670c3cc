"""Encoders with sparse attention as classifiers: padding, saving and loading, and what explains them."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

import heedful
from heedful.classifier import Classifier
from heedful.errors import ModelError, SettingError
from heedful.models import build_tokenizer
from heedful.remedies.configuration import ENCODERS, PooledEncoderConfig
from heedful.remedies.encoders import PooledEncoderForSequenceClassification

TEXTS = ["a dull plot and a weak ending", "the acting was lovely , the music superb", "not good"]
TEXT = "a lovely film but the ending was weak"
every_encoder = pytest.mark.parametrize("encoder", ENCODERS)


def make(encoder: str, alpha: float = 1.5, scorer: str = "additive", **sizes: int) -> Classifier:
    tokenizer = build_tokenizer([*TEXTS, TEXT], min_frequency=1, max_length=32)
    settings = {"hidden_size": 6, "state_size": 8, "max_position_embeddings": 32} | sizes
    config = PooledEncoderConfig(
        vocab_size=len(tokenizer), encoder=encoder, alpha=alpha, scorer=scorer, pad_token_id=0, **settings
    )
    torch.manual_seed(1)
    model = PooledEncoderForSequenceClassification(config).double().eval()
    model.embeddings.weight.data.mul_(20)
    model.attention.query.data.mul_(6)
    return heedful.load(model, tokenizer)


@every_encoder
def test_a_token_that_is_not_attended_to_plays_no_part_wherever_it_stands(encoder: str) -> None:
    model = make(encoder).model
    ids = torch.tensor([[2, 5, 6, 7]])
    alone = model(input_ids=ids).logits
    for there in ([1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 1, 1], [0, 1, 1, 0, 1, 1]):
        mask = torch.tensor([there])
        padded = torch.full((1, 6), 9)
        padded[mask.bool()] = ids[0]
        given = {"input_ids": torch.cat([padded, torch.full((1, 6), 4)]), "attention_mask": torch.cat([mask, mask | 1])}
        torch.testing.assert_close(model(**given).logits[:1], alone, rtol=0, atol=1e-12)
    none = model(input_ids=ids, attention_mask=torch.zeros_like(ids))
    torch.testing.assert_close(none.logits[0], model.head.bias, rtol=0, atol=1e-12)


def test_only_the_encoder_of_words_keeps_words_apart() -> None:
    for encoder in ENCODERS:
        model = make(encoder).model
        vectors = torch.randn(1, 5, 6, dtype=torch.float64, requires_grad=True)
        states = model(inputs_embeds=vectors).hidden_states[1]
        gradient = torch.autograd.grad(states[0, 2].sum(), vectors)[0][0].norm(dim=1)
        assert gradient[2] > 0
        assert bool((gradient[[0, 1, 3, 4]] > 0).all()) == (encoder != "words")
        assert bool((gradient[[0, 1, 3, 4]] == 0).all()) == (encoder == "words")


@every_encoder
def test_weights_returned_are_those_pooled_by(encoder: str) -> None:
    classifier = make(encoder, alpha=2.0)
    encoded = classifier.encode(TEXT)
    with torch.no_grad():
        out = classifier.model(**classifier.inputs(encoded), output_attentions=True)
        plain = classifier.model(**classifier.inputs(encoded))
        weights = out.attentions[-1][0, 0]
        rebuilt = classifier.model.head(weights[0] @ out.hidden_states[1][0])
    torch.testing.assert_close(out.logits, plain.logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(rebuilt, plain.logits[0], rtol=0, atol=1e-12)
    assert len(out.attentions) == (2 if encoder == "self-attention" else 1)
    assert (weights == weights[0]).all()
    shown = heedful.explain(classifier, TEXT, "attention-mean", unit="token").scores
    np.testing.assert_allclose(shown, weights[0].numpy()[1:], rtol=0, atol=1e-12)  # the first token is [CLS]
    assert 0 < (shown == 0).sum() < len(shown)


METHODS = (
    "attention-mean", "gradient-l2", "gradient-x-input",
    "integrated-gradients", "occlusion", "permutation-shap", "lime",
)  # fmt: skip


@every_encoder
def test_methods_explain_it_and_leave_it_as_it_was(encoder: str) -> None:
    classifier = make(encoder)
    before = {name: weight.clone() for name, weight in classifier.model.state_dict().items()}
    for name in METHODS:
        explanation = heedful.explain(classifier, TEXT, name)
        assert np.isfinite(explanation.scores).all(), name
        assert np.abs(explanation.scores).max() > 0, name
    for name, weight in classifier.model.state_dict().items():
        assert torch.equal(weight, before[name]), name
    assert not classifier.model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in classifier.model.modules())


def test_paths_of_attention_are_refused_where_an_lstm_mixes_words_beside_it() -> None:
    with pytest.raises(ModelError, match="mixes words in other ways"):
        heedful.explain(make("bilstm"), TEXT, "attention-rollout")


def test_a_saved_model_is_loaded_again_by_whoever_imports_the_front_door(tmp_path: Path) -> None:
    classifier = make("bilstm", alpha=2.0, scorer="dot")
    classifier.model.save_pretrained(tmp_path)
    classifier.tokenizer.save_pretrained(tmp_path)
    again = heedful.load(tmp_path)
    assert (type(again.model).__name__, again.model.config.alpha) == ("PooledEncoderForSequenceClassification", 2.0)
    assert again.predict(TEXT) == classifier.predict(TEXT)
    tree = ast.parse(Path(heedful.api.__file__).read_text("utf-8"))  # which makes transformers know the kind of model
    assert "heedful.remedies.encoders" in {
        alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names
    }


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"encoder": "gru"}, "unknown encoder"),
        ({"encoder": "bilstm", "state_size": 7}, "multiple of 2"),
        ({"encoder": "self-attention", "state_size": 8, "num_attention_heads": 3}, "multiple of 3"),
        ({"alpha": 3}, "alpha of entmax goes from 1"),
        ({"dropout": 1.0}, "dropout must lie"),
        ({"hidden_size": 0}, "hidden_size must be at least 1"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_in_one_line(settings: dict[str, object], what: str) -> None:
    with pytest.raises(SettingError, match=what) as error:
        PooledEncoderConfig(**settings)
    assert "\n" not in str(error.value)


def test_a_text_that_is_too_long_is_refused() -> None:
    model = make("words").model
    with pytest.raises(ValueError, match="33 tokens, but this model takes at most 32"):
        model(input_ids=torch.full((1, 33), 5))
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model()
