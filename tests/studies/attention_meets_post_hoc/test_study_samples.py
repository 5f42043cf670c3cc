"""How many samples the five largest words take."""

from __future__ import annotations

import numpy as np
import pytest

from factory import SENTENCES, make_classifier
from heedful.games import exact
from heedful.methods import KernelShap, Lime
from heedful.question import Choices, ask
from heedful.studies.attention_meets_post_hoc import samples
from heedful.studies.measuring import most, seed_of, table

UNK = Choices(masking="unk")


def test_runs_are_those_of_the_methods():
    classifier = make_classifier()
    # more units than methods enumerate
    question = ask(classifier, " ".join(SENTENCES[:2]), Choices(masking="unk", seed=5))
    game = question.ratio_game()
    for name, method in {"lime": Lime(400), "kernel-shap": KernelShap(400)}.items():
        found = samples.METHODS[name](game, [50, 400], 5)
        assert found[-1] == pytest.approx(method.answer(question).scores, rel=1e-9)
        assert found[0] != pytest.approx(found[-1], rel=1e-3)
    # the first of the longest run
    short = samples.METHODS["lime"](game, [50, 400], 5)[0]
    assert np.corrcoef(short, exact.lime(game).values)[0, 1] > 0.5


def test_every_row_counts_what_it_says():
    classifier, sizes = make_classifier(), [40, 300]
    found = samples.measure(classifier, SENTENCES[:2], sizes, 2, seed=3)
    assert found.equals(samples.measure(classifier, SENTENCES[:2], sizes, 2, seed=3))
    rows = found.to_pylist()
    assert len(rows) == 2 * 2 * 2 * 2
    for row in rows:
        game = ask(classifier, SENTENCES[row["text"]], UNK).ratio_game()
        k = list(samples.METHODS).index(row["method"])
        scores = samples.METHODS[row["method"]](game, sizes, seed_of(3, row["text"], k, row["repetition"]))
        own = scores[sizes.index(row["n_samples"])]
        truth = (exact.shapley if k else exact.lime)(game).values
        assert row["right"] == (most(own, 5) == most(truth, 5))
        assert row["overlap"] == len(most(own, 5) & most(truth, 5)) / 5
        assert row["largest"] == (np.abs(own).argmax() == np.abs(truth).argmax())
    assert any(row["right"] for row in rows)
    assert not all(row["right"] for row in rows)


def test_kernel_shap_is_right_at_once_where_words_only_add_up_and_finds_nothing_before():
    classifier = make_classifier()
    classifier.model.query.data.zero_()
    rows = samples.measure(classifier, SENTENCES[1:2], [10, 200]).to_pylist()
    kernel = [row for row in rows if row["method"] == "kernel-shap"]
    assert [(row["n_samples"], row["right"], row["overlap"]) for row in kernel] == [
        (10, False, 0.0), (200, True, 1.0)
    ] * 2  # fmt: skip


def test_near_words_may_stand_in():
    truth = np.array([6.0, -5.0, 4.0, 3.0, 2.0, -1.91, 1.8])
    swapped, far = truth.copy(), truth.copy()
    swapped[5] = far[6] = -2.5
    assert samples._found(truth, truth) == {"right": True, "near": True, "overlap": 1.0, "largest": True}
    assert samples._found(swapped, truth) == {"right": False, "near": True, "overlap": 0.8, "largest": True}
    assert samples._found(far, truth) == {"right": False, "near": False, "overlap": 0.8, "largest": True}
    assert samples._found(None, truth) == {"right": False, "near": False, "overlap": 0.0, "largest": False}


def grid(shares, n_runs=100):
    """Runs of which these shares are right, at 100, 200, ... samples."""
    return table(
        {
            "text": i // 2, "n_units": 9, "method": "lime", "repetition": i % 2, "n_samples": 100 * 2**k,
            "right": i < share * n_runs, "near": True, "overlap": 1.0, "largest": False,
        }
        for k, share in enumerate(shares)
        for i in range(n_runs)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shares", "first"),
    [([0.5, 0.96, 0.9, 0.95, 1.0], 800), ([0.95, 1.0], 100), ([0.5, 0.94], None), ([1.0, 0.9], None)],
)
def test_needed_is_where_success_comes_to_stay(shares, first):
    right, near, largest = samples.needed(grid(shares)).to_pylist()
    assert (right["criterion"], right["n_samples"]) == ("right", first)
    at = -1 if first is None else [100 * 2**k for k in range(len(shares))].index(first)
    assert (right["within"], right["reached"]) == (100 * 2 ** (len(shares) - 1), pytest.approx(shares[at]))
    assert right["runs"] == 100
    assert (near["criterion"], near["n_samples"]) == ("near", 100)
    assert (largest["criterion"], largest["n_samples"]) == ("largest", None)


def test_summary_by_hand():
    first, second = samples.summary(grid([0.25, 0.5])).to_pylist()
    assert (first["runs"], first["right"], first["near"], first["largest"]) == (100, 0.25, 1.0, 0.0)
    assert first["texts_right"] == 12 / 50  # the 13th text was right once
    assert second["texts_right"] == 0.5


@pytest.mark.parametrize(
    ("shares", "ends"),
    [
        # of 200 texts, Wilson's interval holds 95 % from 184 to 196 right ones
        ([0.5, 0.945, 0.965, 0.985], (200, 800)),
        ([0.5, 0.945, 0.965], (200, None)),
        ([0.985, 0.985], (100, 100)),
        ([0.5, 0.91], (None, None)),
        ([0.965, 0.8, 0.985], (400, 400)),  # back below: not for good
    ],
)
def test_the_number_of_samples_has_an_interval(shares, ends):
    rows = grid(shares, 200).to_pylist()
    once = table(row | {"text": 2 * row["text"] + row["repetition"], "repetition": 0} for row in rows)
    right = samples.needed(once).to_pylist()[0]
    assert (right["n_samples_low"], right["n_samples_high"]) == ends
    assert right["reached_n"] == 200
    assert right["reached_low"] < right["reached"] < right["reached_high"]


def test_repetitions_on_a_text_do_not_count_as_texts():
    once = samples.summary(table(row for row in grid([0.5]).to_pylist() if row["repetition"] == 0)).to_pylist()[0]
    alike = table({**row, "right": row["text"] % 2 == 0} for row in grid([0.5]).to_pylist())
    twice = samples.summary(alike).to_pylist()[0]
    assert (once["right_n"], twice["runs"], twice["right_n"]) == (50, 100, 50)
    assert twice["right_high"] - twice["right_low"] == pytest.approx(once["right_high"] - once["right_low"], rel=0.01)
