"""Integrated gradients: captum, completeness, linear models by hand, the number of steps, baselines, batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import heedful
import zoo
from factory import make_bert, make_classifier
from heedful.classifier import Classifier
from heedful.classifier.inside import look_inside
from heedful.errors import SettingError
from heedful.explanation import Explanation
from heedful.games.output import Output
from heedful.methods import IntegratedGradients, get
from heedful.question import Choices, ask

TEXT = "the plot was not good but the acting was very good !"
PAIR = ("what a dull plot", "the acting was good")
BY_CAPTUM = [name for name in zoo.NAMES if name != "paper"]  # that one looks its words up in folded tables


def gap(result: Explanation) -> float:
    """What the scores miss of the difference they share out."""
    assert result.base_value is not None
    return float(result.scores.sum() - (result.prediction - result.base_value))


def token_places(classifier: Classifier, unit: str) -> list[int]:
    """Token positions of every unit of the text, one after the other."""
    return [t for places in ask(classifier, TEXT, Choices(unit=unit)).units.positions for t in places]


@pytest.mark.parametrize("output", ["logit", "probability"])
@pytest.mark.parametrize("name", BY_CAPTUM)
def test_equals_captum_at_the_embedding_layer(name: str, output: str) -> None:
    """captum replaces the output of the embedding layer under way from ids: no word vectors are handed in."""
    attr = pytest.importorskip("captum.attr", reason="captum is in the extra 'bench'")
    classifier = zoo.make(name)
    model = classifier.model
    result = heedful.explain(
        classifier, TEXT, IntegratedGradients(tolerance=np.inf), target=1, unit="token", output=output
    )

    def score(ids: torch.Tensor) -> torch.Tensor:
        logits = model(ids).logits
        return logits[:, 1] if output == "logit" else logits.softmax(-1)[:, 1]

    ids = torch.from_numpy(classifier.encode(TEXT).input_ids)[None]
    places, baseline = token_places(classifier, "token"), ids.clone()
    baseline[0, places] = classifier.replacement_id(result.settings["baseline"])
    paths = attr.LayerIntegratedGradients(score, model.get_input_embeddings())
    expected = paths.attribute(ids, baseline, n_steps=50)[0].sum(-1).detach().numpy()[places]
    # captum keeps nodes and weights in float32
    assert np.abs(result.scores - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("baseline", ["unk", "zero"])
@pytest.mark.parametrize("name", ["bert", "gpt2", "paper"])
def test_equals_captum_on_word_vectors(name: str, baseline: str) -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is in the extra 'bench'")
    classifier = zoo.make(name)
    encoded, places = classifier.encode(TEXT), token_places(classifier, "word_type")
    vectors = look_inside(classifier, encoded).word_vectors(encoded.input_ids)[None]
    start = vectors.clone()
    start[0, places] = 0.0
    if baseline == "unk":
        unknown = torch.tensor(classifier.tokenizer.unk_token_id)
        start[0, places] = classifier.model.get_input_embeddings()(unknown).detach()
    paths = attr.IntegratedGradients(lambda v: classifier.model(inputs_embeds=v).logits[:, [0, 2]].diff()[:, 0])
    expected = paths.attribute(vectors, start, n_steps=60)[0].sum(-1).numpy()
    method = IntegratedGradients(n_steps=60, tolerance=np.inf, baseline=baseline)
    question = ask(classifier, TEXT, Choices(target=0))
    question = type(question)(**vars(question) | {"output": Output("logit_difference", 2, 0)})
    answer = method.answer(question)
    assert answer.scores == pytest.approx(question.units.add_up(expected), rel=1e-5, abs=1e-7)
    assert answer.settings["baseline"] == baseline


@pytest.mark.parametrize("name", zoo.NAMES)
@pytest.mark.parametrize(
    ("output", "unit"), [("logit", "word"), ("probability", "token"), ("logit_difference", "word_type")]
)
def test_scores_add_up_on_every_architecture(name: str, output: str, unit: str) -> None:
    """DistilBERT's head has kinks: it needs many steps; all others are smooth along the path."""
    tolerance = 1e-2 if name == "distilbert" else 1e-5
    result = heedful.explain(
        zoo.make(name), TEXT, IntegratedGradients(tolerance=tolerance), target=0, output=output, unit=unit
    )
    assert result.additive
    assert result.details["converged"] == 1
    assert gap(result) == pytest.approx(result.details["convergence_gap"], abs=1e-10)
    # tokens' absolute scores bound those of units, and are at least as large in sum
    assert abs(gap(result)) <= 2 * tolerance * max(np.abs(result.scores).sum(), 1e-3)


