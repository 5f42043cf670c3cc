"""Other classifiers: trained, loaded again, and set beside Shapley values, exact or sampled."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

import heedful
from factory import SENTENCES, make_bert, make_classifier
from heedful.errors import SettingError
from heedful.methods import PermutationShap
from heedful.studies.attention_meets_post_hoc import variants
from heedful.studies.attention_meets_post_hoc.attention import contrasted
from heedful.studies.attention_meets_post_hoc.variants import EXACT, SAME, SAMPLED, Pooling, Transformer
from heedful.studies.measuring import seed_of
from models.small_run import RECIPE, SIZES, SPLITS, weights

POOLING = Pooling("small", RECIPE, replace(SIZES, normaliser="entmax"), (SAMPLED,))
LAYERS = Transformer(
    "two layers", heads=2, hidden_size=16, max_tokens=16, epochs=8, batch_size=16, learning_rate=1e-2, min_frequency=1,
    n_train=200, n_test=40,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("variants")


@pytest.mark.parametrize("variant", [POOLING, LAYERS], ids=lambda variant: variant.name)
def test_trained_once_and_loaded_afterwards(variant, folder):
    state = torch.get_rng_state()
    first = variants.trained(variant, SPLITS, folder / variant.name, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    before = (folder / variant.name / "metrics.json").stat().st_mtime_ns
    again = variants.trained(variant, SPLITS, folder / variant.name, seed=1)
    assert (folder / variant.name / "metrics.json").stat().st_mtime_ns == before
    assert first.name == again.name == variant.name
    accuracy, n = variants.accuracy(folder / variant.name)
    assert accuracy > 0.9  # one word tells the class
    assert n == (len(SPLITS.test) if isinstance(variant, Pooling) else LAYERS.n_test)
    config = again.model.config
    assert getattr(config, "normaliser", None) == ("entmax" if isinstance(variant, Pooling) else None)
    assert config.num_hidden_layers == (1 if isinstance(variant, Pooling) else 2)


def test_a_transformer_depends_on_its_seed_alone(folder, tmp_path):
    variants.trained(LAYERS, SPLITS, folder / LAYERS.name, seed=1)
    short = replace(LAYERS, epochs=1)
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        variants.trained(short, SPLITS, tmp_path / name, seed=seed)
    np.testing.assert_equal(weights(tmp_path / "one"), weights(tmp_path / "two"))
    assert not np.array_equal(*(weights(tmp_path / n)["classifier.weight"] for n in ("one", "three")))


def test_test_accuracy_is_over_test_texts(folder):
    classifier = variants.trained(LAYERS, SPLITS, folder / LAYERS.name, seed=1)
    texts, labels = SPLITS.test.texts, SPLITS.test.labels
    predicted = [classifier.logits_of(classifier.encode(text)).argmax() for text in texts]
    accuracy, n = variants.accuracy(folder / LAYERS.name)
    assert (accuracy, n) == (pytest.approx(np.mean((predicted == labels)[:n])), LAYERS.n_test)
    assert json.loads((folder / LAYERS.name / "metrics.json").read_text("utf-8"))["variant"]["layers"] == 2


@pytest.mark.parametrize("make", [make_bert, make_classifier])
def test_sampled_rows_are_what_explanations_say(make):
    classifier = make()
    rows = variants.measure(classifier, SENTENCES, SAMPLED, 10, seed=2).to_pylist()
    assert [row["text"] for row in rows] == [0, 1, 2]
    for row in rows:
        text = SENTENCES[row["text"]]
        method, seed = PermutationShap(10), seed_of(2, row["text"])
        e = heedful.explain(classifier, text, method, masking="unk", seed=seed)
        attention = heedful.explain(classifier, text, "attention-mean").scores
        expected = contrasted(attention, e.scores)
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-6)
        assert row["std_error"] == pytest.approx(e.std_error.max() / np.abs(e.scores).max(), rel=1e-6)


def test_exact_rows_are_what_explanations_say_and_samples_come_near():
    classifier = make_classifier()
    rows = variants.measure(classifier, SENTENCES).to_pylist()
    for row in rows:
        text = SENTENCES[row["text"]]
        phi = heedful.explain(classifier, text, "shapley-exact").scores
        expected = contrasted(heedful.explain(classifier, text, "attention-mean").scores, phi)
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9)
        assert (row["source"], row["std_error"]) == (EXACT, 0.0)
    long = (" ".join(SENTENCES[:2]), " ".join(SENTENCES[1:]))  # of more units than methods enumerate
    rows, sampled = (variants.measure(classifier, long, *how).to_pylist() for how in ((EXACT,), (SAMPLED, 60)))
    for one, other in zip(rows, sampled, strict=True):
        assert other["kendall"] == pytest.approx(one["kendall"], abs=0.25)
        assert 0 < other["std_error"] < 0.4


def test_a_verdict_on_unknown_words_is_told_apart():
    classifier = make_classifier()
    rows = variants.measure(classifier, SENTENCES).to_pylist()
    for row, text in zip(rows, SENTENCES, strict=True):
        encoded = classifier.encode(text)
        words = [span is not None and text[slice(*span)].isalpha() for span in encoded.offsets]
        ids = np.where(words, classifier.tokenizer.unk_token_id, encoded.input_ids)
        verdict = classifier.logits([ids])[0].argmax()
        assert row["unknown_same"] == (verdict == classifier.logits_of(encoded).argmax())
    told = {"variant": "v", "accuracy": 1.0, "n_test": 1}
    by_hand = [
        told | rows[0] | {"unknown_same": same, "against": against}
        for same, against in ((True, True), (True, False), (False, False))
    ]
    (row,) = variants.summary(pa.Table.from_pylist(by_hand)).to_pylist()
    assert (row["unknown_same"], row["against_same"], row["against_other"]) == pytest.approx((2 / 3, 0.5, 0.0))


def test_exact_values_are_refused_where_there_are_none():
    with pytest.raises(SettingError, match="softmax"):
        variants.measure(make_classifier(normaliser="sparsemax"), SENTENCES)


def test_tables_name_variant_source_and_accuracy(folder):
    classifier = variants.trained(POOLING, SPLITS, folder / POOLING.name, seed=1)
    texts = SPLITS.test.texts[:3]
    measured = variants.labelled(variants.measure(classifier, texts, SAMPLED, 4), POOLING, folder / POOLING.name)
    (row,) = variants.summary(measured).to_pylist()
    assert (row["variant"], row["source"], row["texts"]) == ("small", SAMPLED, 3)
    assert (row["accuracy"], row["n_test"]) == variants.accuracy(folder / POOLING.name)
    assert row["against"] == pytest.approx(np.mean(measured["against"].to_pylist()))


def test_the_sampled_texts_are_summed_up_exactly_too(folder):
    variants.trained(POOLING, SPLITS, folder / POOLING.name, seed=1)  # for its accuracy
    classifier, texts = make_classifier(), (*SENTENCES, *SPLITS.test.texts)[:6]
    places = [3, 5, 8, 9, 11, 20]
    exact = variants.measure(classifier, texts, places=places)
    sampled = variants.measure(classifier, texts[1:3], SAMPLED, 4, places=places[1:3])
    parts = [variants.labelled(part, POOLING, folder / POOLING.name) for part in (exact, sampled)]
    whole, same, drawn = variants.summary(pa.concat_tables(parts)).to_pylist()
    assert [(row["source"], row["texts"]) for row in (whole, same, drawn)] == [(EXACT, 6), (SAME, 2), (SAMPLED, 2)]
    values = exact["kendall_size"].to_pylist()
    assert same["kendall_size"] == pytest.approx(np.mean(values[1:3]))
    assert whole["kendall_size_error"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(6))
    share = whole["against"]
    assert whole["against_error"] == pytest.approx(np.sqrt(share * (1 - share) / 6))
    assert whole["against_n"] == 6
    assert whole["against_low"] <= share <= whole["against_high"]
    assert whole["accuracy_low"] < whole["accuracy"] <= whole["accuracy_high"]
    assert (whole["accuracy_n"], same["accuracy_low"]) == (whole["n_test"], whole["accuracy_low"])


def test_variants_have_names_of_their_own_and_the_first_has_both_sources():
    for both in (variants.FULL, variants.QUICK):
        assert len({variant.name for variant in both}) == len(both)
        assert set(both[0].sources) == {EXACT, SAMPLED}
        for variant in both:
            softmax = isinstance(variant, Pooling) and variant.sizes.normaliser == "softmax"
            assert softmax == (EXACT in variant.sources)
