"""Ratio games of many questions: the same bits as one by one, and by the formulas of `Terms` but for rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from factory import SENTENCES, make_bert, make_classifier
from heedful.errors import SettingError, TextError
from heedful.games import RatioGame, Terms, exact
from heedful.methods.exact_values import ShapleyExact
from heedful.models import FoldedTables
from heedful.question import Choices, ask, ask_all, ratio_games
from heedful.question.tables import ratio_game
from heedful.text.units import Units

TEXTS = [*SENTENCES, "the end", "good " * 12, "Unheard of: a slow film. It was slow!"]
PAPER = {attend: make_classifier(1, attend_padding=attend, max_position_embeddings=40) for attend in (False, True)}


def arrays(game: RatioGame) -> list[np.ndarray]:
    return [array for terms in (game.kept, game.removed, game.fixed) for array in (terms.log_weight, terms.value)]


def equal(one: RatioGame, other: RatioGame) -> None:
    for first, second in zip(arrays(one), arrays(other), strict=True):
        assert first.shape == second.shape
        assert np.array_equal(first, second)


def by_formula(tables: FoldedTables, ids: np.ndarray, units: Units, instead: int | None, padding: int | None) -> list:
    """The terms by `Terms.grouped`: kept, removed, fixed."""
    rows = tables.token(ids) + tables.position[: len(ids)]
    owner = units.of_token

    def terms(some: np.ndarray) -> Terms:
        return Terms(some[..., 0].T, some[..., 1:].swapaxes(0, 1))

    removed = None if instead is None else tables.token(np.full(len(ids), instead)) + tables.position[: len(ids)]
    always = [rows[owner < 0]]
    if padding is not None:
        behind = tables.position[len(ids) :]
        always.append(tables.token(np.full(len(behind), padding)) + behind)
    fixed = terms(np.concatenate(always))
    none = Terms.none(rows.shape[1], len(units))
    whole = fixed.grouped(np.zeros(fixed.log_weight.shape[1], dtype=np.int64), 1)
    return [
        terms(rows).grouped(owner, len(units)),
        none if removed is None else terms(removed).grouped(owner, len(units)),
        Terms(whole.log_weight[:, 0], whole.value[:, 0]),
    ]


@pytest.mark.parametrize("attend", [False, True])
@pytest.mark.parametrize("instead", [None, 1])
@pytest.mark.parametrize("spread", [1.0, 1000.0])
def test_compiled_terms_are_those_of_the_formulas(attend: bool, instead: int | None, spread: float) -> None:
    (question,) = ask_all(PAPER[attend], ["The plot was not good, but the acting was good! The end."], Choices())
    tables = PAPER[attend].model.tables()
    tables.position[..., 0] *= spread
    padding = 1 if attend else None
    game = ratio_game(tables, question.encoded, question.units, instead, padding)
    expected = by_formula(tables, question.encoded.input_ids, question.units, instead, padding)
    for made, wanted in zip((game.kept, game.removed, game.fixed), expected, strict=True):
        np.testing.assert_allclose(made.log_weight, wanted.log_weight, rtol=1e-14, atol=1e-14)
        there = np.isfinite(wanted.log_weight)
        if there.any():  # no terms at all have no outputs either
            np.testing.assert_allclose(made.value[there], wanted.value[there], rtol=1e-12, atol=1e-13)
        assert not made.log_weight.flags.writeable
        assert not made.value.flags.writeable


@pytest.mark.parametrize("attend", [False, True])
@pytest.mark.parametrize("masking", ["unk", "ignore"])
@pytest.mark.parametrize("output", ["logit", "logit_difference"])
@pytest.mark.parametrize("unit", ["word_type", "token"])
def test_games_together_have_the_bits_of_games_alone(attend: bool, masking: str, output: str, unit: str) -> None:
    choices = Choices(output=output, unit=unit, masking=masking)
    questions = ask_all(PAPER[attend], TEXTS, choices)
    other = ask(make_classifier(2), TEXTS[0], choices)
    games = ratio_games([*questions, other])
    for text, question, game in zip(TEXTS, questions, games, strict=False):
        equal(game, ask(PAPER[attend], text, choices).ratio_game())
        masks = np.random.default_rng(0).random((9, game.n_units)) < 0.5
        np.testing.assert_allclose(game(masks), question.game()(masks), rtol=1e-12, atol=1e-12)
    equal(games[-1], ask(other.classifier, TEXTS[0], choices).ratio_game())


def test_more_outputs_than_share_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heedful.question.tables._OUTPUTS", 2)
    questions = [
        ask(PAPER[False], text, Choices(target=i % 3, output=output))
        for output in ("logit", "logit_difference")
        for i, text in enumerate(TEXTS)
    ]
    alone = [replace(question).ratio_game() for question in questions]
    for one, expected in zip(ratio_games(questions), alone, strict=True):
        equal(one, expected)


def test_a_question_has_one_game_which_is_prepared_once() -> None:
    questions = ask_all(PAPER[False], TEXTS, Choices())
    games = ratio_games(questions)
    assert all(question.ratio_game() is game for question, game in zip(questions, games, strict=True))
    assert replace(questions[0], masking="ignore").ratio_game() is not games[0]
    assert ratio_games([]) == []


def test_exact_methods_answer_many_as_one() -> None:
    questions, method = ask_all(PAPER[False], TEXTS, Choices()), ShapleyExact()
    for text, answer in zip(TEXTS, method.answers(questions), strict=True):
        assert np.array_equal(answer.scores, method.answer(ask(PAPER[False], text, Choices())).scores)


def test_weights_out_of_range_are_refused_as_by_terms() -> None:
    classifier = make_classifier(5)
    with torch.no_grad():
        classifier.model.key.mul_(1e9)
    questions = [replace(ask(PAPER[False], text, Choices()), classifier=classifier) for text in TEXTS[:2]]
    with pytest.raises(SettingError, match="log_weight must be finite, at most 1e"):
        ratio_games(questions)


def test_the_first_question_without_a_game_is_told() -> None:
    good, bert = ask(PAPER[False], TEXTS[0], Choices()), ask(make_bert(), TEXTS[0], Choices(masking="unk"))
    with pytest.raises(SettingError, match="exact values need softmax pooling, which bert is not"):
        ratio_games([good, bert])
    empty = replace(good, units=Units("word", (), (), (), len(good.encoded)))
    with pytest.raises(TextError, match="nothing to explain"):
        ratio_games([good, empty, bert])


def test_an_unchecked_game_is_a_checked_one() -> None:
    (game,) = ratio_games([ask(PAPER[False], TEXTS[0], Choices())])
    checked = RatioGame(*(Terms(t.log_weight, t.value) for t in (game.kept, game.removed, game.fixed)))
    equal(game, checked)
    assert game.empty is None
    assert np.array_equal(exact.shapley(game).values, exact.shapley(checked).values)
