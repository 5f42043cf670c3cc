"""Forward passes shared between texts: a method answers many questions at once, whose masked texts share batches.

A method that needs outputs only evaluates masks now and then, and computes in between. Here each question is answered
on a thread of its own, as by itself, until it asks for forward passes (see `heedful.support.turns`). Once enough
questions ask, what they ask for runs as one, on the caller's thread: so only that one touches the model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from heedful.classifier.batching import Run, SharedBatches, result_of
from heedful.methods.base import Answer, Method
from heedful.question import Question
from heedful.support.locks import holding
from heedful.support.memory import memory_limit
from heedful.support.turns import Turn, close

MOST = 64  # questions that are answered at once: each takes a thread
_FULL = 16  # batches' worth of tokens that are asked for: enough to fill batches of similar length
_SHARE = 0.1  # of the memory there is, that the methods may hold meanwhile


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a question.

    Attributes:
        result: the answer, or why there is none.
        seconds: the time it took: of what several questions share, by their tokens.
    """

    result: Answer | Exception
    seconds: float

    @property
    def answer(self) -> Answer:
        """The answer; raises why there is none."""
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def shares(method: Method, question: Question) -> bool:
    """Tell whether a method that answers such questions together fills batches better.

    Not so where every text must run alone, on look-up tables, and for methods that have an `answers` of their own.
    """
    classifier = question.classifier
    paper_model, sharing = classifier.paper_model, classifier.sharing
    return (
        method.card.access == "outputs"
        and type(method).answers is Method.answers
        and (paper_model is None or paper_model.config.normaliser != "softmax")
        and sharing.texts
        and sharing.repeats
    )


def outcomes(method: Method, questions: Sequence[Question]) -> Generator[Outcome, None, None]:
    """Yield the outcome of each question, in order: an error is that of its question alone.

    Scores are those each question gets by itself but for rounding, `n_forward` is the same, and so are all bits of two
    such calls.
    """
    # whoever keeps others out of the model would wait for them here
    if len(questions) < 2 or holding() or not all(shares(method, question) for question in questions):
        for question in questions:
            started = perf_counter()
            result: Answer | Exception = result_of(partial(method.answer, question))
            yield Outcome(result, perf_counter() - started)
        return
    yield from _Together(method, questions).outcomes()


class _Together:
    """Questions that are answered at once: new ones begin as long as too little is asked for to fill batches."""

    def __init__(self, method: Method, questions: Sequence[Question]) -> None:
        self._method, self._waiting = method, deque(questions)
        self._turns: deque[Turn[Answer]] = deque()  # in the questions' order, from the first without an outcome on
        self._batches, self._room = SharedBatches(), _SHARE * memory_limit()
        self._forward_seconds: dict[Turn[Answer], float] = {}

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Yield them in order, as soon as they are there."""
        try:
            while self._waiting or self._turns:
                self._begin()
                self._go_on()
                while self._turns and self._turns[0].ended:
                    yield self._outcome(self._turns.popleft())
        finally:
            close(self._turns)

    @property
    def _asking(self) -> list[Turn[Answer]]:
        return [turn for turn in self._turns if not turn.ended]

    def _begin(self) -> None:
        while self._waiting and self._has_room():
            question = self._waiting.popleft()
            turn = Turn(partial(self._method.answer, question))
            self._turns.append(turn)
            turn.start()

    def _has_room(self) -> bool:
        asking = self._asking
        if len(asking) >= MOST or sum(turn.n_bytes for turn in asking) > self._room:
            return False
        runs = [turn.request for turn in asking if isinstance(turn.request, Run)]
        return sum(map(_batches_worth, runs)) < _FULL

    def _go_on(self) -> None:
        """Give everyone what they ask for, and let them go on until they ask again."""
        asking, replies = self._asking, dict[Turn[Answer], object]()
        runs = {turn: turn.request for turn in asking if isinstance(turn.request, Run)}
        for turn in asking:
            if turn not in runs and turn.request is not None:
                started = perf_counter()
                replies[turn] = result_of(turn.request)
                self._count(turn, perf_counter() - started)
        started = perf_counter()
        replies |= zip(runs, self._batches.run([*runs.values()]), strict=True)
        seconds, n_tokens = perf_counter() - started, sum(int(run.lengths.sum()) for run in runs.values())
        for turn, run in runs.items():
            self._count(turn, seconds * int(run.lengths.sum()) / max(1, n_tokens))
        for turn in asking:
            turn.reply(replies[turn])

    def _count(self, turn: Turn[Answer], seconds: float) -> None:
        self._forward_seconds[turn] = self._forward_seconds.get(turn, 0.0) + seconds

    def _outcome(self, turn: Turn[Answer]) -> Outcome:
        seconds = turn.seconds + self._forward_seconds.pop(turn, 0.0)
        return Outcome(result_of(turn.result), seconds)


def _batches_worth(run: Run) -> float:
    """How many full batches a call's tokens come to."""
    return int(run.lengths.sum()) / run.batches.most(int(run.lengths.max(initial=1)))
