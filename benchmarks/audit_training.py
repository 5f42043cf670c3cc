"""Small classifiers of the paper's kind trained on planted reviews, with their attention left free, led, or frozen."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

import heedful
from heedful.classifier import Classifier
from heedful.data import Splits, planted
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification
from heedful.models.presets import preset
from heedful.models.training import Sizes, train

LENGTH = 160
_REVIEWS, _BATCH, _STEPS = 2000, 100, 150
_LED = 1.0  # weight of what attention is led by, beside the loss


def trained(kind: str, seed: int, tokenizer: PreTrainedTokenizerFast) -> Classifier:
    """Return a classifier: "ordinary", "supervised", "adversarial", "frozen" or "random" (labels)."""
    if kind == "ordinary":
        return _ordinary(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        data = _data(seed, tokenizer)
        if kind == "random":
            data["labels"] = torch.randint(0, 2, data["labels"].shape)
        model = _model(tokenizer)
        if kind == "frozen":
            model.query.data.zero_()
            model.query.requires_grad_(False)
        if kind == "adversarial":
            base = _model(tokenizer)
            _fit(base, data, "")
            with torch.no_grad():
                data["kept"] = base(data["input_ids"], data["attention_mask"]).logits.softmax(1)
        _fit(model, data, kind, steps=40 if kind == "random" else _STEPS)
    return Classifier(model.double().eval(), tokenizer, kind)


def _ordinary(seed: int) -> Classifier:
    """By the library's own training, as the built-in model is, but smaller."""
    recipe = replace(preset("default"), epochs=4, min_steps=0, learning_rate=1e-2, word_dropout=0.3, min_frequency=1)
    data = planted.as_dataset(planted.generate(_REVIEWS, 500 + seed))
    sizes = Sizes(hidden_size=16, key_size=8, value_size=8, heads=2, max_tokens=LENGTH)
    with TemporaryDirectory() as folder:
        train(Splits(data, None, None), folder, recipe, sizes=sizes, seed=seed)
        return heedful.load(folder)


def _model(tokenizer: PreTrainedTokenizerFast) -> AttentionPoolingForSequenceClassification:
    return AttentionPoolingForSequenceClassification(
        AttentionPoolingConfig(
            vocab_size=len(tokenizer), hidden_size=16, key_size=8, value_size=8, num_attention_heads=2,
            max_position_embeddings=LENGTH, num_labels=2, position_scale=0.0, initializer_range=0.1, word_dropout=0.2,
            id2label=dict(enumerate(planted.LABELS)), label2id={name: i for i, name in enumerate(planted.LABELS)},
        )
    )  # fmt: skip


def _data(seed: int, tokenizer: PreTrainedTokenizerFast) -> dict[str, Tensor]:
    """Ids, mask, labels, and which tokens belong to the rationale: sentiment words, for the label or against it."""
    reviews = planted.generate(_REVIEWS, 500 + seed)
    coded = tokenizer([one.text for one in reviews], padding=True, return_offsets_mapping=True, return_tensors="np")
    starts = [{a for (a, _), size in zip(one.spans, one.strength, strict=True) if size} for one in reviews]
    rationale = [
        [int(b > a and a in said) for a, b in row]
        for row, said in zip(coded["offset_mapping"].tolist(), starts, strict=True)
    ]
    return {
        "input_ids": torch.from_numpy(coded["input_ids"]),
        "attention_mask": torch.from_numpy(coded["attention_mask"]),
        "labels": torch.tensor([one.label for one in reviews]),
        "rationale": torch.from_numpy(np.array(rationale)),
    }


def _fit(
    model: AttentionPoolingForSequenceClassification, data: dict[str, Tensor], kind: str, steps: int = _STEPS
) -> None:
    model.train()
    weights = [one for one in model.parameters() if one.requires_grad]
    adam = torch.optim.Adam(weights, lr=1e-2)
    for _ in range(steps):
        rows = torch.randperm(_REVIEWS)[:_BATCH]
        batch = {name: part[rows] for name, part in data.items()}
        out = model(batch["input_ids"], batch["attention_mask"], output_attentions=True)
        attention = out.attentions[0][:, :, 0]  # (texts, heads, tokens)
        loss = _task(out.logits, batch) + _LED * _leading(kind, attention, batch)
        adam.zero_grad()
        loss.backward()
        adam.step()
    model.eval()


def _task(logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
    return functional.cross_entropy(logits, batch["kept"] if "kept" in batch else batch["labels"])


def _leading(kind: str, attention: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Less, the more attention lies where it is to lie: on the rationale, or on all other words."""
    on = batch["rationale"]
    if kind == "adversarial":
        on = batch["attention_mask"] * (1 - on)
        on[:, 0] = 0  # not on [CLS]
    if kind not in {"supervised", "adversarial"}:
        return attention.new_zeros(())
    return -(attention * on[:, None]).sum(-1).clamp_min(1e-6).log().mean()
