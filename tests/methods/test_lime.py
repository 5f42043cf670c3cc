"""LIME: the lime package is the oracle; then the laws it lacks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lime.lime_text import LimeTextExplainer
from scipy.special import comb
from sklearn.linear_model import Ridge

import heedful
from factory import make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.errors import SettingError, TextError
from heedful.games.exact import enumeration
from heedful.methods import Lime, LimeExact

# Words of letters only, so that lime's \W+ and Unicode segmentation split alike; some words repeat.
TEXT = "the plot was not good but the acting was very good and the end was never dull what a film"
# Same masks, same values, same least squares: only the order of sums differs. The conditioning of the normal equations
# (about 1e3 here) times 1e-16 leaves far below 1e-9; the requirement was 1e-6.
SAME = 1e-9


def run_lime(
    classifier: Classifier, text: str, n_samples: int, n_features: int, seed: int = 3, ridge: float = 1.0, **settings
):
    def logits(texts: list[str]) -> np.ndarray:
        batch = classifier.tokenizer(texts, truncation=True, padding=True, return_tensors="pt")
        with torch.inference_mode():
            return classifier.model.plain(batch["input_ids"], batch["attention_mask"]).numpy()

    explainer = LimeTextExplainer(random_state=seed, **settings)
    regressor = Ridge(alpha=ridge, random_state=explainer.random_state)
    return explainer.explain_instance(
        text, logits, labels=(1,), num_features=n_features, num_samples=n_samples, model_regressor=regressor
    )


def check_same(ours: heedful.Explanation, theirs) -> None:
    expected = dict(theirs.as_list(label=1))
    chosen = {unit: score for unit, score in zip(ours.units, ours.scores, strict=True) if score != 0}
    assert chosen.keys() == expected.keys()
    largest = max(map(abs, expected.values()))
    assert max(abs(chosen[w] - expected[w]) for w in expected) < SAME * largest
    assert ours.base_value == pytest.approx(theirs.intercept[1], rel=SAME)
    assert ours.details["local_prediction"] == pytest.approx(theirs.local_pred[0], rel=SAME)
    assert ours.details["r2"] == pytest.approx(theirs.score, rel=SAME)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "attend_padding"),
    [*((1000, k, False) for k in (1, 4, 6, 7, 10, 14)), (5000, 4, False), (5000, 10, False), (1000, 10, True)],
)
def test_equals_the_lime_package(n_samples: int, n_features: int, attend_padding: bool) -> None:
    classifier = make_classifier(1, texts=(TEXT,), attend_padding=attend_padding, max_position_embeddings=32)
    theirs = run_lime(classifier, TEXT, n_samples, n_features)
    method = Lime(n_samples=n_samples, n_features=n_features, sampler="lime")
    check_same(heedful.explain(classifier, TEXT, method, target=1, masking="delete", seed=3), theirs)


@pytest.mark.parametrize(("selection", "n_features"), [("forward_selection", 7), ("highest_weights", 4), ("none", 4)])
def test_equals_the_lime_package_with_other_settings(selection: str, n_features: int) -> None:
    classifier = make_classifier(1, texts=(TEXT,), max_position_embeddings=32)
    theirs = run_lime(classifier, TEXT, 100, n_features, ridge=5.0, kernel_width=50, feature_selection=selection)
    method = Lime(100, kernel_width=0.5, ridge=5.0, n_features=n_features, selection=selection, sampler="lime")
    check_same(heedful.explain(classifier, TEXT, method, target=1, masking="delete", seed=3), theirs)


def test_equals_the_lime_package_on_probability() -> None:
    classifier = make_classifier(2, texts=(TEXT,))

    def probabilities(texts: list[str]) -> np.ndarray:
        rows = [classifier.logits([classifier.encode(t).input_ids])[0] if t.strip() else None for t in texts]
        empty = classifier.logits([np.array([classifier.tokenizer.cls_token_id])])[0]
        return torch.tensor(np.array([empty if r is None else r for r in rows])).softmax(-1).numpy()

    theirs = LimeTextExplainer(random_state=0).explain_instance(
        TEXT, probabilities, labels=(2,), num_features=20, num_samples=300
    )
    ours = heedful.explain(
        classifier, TEXT, Lime(n_samples=300, sampler="lime"), target=2, output="probability", masking="delete"
    )
    expected = dict(theirs.as_list(label=2))
    assert dict(zip(ours.units, ours.scores, strict=True)) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.data
@pytest.mark.parametrize("row", range(3))
def test_equals_the_lime_package_on_real_reviews(data_folder, row: int) -> None:
    import pyarrow.parquet as pq

    texts = pq.read_table(data_folder / "imdb" / "test.parquet", columns=["text"])["text"].slice(0, 400).to_pylist()
    plain = [" ".join(w for w in t.replace("<br />", " ").split() if w.isascii() and w.isalpha()) for t in texts]
    text = [t for t in plain if 60 <= len(t.split()) <= 90][row]
    classifier = make_classifier(row, texts=(text,), hidden_size=32, max_position_embeddings=128)
    theirs = run_lime(classifier, text, 1000, 10)
    ours = heedful.explain(
        classifier, text, Lime(n_samples=1000, n_features=10, sampler="lime"), target=1, masking="delete", seed=3
    )
    expected = dict(theirs.as_list(label=1))
    chosen = {unit: score for unit, score in zip(ours.units, ours.scores, strict=True) if score != 0}
    assert chosen.keys() == expected.keys()
    assert chosen == pytest.approx(expected, rel=1e-7, abs=SAME)


@pytest.mark.parametrize("unit", ["word_type", "word", "token", "sentence"])
@pytest.mark.parametrize("masking", ["unk", "mask", "pad", "delete", "ignore"])
@pytest.mark.parametrize("output", ["logit", "probability", "logit_difference"])
def test_runs_on_every_unit_masking_and_output_and_is_the_same_twice(
    classifier: Classifier, unit: str, masking: str, output: str
) -> None:
    text = "The plot was good. The end was never dull!"
    first, second = (
        heedful.explain(classifier, text, "lime:n_samples=200", unit=unit, masking=masking, output=output, seed=5)
        for _ in range(2)
    )
    assert np.array_equal(first.scores, second.scores)
    assert np.isfinite(first.scores).all()
    other = heedful.explain(classifier, text, "lime:n_samples=200", unit=unit, masking=masking, output=output, seed=6)
    assert np.array_equal(first.scores, other.scores) == first.details["enumerated"]
    assert first.details["enumerated"] == (2 ** len(first) <= 200)


def test_standard_errors_are_the_spread_over_seeds() -> None:
    classifier = make_classifier(4, texts=(TEXT,))
    runs = [heedful.explain(classifier, TEXT, "lime:n_samples=600", masking="unk", seed=s) for s in range(300)]
    spread = np.std([run.scores for run in runs], axis=0, ddof=1)
    stated = np.sqrt(np.mean([run.std_error**2 for run in runs], axis=0))
    # 300 runs give a standard deviation to 4 %; the sandwich estimator is biased by a few per cent at 600 samples
    assert np.abs(stated / spread - 1).max() < 0.2


def test_both_samplers_have_the_same_expectation() -> None:
    classifier = make_classifier(5, texts=(TEXT,))
    runs = {
        sampler: np.array(
            [heedful.explain(classifier, TEXT, Lime(n_samples=500, sampler=sampler), seed=s).scores for s in range(60)]
        )
        for sampler in ("fast", "lime")
    }
    error = np.sqrt(sum(scores.var(axis=0, ddof=1) / len(scores) for scores in runs.values()))
    assert (np.abs(runs["fast"].mean(0) - runs["lime"].mean(0)) / error).max() < 4.5


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": -3}, "n_samples"),
        ({"kernel_width": 0.0}, "kernel_width"),
        ({"kernel_width": float("nan")}, "kernel_width"),
        ({"ridge": -1.0}, "ridge"),
        ({"ridge": float("inf")}, "ridge"),
        ({"n_features": 0}, "n_features"),
        ({"selection": "lasso"}, "selection"),
        ({"sampler": "slow"}, "sampler"),
    ],
)
def test_refuses_settings_out_of_range(settings: dict, named: str) -> None:
    with pytest.raises(SettingError, match=named):
        Lime(**settings)


@pytest.mark.parametrize("width", ["1e-300", "1e-308", "1e-9", "2e-3"])
@pytest.mark.parametrize("sampler", ["fast", "lime", "adjusted"])
@pytest.mark.parametrize("n_samples", [50, 5000])  # drawn, or with "fast" and "adjusted" enumerated
def test_a_kernel_too_narrow_for_any_mask_is_refused(
    classifier: Classifier, width: str, sampler: str, n_samples: int
) -> None:
    with pytest.raises(SettingError, match=r"kernel_width .* use a larger one") as refused:
        heedful.explain(classifier, TEXT, f"lime:kernel_width={width},sampler={sampler},n_samples={n_samples}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("sampler", ["fast", "lime", "adjusted"])
def test_any_width_is_answered_or_refused(classifier: Classifier, sampler: str) -> None:
    answered, refusals = [], []
    for width in np.geomspace(1e-3, 1.0, 25).tolist():
        try:
            answered.append(heedful.explain(classifier, TEXT, Lime(60, kernel_width=width, sampler=sampler)).scores)
        except SettingError as error:
            refusals.append(str(error))
            continue
    assert len(refusals) > 0
    assert len(answered) > 10
    assert all("use a larger one" in refusal for refusal in refusals)
    assert all(scores.any() for scores in answered)


@pytest.mark.parametrize("width", [1e300, 1e308, math.inf])
@pytest.mark.parametrize("sampler", ["fast", "lime", "adjusted"])
def test_the_widest_kernels_weigh_all_masks_alike(classifier: Classifier, width: float, sampler: str) -> None:
    wide, wider = (heedful.explain(classifier, TEXT, Lime(200, kernel_width=w, sampler=sampler)) for w in (1e6, width))
    assert wide.scores == pytest.approx(wider.scores, rel=1e-6, abs=1e-9)


def test_draws_as_many_samples_as_asked_also_for_one_word(classifier: Classifier) -> None:
    result = heedful.explain(classifier, "dull", "lime:n_samples=50,sampler=lime")
    assert result.details["n_evaluations"] == 50
    kept, removed = (classifier.logits([np.array([2, i])])[0, result.target] for i in (_id(classifier, "dull"), 1))
    # one unit: the fit is a line through two points, shrunk by the ridge
    assert np.sign(result.scores[0]) == np.sign(kept - removed)


@pytest.mark.parametrize("sampler", ["fast", "adjusted"])
def test_all_masks_of_a_few_units_are_evaluated(sampler: str) -> None:
    """With 1e12 samples the whole text's own row does not count: what is left are the expected normal equations."""
    classifier, text = make_classifier(4, texts=(TEXT,)), "the plot was not good but the acting was very dull"
    truth = heedful.explain(classifier, text, LimeExact(n_samples=5000, ridge=1.0), masking="unk")
    found = heedful.explain(classifier, text, Lime(10**12, ridge=2e8, sampler=sampler), masking="unk")
    # rounding times a conditioning of some 1e3
    assert found.scores == pytest.approx(truth.scores, rel=1e-9, abs=1e-9 * np.abs(truth.scores).max())
    assert found.base_value == pytest.approx(truth.base_value, rel=1e-9)
    assert (found.details["enumerated"], found.details["n_evaluations"]) == (1, 2 ** len(found))
    assert np.array_equal(found.std_error, np.zeros(len(found)))


