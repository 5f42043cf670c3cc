"""The study of repulsive attention: planted texts, arms that begin alike, summaries and verdicts by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from heedful.errors import DataError
from heedful.models.training import seeded
from heedful.studies import find
from heedful.studies.repulsive_attention import cells, settings, summaries
from heedful.studies.repulsive_attention.hops import Arm, Fit, Hops, looked, train
from heedful.studies.repulsive_attention.present import KEYS, generate

FIT = Fit(size=8, states=4, units=8, hops=3, steps=4, batch_size=8)


def test_planted_texts_need_all_four_words() -> None:
    data = generate(40, 1)
    present = [sum(key in text.split() for key in KEYS) for text in data.texts]
    assert present == [3 + label for label in data.labels]
    assert all(text.split().count(key) <= 1 for text in data.texts for key in KEYS)
    missing = {next(key for key in KEYS if key not in text.split()) for text in data.texts[::2]}
    assert missing == set(KEYS)
    assert generate(40, 1).texts == data.texts != generate(40, 2).texts


def fitted(arm: Arm, optimiser: str = "sgd") -> tuple[Hops, np.ndarray, list[torch.Tensor]]:
    from heedful.models import build_tokenizer

    data = generate(24, 0)
    tokenizer = build_tokenizer(data.texts, min_frequency=1)
    held = cells.words(tokenizer, data.texts, data.labels, 20)
    with seeded(0):
        model = Hops(len(tokenizer), 2, FIT)
    train(model, held, arm, optimiser, FIT, seed=0)
    return model, *looked(model, held)


def test_arms_begin_alike_and_see_the_same() -> None:
    plain, again, repulsive = fitted(Arm("plain")), fitted(Arm("again")), fitted(Arm("apart", weight=1.0))
    assert all(torch.equal(a, b) for a, b in zip(plain[0].parameters(), again[0].parameters(), strict=True))
    assert not torch.equal(plain[0].hops, repulsive[0].hops)
    for maps in plain[2]:
        assert maps.shape == (3, 20)
        assert torch.allclose(maps.sum(1), torch.ones(3))
    assert not torch.equal(fitted(Arm("penalty", penalty=1.0))[0].hops, plain[0].hops)


def test_texts_without_a_known_word_are_one_unknown_word() -> None:
    from heedful.models import build_tokenizer

    tokenizer = build_tokenizer(["good good"], min_frequency=1)
    held = cells.words(tokenizer, ["...", "good bad good good"], np.array([0, 1]), 3)
    assert held.attended.tolist() == [[True, False, False], [True, True, True]]
    assert held.ids[0, 0] == held.ids[1, 1] == tokenizer.unk_token_id


def cell(gain: float, low: float, high: float, data: str = "sst2", arm: str = "SVGD") -> dict:
    return {"data": data, "arm": arm, "gain": gain, "gain_low": low, "gain_high": high}


def plain(data: str = "sst2") -> dict:
    return {"data": data, "arm": "plain", "gain": 0.0, "gain_low": None, "gain_high": None}


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([cell(0.01, 0.005, 0.02)] * 6, "confirmed"),
        ([cell(0.01, -0.005, 0.02)] * 6, "not settled"),  # better in all, and no interval says so
        ([cell(0.01, 0.005, 0.02)] * 2 + [cell(-0.01, -0.02, 0.01)] * 4, "not settled"),
        ([cell(0.01, -0.01, 0.02)] * 3 + [cell(-0.01, -0.02, 0.01)] * 3, "refuted"),
        ([cell(0.01, 0.005, 0.02)] + [cell(-0.01, -0.02, 0.01)] * 5, "refuted"),
    ],
)
def test_the_rule_by_hand(gains: list, verdict: str) -> None:
    (row,) = summaries.claims([plain(), *gains], 0.05, 5 / 6).to_pylist()
    assert row["verdict"] == verdict
    assert row["cells"] == 6
    assert row["p"] == pytest.approx(sum(math.comb(6, k) for k in range(row["better"], 7)) / 64)


def test_planted_texts_are_counted_apart() -> None:
    cells = [plain(), plain("planted"), *[cell(0.1, 0.05, 0.2)] * 6, *[cell(0.1, 0.05, 0.2, "planted")] * 2]
    rows = summaries.claims(cells, 0.05, 5 / 6).to_pylist()
    assert [(row["data"], row["cells"], row["verdict"]) for row in rows] == [
        ("public", 6, "confirmed"), ("planted", 2, "not settled")
    ]  # fmt: skip
    (row,) = summaries.claims([plain("planted"), *[cell(-0.1, -0.2, 0.05, "planted")] * 2], 0.05, 5 / 6).to_pylist()
    assert row["verdict"] == "not settled"  # two could never have confirmed it


def test_an_arm_that_changes_nothing_has_its_row() -> None:
    same = plain("planted") | {"arm": "SVGD"}
    (row,) = summaries.claims([plain("planted"), same, same], 0.05, 5 / 6).to_pylist()
    assert (row["arm"], row["better"], row["verdict"]) == ("SVGD", 0, "not settled")


def test_a_summary_by_hand() -> None:
    arms = (Arm("plain"), Arm("SVGD", weight=0.1), Arm("penalty", penalty=0.1))

    def one(right: list, similarity: list) -> dict:
        return {"right": np.array(right), "similarity": np.array(similarity), "covered": np.full(2, np.nan)}

    trained = {
        ("d", "sgd", "plain"): one([0.80, 0.82], [0.9, 0.9]),
        ("d", "sgd", "SVGD"): one([0.84, 0.85], [0.7, 0.95]),
        ("d", "sgd", "penalty"): one([0.90, 0.90], [0.5, 0.4]),
    }
    rows = {row["arm"]: row for row in summaries.summary(trained, arms).to_pylist()}
    assert rows["plain"]["gain"] == 0
    assert rows["SVGD"]["gain"] == pytest.approx(0.035)
    assert rows["SVGD"]["apart"] == pytest.approx((-0.2 + 0.05) / 2)
    assert rows["SVGD"]["matched"] == pytest.approx(0.84 - 0.85)  # the other seed lies outside of the controls'
    assert rows["SVGD"]["matched_n"] == 1
    assert rows["penalty"]["matched"] is None
    assert rows["plain"]["covered"] is None


def test_data_sets_are_asked_for() -> None:
    with pytest.raises(DataError, match="folders sst2, ag_news and imdb"):
        settings.data(settings.FULL, None, 0)
    with pytest.raises(DataError, match="give --data or --quick, not both"):
        settings.data(settings.QUICK, Path("here"), 0)
    study = find("repulsive-attention")
    assert len(study.stages(study.full)) == 4 * 2 * 5 + 1