@pytest.mark.parametrize(
    ("own", "output"),
    [
        ({"problem_type": "multi_label_classification"}, "probability"),
        ({"problem_type": "multi_label_classification"}, "logit"),
        ({"num_labels": 1}, "probability"),
        ({"num_labels": 1, "problem_type": "regression"}, "logit"),
    ],
)
@pytest.mark.parametrize("name", ["roberta", "gpt2"])
def test_labels_that_do_not_exclude_each_other_and_single_ones(name: str, own: dict[str, object], output: str) -> None:
    result = heedful.explain(
        zoo.make(name, **own), TEXT, IntegratedGradients(n_steps=200, tolerance=1e-9), target=0, output=output
    )
    assert abs(gap(result)) < 1e-8 * np.abs(result.scores).sum()


@pytest.mark.parametrize("name", ["bert", "xlm-roberta", "llama"])
def test_pairs_of_texts(name: str) -> None:
    result = heedful.explain(zoo.make(name), PAIR, IntegratedGradients(tolerance=1e-6))
    assert abs(gap(result)) < 1e-5 * np.abs(result.scores).sum()
    assert result.settings["second_text_from"] == len(PAIR[0]) + 1


@pytest.mark.parametrize("name", zoo.NAMES)
def test_the_baseline_is_the_text_with_every_unit_masked(name: str) -> None:
    """By word vectors as by ids: the game of the same masking starts from the same value."""
    classifier = zoo.make(name)
    for unit in ("word", "token"):
        question = ask(classifier, TEXT, Choices(masking="unk", unit=unit))
        answer = IntegratedGradients(n_steps=1, max_steps=1, baseline="unk").answer(question)
        empty = question.game()(np.zeros((1, len(question.units)), dtype=bool))[0]
        assert answer.base_value == pytest.approx(empty, rel=1e-10)


def linear(seed: int) -> Classifier:
    """The paper's classifier with equal attention everywhere: its logits are linear in the word vectors."""
    classifier = make_classifier(seed)
    with torch.no_grad():
        classifier.model.query.zero_()
    return classifier


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from(["unk", "mask", "pad", "zero"]))
def test_a_linear_model_by_hand(seed: int, n_steps: int, baseline: str) -> None:
    """One step is exact, and every word gets its own share: slope times the way from the baseline."""
    classifier = linear(seed)
    model, target = classifier.model, seed % 3
    slope = torch.einsum("o,kod->d", model.readout[target], model.value) / len(model.value)
    table = model.embeddings.weight.detach()
    encoded, units = classifier.encode(TEXT), ask(classifier, TEXT, Choices(unit="token")).units
    start = torch.zeros(16, dtype=torch.float64)
    if baseline != "zero":
        start = table[getattr(classifier.tokenizer, f"{baseline}_token_id")]
    shares = (table[torch.from_numpy(encoded.input_ids)] - start) @ slope / len(encoded)
    method = IntegratedGradients(n_steps=n_steps, tolerance=1e-9, baseline=baseline)
    result = heedful.explain(classifier, TEXT, method, target=target, unit="token")
    assert result.scores == pytest.approx(units.add_up(shares.detach().numpy()), abs=1e-12)
    assert result.details["n_steps"] == n_steps
    assert abs(result.details["convergence_gap"]) < 1e-12