def test_a_few_units_get_what_samples_have_in_expectation() -> None:
    """Weighted least squares over all masks, the whole text's row once; then the mean of many runs is near."""
    text, n, d = "the plot was not good", 40, 5
    classifier, masks = make_bert(), enumeration.subsets(5)
    values, removed = heedful.games.from_text(classifier, text)(masks), d - masks.sum(1)
    weight = np.exp(-8 * (1 - np.sqrt(1 - removed / d)) ** 2) * (n - 1) / (d * comb(d, removed))
    weight[removed == 0] = 1
    design = np.column_stack([np.ones(len(masks)), masks])
    normal = design.T @ (weight[:, None] * design) + np.diag([0.0, *[1.0] * d])
    intercept, *expected = np.linalg.solve(normal, design.T @ (weight * values))
    found = heedful.explain(classifier, text, Lime(n))
    assert found.scores == pytest.approx(np.array(expected), abs=1e-9)
    assert found.base_value == pytest.approx(intercept, abs=1e-9)
    assert found.n_forward == 2**d + 1
    with_precision = heedful.explain(classifier, text, Lime(n, precision=0.01))
    assert np.array_equal(with_precision.scores, found.scores)
    assert with_precision.n_forward == found.n_forward
    assert with_precision.details["precision_reached"] == with_precision.details["enumerated"] == 1


@pytest.mark.parametrize(("text", "n_samples"), [(TEXT, 5000), ("the plot was not good", 31)])
def test_draws_where_masks_are_many(classifier: Classifier, text: str, n_samples: int) -> None:
    result = heedful.explain(classifier, text, Lime(n_samples))
    assert (result.details["enumerated"], result.details["n_evaluations"]) == (0, n_samples)


def test_one_sample_is_no_information(classifier: Classifier) -> None:
    result = heedful.explain(classifier, "a dull film", "lime:n_samples=1")
    assert np.array_equal(result.scores, np.zeros(3))
    assert np.isnan(result.std_error).all()
    assert result.base_value == pytest.approx(result.prediction)


def test_refuses_a_text_without_units(classifier: Classifier) -> None:
    with pytest.raises(TextError, match="nothing to explain"):
        heedful.explain(classifier, "!", "lime")


def _id(classifier: Classifier, word: str) -> int:
    return classifier.tokenizer.convert_tokens_to_ids(word)
