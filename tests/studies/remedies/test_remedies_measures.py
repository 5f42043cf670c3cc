"""What the study of remedies measures: means over seeds and texts, columns, trainings, each against a known answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

import heedful
from heedful.data import Rationale, planted
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification, build_tokenizer
from heedful.question import Choices, ask
from heedful.studies.remedies import cells, columns
from heedful.studies.remedies.crossed import crossed
from heedful.studies.remedies.loop import Fit, Words, random_maps, read_words, text_weights, told, train
from heedful.studies.remedies.trainings import RANDOM_FIRST, REMEDIES, Training

REVIEWS = planted.as_dataset(planted.generate(60, 5))
TOKENIZER = build_tokenizer(REVIEWS.texts, min_frequency=1, max_length=64)
WORDS = read_words(TOKENIZER, REVIEWS)
FIT = Fit(hidden_size=8, key_size=4, value_size=4, heads=2, epochs=2, batch_size=20, learning_rate=1e-2)


PLAIN = Training("plain")


def made(training: Training = PLAIN, fit: Fit = FIT) -> AttentionPoolingForSequenceClassification:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sparse = {"normaliser": "entmax", "entmax_alpha": training.alpha} if training.alpha > 1 else {}
        config = AttentionPoolingConfig(
            vocab_size=len(TOKENIZER), hidden_size=8, key_size=4, value_size=4, num_attention_heads=2,
            max_position_embeddings=64, initializer_range=0.3, **sparse,
        )  # fmt: skip
        model = AttentionPoolingForSequenceClassification(config).eval()
    if fit.epochs:
        train(model, WORDS, (training, fit), seed=3)
    return model


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_crossed_by_hand() -> None:
    grid = np.array([[0.0, 1.0, 0.5, np.nan], [0.4, 1.4, 0.9, np.nan], [np.nan, np.nan, np.nan, np.nan]])
    one = crossed(grid)
    seeds, texts = np.array([0.5, 0.9]).var(ddof=1) / 2, np.array([0.2, 1.2, 0.7]).var(ddof=1) / 3
    freedom = (seeds + texts) ** 2 / (seeds**2 / 1 + texts**2 / 2)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(seeds + texts)
    assert one.estimate.value == pytest.approx(0.7)
    assert (one.estimate.low, one.estimate.high) == pytest.approx((0.7 - half, 0.7 + half))
    assert one.estimate.n == 3
    assert one.p == pytest.approx(2 * stats.t.sf(0.7 / math.sqrt(seeds + texts), freedom))
    for nothing in (np.full((2, 3), np.nan), np.ones((3, 4)), np.array([[0.1, 0.2]])):
        assert math.isnan(crossed(nothing).estimate.low)


def test_crossed_intervals_cover_new_seeds_and_new_texts() -> None:
    draw, hits = np.random.default_rng(0), 0
    for _ in range(300):
        parts = draw.normal(0, 1, (5, 1)), draw.normal(0, 2, (1, 40)), draw.normal(0, 1, (5, 40))
        one = crossed(sum(parts)).estimate
        hits += one.low <= 0 <= one.high
    assert 0.92 <= hits / 300 <= 0.995


def test_pairs_of_seeds_vary_more_than_single_ones() -> None:
    grid = np.array([[0.1], [0.2], [0.3], [0.6]]) + np.array([[0.0, 0.1, -0.1]])
    single, pairs = crossed(grid).estimate, crossed(grid, 2).estimate
    seeds, texts = np.array([0.1, 0.2, 0.3, 0.6]).var(ddof=1) / 4, 0.01 / 3
    wide = 4 * (3 / 2) ** 2 * seeds
    freedom = (wide + texts) ** 2 / (wide**2 / 3 + texts**2 / 2)
    assert pairs.high - pairs.value == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(wide + texts))
    assert pairs.value == pytest.approx(single.value)
    assert math.isnan(crossed(grid[:2], 2).estimate.low)  # one pair says nothing of others


def test_stability_by_hand() -> None:
    up, down, flat = np.array([0.1, 0.2, 0.7]), np.array([0.7, 0.2, 0.1]), np.full(3, 1 / 3)
    grid = columns.stability([[up, flat], [up, up], [down, up], [flat, down]])
    assert grid[:, 0].tolist()[:3] == [0.0, 0.0, -1.0]  # the flat map has no order to compare
    assert math.isnan(grid[3, 0])
    assert math.isnan(grid[0, 1])
    assert grid[1:, 1].tolist() == [0.0, 0.0, -1.0]
    assert np.isnan(columns.stability([[up]])).all()


def test_a_mask_that_tells_the_prediction_leaks() -> None:
    predicted = np.arange(60) % 2
    maps = [np.array([0.9, 0.1, 0.0, 0.0]) if one else np.array([0.0, 0.0, 0.1, 0.9]) for one in predicted]
    assert columns.leak(maps, predicted, 0).mean() == pytest.approx(0.5)  # 1, less chance
    same_map = [np.full(4, 0.25)] * 60
    assert columns.leak(same_map, predicted, 0).mean() == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(columns.leak(maps, np.zeros(60, dtype=np.int64), 0)).all()
    assert np.isnan(columns.leak(maps, (np.arange(60) < 3).astype(np.int64), 0)).all()


def test_levels_are_the_audits_own() -> None:
    from dataclasses import asdict

    from heedful.auditing.figures import text_figures

    draw, rows = np.random.default_rng(0), []
    for nth, sign in ((0, 1.0), (1, -1.0)):
        for _ in range(40):
            scores = draw.uniform(0, 1, 12)
            rows.append({"nth": nth} | asdict(text_figures(scores, sign * scores)))
    counts = columns.levels({name: np.array([row[name] for row in rows]) for name in rows[0]})
    assert counts == {"faithful": 1, "map": 1, "misleading": 0, "undecided": 0}


def test_every_training_sees_the_same_batches() -> None:
    plain = made()
    assert same(plain, made(Training("again", repulsion=None, penalty=0.0, rationales=0.0)))
    others = [one for remedy in REMEDIES[1:] for one in remedy.settings]
    for training in others:
        assert not same(plain, made(training)), training.name
    assert all(one.requires_grad for one in made(Training("u", uniform=True)).parameters())


def test_uniform_attention_is_uniform() -> None:
    _, maps = told(made(Training("uniform", uniform=True)), WORDS.ids, WORDS.attended)
    for one, attended in zip(maps, WORDS.attended, strict=True):
        assert torch.allclose(one[:, attended], 1 / attended.sum().float())


def test_random_first_learns_values_first_and_then_attention_alone() -> None:
    first = made(Training("plain"), replace(FIT, epochs=0))
    once = made(Training("r", order=RANDOM_FIRST), replace(FIT, epochs=2))
    begun = made(Training("r", order=RANDOM_FIRST), replace(FIT, epochs=3))  # one epoch of values, two of attention
    for name in ("value", "readout"):
        assert torch.equal(getattr(once, name), getattr(begun, name))
        assert not torch.equal(getattr(once, name), getattr(first, name))
    assert torch.equal(once.embeddings.weight, begun.embeddings.weight)
    assert not torch.equal(once.query, begun.query)


def test_given_maps_are_what_logits_are_made_with() -> None:
    model = made()
    logits, maps = told(model, WORDS.ids, WORDS.attended)
    assert torch.allclose(told(model, WORDS.ids, WORDS.attended, maps)[0], logits, atol=1e-5)
    drawn = random_maps(WORDS.attended, model, torch.Generator().manual_seed(0))
    assert drawn.shape == maps.shape
    assert torch.allclose(drawn.sum(2), torch.ones(60, 2), atol=1e-5)
    assert not drawn[~WORDS.attended[:, None].expand_as(drawn)].any()
    assert not torch.allclose(drawn[:, 0], drawn[:, 1])  # a map of its own for every head


def test_marks_are_those_of_the_planted_words() -> None:
    for i, review in enumerate(planted.generate(60, 5)):
        ids = WORDS.ids[i][WORDS.marks[i].bool()]
        taken = sorted(TOKENIZER.convert_ids_to_tokens(ids.tolist()))
        roles = zip(review.spans, review.roles, strict=True)
        assert taken == sorted(review.text[a:b].lower() for (a, b), role in roles if role == "for")
    without = replace(REVIEWS, rationales=(None, *REVIEWS.rationales[1:]))
    assert not read_words(TOKENIZER, without).marks[0].any()


def test_rationales_draw_attention_to_the_marks() -> None:
    fit = replace(FIT, epochs=8)

    def inside(model: AttentionPoolingForSequenceClassification) -> float:
        with torch.no_grad():
            _, maps = told(model, WORDS.ids, WORDS.attended)
        return float((maps.mean(1) * WORDS.marks).sum(1).mean())

    assert inside(made(Training("r", rationales=3.0), fit)) > 1.5 * inside(made(fit=fit))


def test_text_weights_undo_what_the_mask_tells() -> None:
    model = made()
    with torch.no_grad():  # attention sits on one word, which is in the texts of one class alone
        model.embeddings.weight.zero_()
        model.key.zero_()
    assert torch.allclose(text_weights(model, WORDS, 0), torch.ones(60), atol=0.35)  # nothing but lengths to tell by
    ids = torch.where(torch.arange(WORDS.ids.shape[1]) < 9, 5, 0).expand(60, -1).clone()
    ids[:, 0] = model.config.cls_token_id
    place = torch.where(WORDS.labels == 1, 2, 8)
    ids[torch.arange(60), place] = 6
    with torch.no_grad():
        first = model.positions[0] + model.embeddings.weight[model.config.cls_token_id]
        model.embeddings.weight[6] = 5.0
        model.key[:] = torch.einsum("kad,d->ka", model.query, first)[..., None] * 2.0
    weights = text_weights(model, Words(ids, ids > 0, WORDS.labels, torch.zeros(ids.shape)), 0)
    shares = torch.bincount(WORDS.labels)[WORDS.labels] / 60
    assert torch.allclose(weights, shares, atol=0.25)  # P(y | m) is near 1 where the mask tells all
    assert weights.mean() < 0.7


def test_flips_by_hand() -> None:
    classifier, text = heedful.load("demo"), "The plot was dull."
    question = ask(classifier, text, Choices(output="logit_difference"))
    dull = np.array([0.1, 0.1, 0.1, 0.7])
    assert cells.flips(dull, question) == (1.0, 1.0)
    assert cells.flips(dull[::-1].copy(), question) == (0.0, pytest.approx(-1 / 3))
    first, more = cells.flips(np.full(4, 0.25), question)  # all are tied: the place is shared
    assert first == 0.25
    assert math.isnan(more)


def test_what_is_measured_of_a_text() -> None:
    classifier, text = heedful.load("demo"), "The acting was superb, but the plot was dull."
    choices = {"output": "logit_difference"}
    attention, exact = (
        heedful.explain(classifier, text, one, **choices) for one in ("attention-mean", "shapley-exact")
    )
    people = Rationale(np.array([[15, 21]]), np.array([1.0]))
    row = cells.measured(cells.Seen(attention, exact), ask(classifier, text, Choices(**choices)), people)
    scores, effects = attention.scores, exact.scores
    assert row["mass_against"] == pytest.approx(scores[effects < 0].sum() / scores.sum())
    assert row["sign"] == pytest.approx((effects > 0).mean())
    rank = 1 + int((scores > scores[list(attention.units).index("superb")]).sum())
    assert row["plausible"] == pytest.approx(1.0 if rank == 1 else row["plausible"])
    assert math.isnan(row["halves"])
    nothing = cells.measured(cells.Seen(attention, exact), ask(classifier, text, Choices(**choices)), None)
    assert math.isnan(nothing["plausible"])


def test_the_table_of_remedies_has_one_plain_row_and_names_of_its_own() -> None:
    assert REMEDIES[0].settings == (Training("plain"),)
    names = [one.name for remedy in REMEDIES for one in remedy.settings]
    assert len(names) == len(set(names))
