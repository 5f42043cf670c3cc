"""The work of an audit in pieces, a method on some texts each: kept when done, and chosen where time is short."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from heedful.auditing.price import Price
from heedful.auditing.rows import (
    METHOD,
    REVERSED,
    SCORED,
    TRIED_AGAIN,
    Plan,
    Row,
    Text,
    corpus_rows,
    explained,
    judged,
    with_scores,
)
from heedful.auditing.trial import tried
from heedful.classifier import Classifier
from heedful.corpus.table import SCORES
from heedful.explaining.answers import REFUSALS
from heedful.question import Question, ask_all
from heedful.runs.stamp import digest
from heedful.support.files import write_whole
from heedful.support.progress import meter

TRIAL = "attention on trial"  # the piece of work that the verdict comes from, beside those of methods
FIGURES = ("ordered", "top_for", "mass_against")
CHUNK = 32  # texts in a piece


@dataclass(frozen=True)
class Piece:
    """A method, or the trial, on the texts of one chunk."""

    chunk: int
    name: str


@dataclass
class Work:
    """Everything that is to be measured, in pieces; those that are kept are not measured again.

    Attributes:
        classifier: the classifier.
        texts: in the order in which they are taken: a random one, so that whatever is done is a fair sample.
        plan: methods, metrics and choices.
        price: what a text costs.
        folder: where pieces are kept; None: nowhere.
        clock: gives seconds.
        done: the rows of pieces that are done.
        explained: the explanations of methods' pieces that are done, of `heedful.auditing.rows.corpus_rows`.
        seconds: what they took.
        budget: seconds that it had when it was last run; None: no limit.
        problems: why the classifier fails on texts, and the places of these.
    """

    classifier: Classifier
    texts: Sequence[Text]
    plan: Plan
    price: Price
    folder: Path | None = None
    clock: Callable[[], float] = time.monotonic
    done: dict[Piece, list[Row]] = field(default_factory=dict)
    explained: dict[Piece, list[Row]] = field(default_factory=dict)
    seconds: float = 0.0
    problems: dict[str, set[str]] = field(default_factory=dict)
    budget: float | None = None
    _asked: tuple[int, list[Text], list[Question]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of methods, and of the trial."""
        return (*self.plan.methods, TRIAL)

    def pieces(self) -> list[Piece]:
        """Return all pieces, chunk by chunk."""
        return [Piece(chunk, name) for chunk in range(math.ceil(len(self.texts) / CHUNK)) for name in self.names]

    def run(self, budget: float | None = None, *, progress: bool = False) -> None:
        """Do all pieces, or as many as the budget has time for: those of the first chunk, then where it says most.

        Args:
            budget: seconds; None: no limit.
            progress: show progress on stderr, with the time that is left.
        """
        started = self.clock()
        self.budget = budget
        open_pieces = [piece for piece in self.pieces() if not self._recall(piece)]
        total = sum(map(self._expected, open_pieces)) if budget is None else budget
        with meter("auditing", total, shown=progress) as advance:
            for piece in self._next(open_pieces, budget, started):
                before = self.clock()
                self._do(piece)
                advance(self._expected(piece) if budget is None else self.clock() - before)

    def rows(self) -> list[Row]:
        """Return the rows of methods, text by text, the methods in the plan's order and the reversed one last."""
        order = {name: i for i, name in enumerate((*self.plan.methods, REVERSED))}
        rows = (row for piece, rows in self.done.items() if piece.name != TRIAL for row in rows)
        return sorted(rows, key=lambda row: (row["index"], order[row["method"]]))

    def trial(self) -> list[Row]:
        """Return the rows of the trial, text by text."""
        rows = (row for piece, rows in self.done.items() if piece.name == TRIAL for row in rows)
        return sorted(rows, key=lambda row: row["index"])

    def _next(self, pieces: list[Piece], budget: float | None, started: float) -> Iterator[Piece]:
        if budget is None:
            yield from pieces
            return
        first = [piece for piece in pieces if piece.chunk == 0]
        yield from first
        left = [piece for piece in pieces if piece.chunk > 0]
        while left:
            remaining = budget - (self.clock() - started)
            heads = {piece.name: piece for piece in reversed(left)}  # of each name, the first that is left
            fitting = [piece for piece in heads.values() if self._expected(piece) <= remaining]
            if not fitting:
                return
            widths = self.widths()
            chosen = max(fitting, key=lambda piece: widths.get(piece.name, 0.0))
            left.remove(chosen)
            yield chosen

    def widths(self) -> dict[str, float]:
        """Return how wide the intervals of a method's figures are, on average, each in units of its spread over texts.

        A spread is that over all texts and methods, so that figures on different scales count alike.
        """
        rows: dict[str, list[Row]] = {}
        for piece, some in self.done.items():
            rows.setdefault(piece.name, []).extend(some)
        methods = {name: some for name, some in rows.items() if name != TRIAL}
        widths = _relative_widths(methods, tuple(self.plan.metrics))
        return widths | _relative_widths({TRIAL: rows.get(TRIAL, [])}, FIGURES)

    def _expected(self, piece: Piece) -> float:
        """What a piece is expected to take."""
        return len(self._chunk(piece.chunk)) * self.price.seconds(piece.name)

    def _chunk(self, chunk: int) -> Sequence[Text]:
        return self.texts[chunk * CHUNK : (chunk + 1) * CHUNK]

    def _questions(self, chunk: int) -> tuple[list[Text], list[Question]]:
        """The questions about a chunk, shared by its pieces: what one has asked the classifier, the next need not.

        A text that the classifier fails on is left out, and named among the problems.
        """
        if self._asked is None or self._asked[0] != chunk:
            texts = self._chunk(chunk)
            try:
                self._asked = (chunk, [*texts], self._ask(texts))
            except REFUSALS:
                self._asked = (chunk, *self._one_by_one(texts))
        return self._asked[1:]

    def _ask(self, texts: Sequence[Text]) -> list[Question]:
        return ask_all(self.classifier, [text.text for text in texts], self.plan.choices)

    def _one_by_one(self, texts: Sequence[Text]) -> tuple[list[Text], list[Question]]:
        able, questions = list[Text](), list[Question]()
        for text in texts:
            try:
                questions += self._ask([text])
                able.append(text)
            except REFUSALS as error:
                self.problems.setdefault(str(error), set()).add(text.place)
        return able, questions

    def _do(self, piece: Piece) -> None:
        started = self.clock()
        texts, questions = self._questions(piece.chunk)
        explanations: list[Row] = []
        if piece.name == TRIAL:
            rows = tried(self.classifier, texts, questions, self.plan)
        else:
            method = self.plan.methods[piece.name]
            each = explained(questions, method)
            scored = judged(questions, texts, each, piece.name, self.plan)
            rows = [{key: value for key, value in row.items() if key not in SCORED} for row in scored]
            explanations = corpus_rows(self.classifier, questions, texts, each, method)
        failed = len(texts) < len(self._chunk(piece.chunk)) or any(row["error_kind"] == TRIED_AGAIN for row in rows)
        kept = {"name": piece.name, "seconds": self.clock() - started, "rows": rows, "explained": explanations}
        if self.folder is not None and not failed:  # what failed is tried again when the audit goes on
            write_whole(self._path(self.folder, piece), json.dumps(kept, ensure_ascii=False) + "\n")
        self._take(piece, kept)

    def _recall(self, piece: Piece) -> bool:
        if self.folder is None or not self._path(self.folder, piece).is_file():
            return False
        self._take(piece, json.loads(self._path(self.folder, piece).read_text("utf-8")))
        return True

    def _take(self, piece: Piece, kept: dict[str, Any]) -> None:
        rows: list[Row] = kept["rows"]
        if piece.name != TRIAL:
            self.explained[piece] = kept["explained"]
            scored = {
                (row["row"], piece.name): (row["units"], row[f"{METHOD}_{SCORES}"]) for row in self.explained[piece]
            }
            rows = with_scores(rows, scored, self.plan.against)
        self.done[piece] = rows
        self.seconds += kept["seconds"]

    @staticmethod
    def _path(folder: Path, piece: Piece) -> Path:
        """By the name and not its place, as methods may come in another order next time."""
        return folder / f"{piece.chunk:06d}-{digest(piece.name)[:12]}.json"


def _relative_widths(rows: Mapping[str, Sequence[Row]], figures: Sequence[str]) -> dict[str, float]:
    """Mean over figures of a mean's standard error, as a share of the figure's spread over all rows."""
    values = {
        figure: {name: np.array([row[figure] for row in some], dtype=np.float64) for name, some in rows.items()}
        for figure in figures
    }
    widths: dict[str, list[float]] = {name: [] for name in rows}
    for by_name in values.values():
        spread = _spread(np.concatenate([*by_name.values()]))
        for name, one in by_name.items():
            n = int(np.isfinite(one).sum())
            if n > 1:
                widths[name].append(_spread(one) / math.sqrt(n) / spread if spread > 0 else 0.0)
    return {name: float(np.mean(some)) for name, some in widths.items() if some}


def _spread(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if len(known) > 1 else 0.0
