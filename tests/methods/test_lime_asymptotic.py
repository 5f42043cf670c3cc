"""LIME by formula on the paper's classifier: Eq. 19 written out token by token, and what the result says."""

from __future__ import annotations

import math

import numpy as np
import pytest

import heedful
from factory import make_classifier
from heedful.classifier import Classifier
from heedful.errors import SettingError
from heedful.games import RatioGame
from heedful.games import formulas as asymptotic
from heedful.methods import LimeAsymptotic

TEXT = "the plot was not good but the acting was very good"
FORMULAS = ["corrected", "paper"]


def eq_19(classifier: Classifier, words: list[str], target: int, hidden: str) -> list[float]:
    """The formula as the authors' code has it: queries, keys and values of the text, and of the text of UNK."""
    model, tokenizer = classifier.model, classifier.tokenizer
    query, key, value, readout, vectors, positions = (
        p.detach().numpy()
        for p in (model.query, model.key, model.value, model.readout, model.embeddings.weight, model.positions)
    )
    ids = tokenizer(TEXT)["input_ids"]
    if model.config.attend_padding:
        ids = ids + [tokenizer.unk_token_id] * (len(positions) - len(ids))
    n_words = len(TEXT.split())
    replaced = ids[:1] + [tokenizer.convert_tokens_to_ids(hidden)] * n_words + ids[1 + n_words :]
    e = [vectors[i] + positions[t] for t, i in enumerate(ids)]
    e_unk = [vectors[i] + positions[t] for t, i in enumerate(replaced)]
    scores = []
    for word in words:
        places = [t for t, i in enumerate(ids) if i == tokenizer.convert_tokens_to_ids(word)]
        heads = []
        for W_q, W_k, W_v in zip(query, key, value, strict=True):
            q = W_q @ e[0]
            g = [math.exp(q @ (W_k @ x) / math.sqrt(len(q))) for x in e]
            g_unk = [math.exp(q @ (W_k @ x) / math.sqrt(len(q))) for x in e_unk]
            heads.append(
                sum(
                    readout[target] @ (g[t] / sum(g) * (W_v @ e[t]) - g_unk[t] / sum(g_unk) * (W_v @ e_unk[t]))
                    for t in places
                )
            )
        scores.append(3 / 2 * sum(heads) / len(heads))
    return scores


@pytest.mark.parametrize("attend_padding", [True, False])
@pytest.mark.parametrize(("masking", "hidden"), [("unk", "[UNK]"), ("mask", "[MASK]")])
def test_the_papers_formula_is_that_of_the_authors_code(attend_padding: bool, masking: str, hidden: str) -> None:
    classifier = make_classifier(attend_padding=attend_padding, max_position_embeddings=32)
    result = heedful.explain(classifier, TEXT, "lime-asymptotic:formula=paper", target=1, masking=masking)
    expected = eq_19(classifier, [unit.lower() for unit in result.units], 1, hidden)
    assert len(result.units) == 8
    assert result.scores == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_the_corrected_formula_is_nearer_to_the_exact_limit(classifier: Classifier) -> None:
    limit = heedful.explain(classifier, TEXT, "lime-exact", target=1).scores
    errors = [
        np.linalg.norm(heedful.explain(classifier, TEXT, LimeAsymptotic(formula), target=1).scores - limit)
        for formula in FORMULAS
    ]
    assert errors[0] < 0.5 * errors[1]
    assert errors[0] < 0.2 * np.linalg.norm(limit)


@pytest.mark.parametrize("width", [0.25, 1.0, math.inf])
@pytest.mark.parametrize("masking", ["unk", "pad", "ignore"])
def test_the_result_names_formula_and_width(classifier: Classifier, masking: str, width: float) -> None:
    game = RatioGame.from_text(classifier, TEXT, target=2, masking=masking)
    one, other = (
        heedful.explain(classifier, TEXT, LimeAsymptotic(formula, width), target=2, masking=masking)
        for formula in FORMULAS
    )
    assert np.array_equal(one.scores, asymptotic.lime(game, width))
    assert np.array_equal(other.scores, asymptotic.paper_lime(game))
    assert (one.settings["formula"], one.settings["kernel_width"]) == ("corrected", width)
    assert (other.settings["formula"], other.settings["kernel_width"]) == ("paper", math.inf)
    for result in (one, other):
        assert (result.method, result.error_bound, result.base_value) == ("lime-asymptotic", None, None)
        assert (result.n_forward, result.signed, result.additive, result.seed) == (
            1,
            True,
            False,
            None,
        )  # the prediction


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("changes", [{"masking": "delete"}, {"output": "probability"}, {"normaliser": "sparsemax"}])
def test_refuses_what_the_exact_methods_refuse_in_the_same_words(changes: dict[str, str], formula: str) -> None:
    normaliser = changes.get("normaliser", "softmax")
    choices = {name: choice for name, choice in changes.items() if name != "normaliser"}
    messages = []
    for method in ("lime-exact", LimeAsymptotic(formula)):
        with pytest.raises(SettingError) as raised:
            heedful.explain(make_classifier(normaliser=normaliser), TEXT, method, **choices)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"formula": "theirs"}, "unknown formula 'theirs': use one of corrected, paper"),
        ({"kernel_width": 0.0}, "kernel_width must be above 0"),
        ({"kernel_width": math.nan}, "kernel_width must be above 0"),
    ],
)
def test_senseless_settings_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        LimeAsymptotic(**arguments)  # type: ignore[arg-type]
