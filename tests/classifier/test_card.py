"""Batches sized to a card: the arithmetic by hand and by laws, passes on a made-up card, and a real one if there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import heedful
from heedful.classifier import classifier as classifying
from heedful.classifier.card import MOST, SHARE, Cuda, Pass, Room, card_of, measured, room_of
from heedful.corpus.loading import in_same_room

BYTES = st.integers(0, 2**42)
PASSES = st.builds(Pass, st.integers(1, 64), st.integers(1, 512), st.integers(1, 2**36))
TEXTS = [review.text for review in heedful.planted.generate(6, seed=5)]


def test_by_hand() -> None:
    # a + b L: 1,000 + 2 * 64 = 1,128 bytes a token in short texts, 1,000 + 2 * 256 = 1,512 in long ones
    room = room_of(8 * 2**30, Pass(32, 64, 32 * 64 * 1128), Pass(8, 256, 8 * 256 * 1512))
    assert room == Room(4 * 2**30, 1000.0, 2.0)
    assert [room.tokens(length) for length in (1, 500, 10**6)] == [MOST, MOST, 10**6]
    assert [Room(10**8, 1000.0, 2.0).tokens(length) for length in (500, 2000)] == [50_000, 20_000]
    assert Room(0, 1000.0, 2.0).tokens(300) == 300  # one text, however little is free


def test_one_length_or_less_a_token_in_long_texts_is_no_slope() -> None:
    assert room_of(200, Pass(1, 10, 50), Pass(2, 10, 40)) == Room(100, 5.0, 0.0)
    assert room_of(200, Pass(1, 10, 50), Pass(1, 20, 60)) == Room(100, 5.0, 0.0)
    assert room_of(200, Pass(1, 10, 10), Pass(1, 20, 60)) == Room(100, 1.0, 0.2)  # 0.2 L is 1 more than was measured


@given(BYTES, BYTES, PASSES, PASSES, st.integers(1, 5000))
def test_laws(free: int, more: int, one: Pass, other: Pass, length: int) -> None:
    short, long = sorted((one, other), key=lambda each: each.length)
    room = room_of(free, short, long)
    tokens, a_token = room.tokens(length), room.token + room.pair * length
    assert room_of(free + more, short, long).tokens(length) >= tokens >= length  # monotone; one text at least
    assert tokens == length or (tokens * a_token <= SHARE * free + 1e-3 and tokens <= MOST)  # never above what fits
    assert room.tokens(length + 1) <= max(tokens, length + 1)  # longer texts take more
    for each in (short, long):  # what was measured is held, so a pass that fits by the fit does fit
        assert room.token + room.pair * each.length >= each.a_token * (1 - 1e-9)


@dataclass
class MadeUpCard:
    """A card on which a text of L tokens takes L (a + b L) bytes."""

    n_free: int
    token: int = 1000
    pair: int = 3
    ran: list[tuple[int, int]] = field(default_factory=list)

    def free(self) -> int:
        return self.n_free

    def peak(self, run: Callable[[], object]) -> int:
        run()
        n, length = self.ran[-1]
        return n * length * (self.token + self.pair * length)

    def run(self, batch: list[np.ndarray]) -> None:
        self.ran.append((len(batch), len(batch[0])))


def test_two_lengths_are_run_twice_and_the_formula_is_found_again() -> None:
    card = MadeUpCard(10**9)
    assert measured(card, np.arange, card.run, 10_000) == Room(5 * 10**8, 1000.0, 3.0)
    assert card.ran == [(16, 128)] * 2 + [(4, 512)] * 2
    assert measured(card, np.arange, card.run, 1) == Room(5 * 10**8, 1003.0, 0.0)  # one length only


def on(card: MadeUpCard, classifier: heedful.Classifier) -> heedful.Classifier:
    """The classifier as if it were on this card."""
    real = classifier.logits

    def logits(ids: list[np.ndarray], *others: object) -> np.ndarray:
        card.ran.append((len(ids), len(ids[0])))
        return real(ids, *others)

    object.__setattr__(classifier, "logits", logits)
    with patch.object(classifying, "card_of", lambda _: card):
        assert classifier.room is not None  # measured now, and kept
    return classifier


def test_a_classifier_measures_its_own_passes_and_sizes_its_batches_by_them() -> None:
    card = MadeUpCard(4_000_000)
    classifier = on(card, replace(heedful.load("demo")))
    assert classifier.room == Room(2_000_000, 1000.0, 3.0)
    assert card.ran == [(64, 32)] * 2 + [(16, 128)] * 2
    assert classifier.most_tokens(128) == 2_000_000 // 1384 == 1445
    card.ran.clear()
    classifier.batches().run(np.full(40, 100), lambda some: ([np.arange(1, 101)] * len(some), None, None))
    assert [n for n, _ in card.ran] == [15, 15, 10]  # of 1,538 tokens
    on_a_cpu = heedful.load("demo")
    assert (on_a_cpu.room, on_a_cpu.most_tokens(100)) == (None, 2048)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error")])
def test_where_it_cannot_be_measured_batches_are_as_ever(error: Exception) -> None:
    class Full(MadeUpCard):
        def peak(self, run: Callable[[], object]) -> int:
            raise error

    classifier = replace(heedful.load("demo"))
    with patch.object(classifying, "card_of", lambda _: Full(1)):
        assert classifier.room is None


def test_memory_that_runs_out_all_the_same_halves_the_batch() -> None:
    card = MadeUpCard(4_000_000)
    classifier = on(card, replace(heedful.load("demo")))
    logits = classifier.logits

    def full(ids: list[np.ndarray], *others: object) -> np.ndarray:
        if len(ids) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return logits(ids, *others)

    object.__setattr__(classifier, "logits", full)
    expected = heedful.load("demo").logits_of_all(classifier.encode_all(TEXTS))
    assert classifier.logits_of_all(classifier.encode_all(TEXTS)) == pytest.approx(expected, abs=1e-9)


def test_a_corpus_says_the_size_and_goes_on_with_it_when_the_card_has_less_free(tmp_path: Path) -> None:
    classifier = on(MadeUpCard(4_000_000), replace(heedful.load("demo")))
    run = heedful.corpus.run(classifier, TEXTS, "occlusion", out=tmp_path / "c", log=tmp_path / "log")
    start = json.loads((tmp_path / "log").read_text("utf-8").splitlines()[0])
    assert (start["event"], start["batch_tokens"], start["batch_length"]) == ("start", 1445, 128)
    assert run.facts["batch"] == {"n_bytes": 2_000_000, "token": 1000.0, "pair": 3.0}
    other = on(MadeUpCard(3_000_000), replace(heedful.load("demo")))
    assert in_same_room(other, tmp_path / "c") is other  # on a CPU, as it is here
    with patch.object(heedful.Classifier, "device", torch.device("cuda")):
        assert in_same_room(other, tmp_path) is other
        assert in_same_room(other, tmp_path / "c").given_room == classifier.room
    again = heedful.corpus.run(replace(other, given_room=classifier.room), TEXTS, "occlusion", out=tmp_path / "c")
    assert again.facts == run.facts
    with pytest.raises(heedful.errors.SettingError, match=r"differs in batch\.n_bytes \(2000000 there, 1500000 here\)"):
        heedful.corpus.run(other, TEXTS, "occlusion", out=tmp_path / "c")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
def test_a_real_card_is_measured_and_holds_what_was_promised() -> None:
    classifier = heedful.load("demo", device="cuda")
    room, card = classifier.room, card_of(classifier.device)
    assert room is not None
    assert isinstance(card, Cuda)
    assert 0 < room.n_bytes <= card.free()
    n = room.tokens(128) // 128
    batch = [classifier.encode("the film was good and " * 128).input_ids] * n
    assert card.peak(lambda: classifier.logits(batch)) <= room.n_bytes
