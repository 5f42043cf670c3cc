"""The paper's classifier in the hands of transformers: folders, Auto classes, pipelines."""

import copy

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from factory import make_classifier
from heedful.models import AttentionPoolingForSequenceClassification

both_paddings = pytest.mark.parametrize("attend_padding", [False, True], ids=["masked", "attended"])


@both_paddings
def test_saved_and_loaded_by_the_auto_classes_bit_for_bit(attend_padding, tmp_path):
    classifier = make_classifier(attend_padding=attend_padding, position_scale=0.7)
    model, tokenizer = classifier.model, classifier.tokenizer
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"
    }  # fmt: skip
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert isinstance(again, AttentionPoolingForSequenceClassification)
    assert not again.training
    assert again.state_dict().keys() == model.state_dict().keys() >= {"positions"}
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    texts = ["the plot was good", "a dull film , and a slow one ; the end was never dull"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    batch_again = AutoTokenizer.from_pretrained(tmp_path)(texts, padding=True, return_tensors="pt")
    assert torch.equal(batch.input_ids, batch_again.input_ids)
    # copied, since sums over tensors that lie otherwise in memory may be taken in another order
    assert torch.equal(copy.deepcopy(again)(**batch_again).logits, model(**batch).logits)


@both_paddings
def test_pipeline_scores_one_text_and_many(attend_padding):
    classifier = make_classifier(attend_padding=attend_padding)
    model, tokenizer = classifier.model, classifier.tokenizer
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    texts = ["the plot was good", "a dull film , and a slow one ; the end was never dull"]
    with torch.no_grad():
        expected = [model(**tokenizer(text, return_tensors="pt")).logits[0].softmax(0) for text in texts]
    for batch_size in (1, 2):
        found = pipe(texts, batch_size=batch_size, top_k=None)
        for scores, row in zip(found, expected, strict=True):
            by_name = {entry["label"]: entry["score"] for entry in scores}
            # the pipeline computes its softmax in float32
            assert [by_name[f"LABEL_{i}"] for i in range(3)] == pytest.approx(row.tolist(), abs=1e-6)
    assert pipe(texts[0])[0]["label"] == f"LABEL_{expected[0].argmax()}"