def test_steps_are_doubled_until_they_suffice_or_run_out() -> None:
    """Gauss-Legendre on a smooth path: scores and gap converge together, at first slowly, then geometrically."""
    classifier = zoo.make("gpt2")

    def scores(tolerance: float, **other: int) -> Explanation:
        return heedful.explain(classifier, TEXT, IntegratedGradients(tolerance=tolerance, n_steps=7, **other))

    found = [scores(np.inf), scores(1e-4), scores(1e-9), scores(1e-9, max_steps=55), scores(1e-9, max_steps=56)]
    assert [e.details["n_steps"] for e in found] == [7, 56, 112, 28, 56]
    assert [e.details["converged"] for e in found] == [1, 1, 1, 0, 0]
    assert [e.n_forward for e in found] == [
        1 + 2 + n for n in (7, 7 + 14 + 28 + 56, 7 + 14 + 28 + 56 + 112, 7 + 14 + 28, 7 + 14 + 28 + 56)
    ]
    exact = heedful.explain(classifier, TEXT, IntegratedGradients(n_steps=300, tolerance=np.inf)).scores
    errors = [np.abs(e.scores - exact).max() / np.abs(exact).sum() for e in found]
    assert errors[0] > 1e-2 > errors[3] > 1e-4 > errors[1] > 1e-9 > errors[2]


def test_tolerance_is_a_share_of_the_absolute_scores() -> None:
    def share(tolerance: float) -> tuple[float, float]:
        method = IntegratedGradients(n_steps=7, max_steps=7, tolerance=tolerance)
        found = heedful.explain(zoo.make("gpt2"), TEXT, method, unit="token")
        return abs(gap(found)) / np.abs(found.scores).sum(), found.details["converged"]

    missed, _ = share(np.inf)
    assert share(1.01 * missed)[1] == 1
    assert share(0.99 * missed)[1] == 0


@pytest.mark.parametrize("name", ["deberta-v2", "llama"])
def test_a_path_from_zero_is_followed_where_the_model_normalises_word_vectors(name: str) -> None:
    """All happens next to the start: 50 steps miss most of it, and say so; more of them find it."""
    classifier = zoo.make(name)
    found = [
        heedful.explain(classifier, TEXT, IntegratedGradients(tolerance=t, baseline="zero")) for t in (np.inf, 1e-2)
    ]
    shares = [abs(gap(e)) / np.abs(e.scores).sum() for e in found]
    assert shares[0] > 0.1
    assert shares[1] < 0.02
    assert found[1].details["n_steps"] >= 200


def test_auto_baseline_is_the_classifiers_own_masking_or_zero() -> None:
    kinds = {name: zoo.make(name) for name in ("bert", "gpt2", "paper")}
    one = IntegratedGradients(n_steps=1, max_steps=1)

    def chosen(classifier: Classifier) -> object:
        return heedful.explain(classifier, TEXT, one).settings["baseline"]

    assert {name: chosen(classifier) for name, classifier in kinds.items()} == {
        "bert": "mask", "gpt2": "unk", "paper": "unk"
    }  # fmt: skip
    bare = make_bert()
    bare.tokenizer.mask_token = bare.tokenizer.unk_token = None
    assert chosen(bare) == "zero"
    with pytest.raises(SettingError, match="bert has no mask token: use baseline 'zero'"):
        heedful.explain(bare, TEXT, IntegratedGradients(baseline="mask"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_steps": 0}, "n_steps must be from 1 to 4,000, got 0"),
        ({"tolerance": -1.0}, "tolerance must be at least 0"),
        ({"tolerance": np.nan}, "tolerance must be at least 0"),
        ({"baseline": "delete"}, "unknown baseline 'delete': use one of auto, pad, mask, unk, zero"),
    ],
)
def test_settings_out_of_range(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        IntegratedGradients(**changes)


def test_settings_by_name() -> None:
    assert get("IG:n_steps=20,tolerance=inf,baseline=pad") == IntegratedGradients(20, np.inf, baseline="pad")


def test_bfloat16_works_to_its_precision() -> None:
    """Rounding keeps the gap above 1e-3: the tolerance stops there instead of doubling in vain."""
    classifier = zoo.make("roberta")
    exact = heedful.explain(classifier, TEXT, "integrated-gradients")
    classifier.model.to(torch.bfloat16)
    result = heedful.explain(classifier, TEXT, "integrated-gradients")
    assert result.settings["tolerance"] == 2**-5
    assert (result.details["n_steps"], result.details["converged"]) == (50, 1)
    assert abs(gap(result)) > 1e-3 * np.abs(result.scores).sum()
    # some ten roundings of 2^-8, through two layers
    assert np.abs(result.scores - exact.scores).max() < 0.1 * np.abs(exact.scores).max()
