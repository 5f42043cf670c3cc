"""What an audit costs before it starts: forward passes and seconds a text, measured on one text of middling length."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from heedful.auditing.given import GivenScores
from heedful.auditing.rows import Plan, Text, explained, measured
from heedful.auditing.trial import tried
from heedful.classifier import Classifier
from heedful.explaining.answers import Refusal
from heedful.explanation import Explanation
from heedful.methods.base import Method
from heedful.question import ask_all
from heedful.support.counts import count
from heedful.support.durations import duration

_TRIED = 4  # further texts, from the shortest on, before a method is left out


@dataclass(frozen=True)
class Price:
    """What every piece of work costs a text.

    Attributes:
        of_text: by the name of a method, or of the trial: (forward passes, seconds), metrics included in seconds.
        n_texts: how many texts there are.
    """

    of_text: Mapping[str, tuple[float, float]]
    n_texts: int

    def seconds(self, name: str) -> float:
        """Return the seconds a text that a piece of work is expected to take."""
        return self.of_text[name][1]

    def total(self) -> float:
        """Return the seconds for all texts."""
        return self.n_texts * sum(seconds for _, seconds in self.of_text.values())

    def rows(self) -> list[dict[str, float | str]]:
        """Return a row a piece of work: forward passes and seconds for all texts."""
        return [
            {"name": name, "n_forward": forwards * self.n_texts, "seconds": seconds * self.n_texts}
            for name, (forwards, seconds) in self.of_text.items()
        ]

    def __str__(self) -> str:
        """Return the price in one line."""
        rows = self.rows()
        total = self.total()
        dearest = max(rows, key=lambda row: float(row["seconds"]))
        share = float(dearest["seconds"]) / total if total else 0.0
        forwards = sum(float(row["n_forward"]) for row in rows)
        return (
            f"{count(self.n_texts, 'text')}, {count(len(rows) - 1, 'method')}: about {forwards:,.0f} forward passes "
            f"for explanations, and {duration(total)} with metrics ({dearest['name']}: {share:.0%})"
        )


def priced(classifier: Classifier, texts: Sequence[Text], plan: Plan, trial: str) -> tuple[Plan, dict[str, str], Price]:
    """Try every method and metric on the text of median length; a method that refuses it, on a few others too.

    What is tried for the first time prepares tables and compiles loops, so it is the second time that is measured.

    Args:
        classifier: the classifier.
        texts: texts that can be explained.
        plan: with all methods that are wanted.
        trial: name of the piece of work that the verdict comes from.

    Returns:
        The plan with the methods that answer; why the others do not; the price.
    """
    by_length = sorted(texts, key=lambda text: len(text.text))
    text = by_length[len(texts) // 2]
    others = by_length[:: max(1, len(texts) // _TRIED)]
    refused: dict[str, str] = {}
    for name, method in plan.methods.items():
        if isinstance(method, GivenScores):  # of some texts there may be scores, whatever it says of these
            continue
        answers = (_answer(classifier, one, method, plan) for one in (text, *others))
        first = next(answers)
        if not isinstance(first, Explanation) and not any(isinstance(answer, Explanation) for answer in answers):
            refused[name] = str(first)
    plan = replace(plan, methods={name: one for name, one in plan.methods.items() if name not in refused})
    of_text = {name: _twice(classifier, text, name, plan) for name in (*plan.methods, trial)}
    return plan, refused, Price(of_text, len(texts))


def _answer(classifier: Classifier, text: Text, method: Method, plan: Plan) -> Explanation | Refusal:
    return explained(ask_all(classifier, [text.text], plan.choices), method)[0]


def _twice(classifier: Classifier, text: Text, name: str, plan: Plan) -> tuple[float, float]:
    """Forward passes and seconds of a piece of work on one text, the second time."""
    for _ in range(2):
        started = time.perf_counter()
        questions = ask_all(classifier, [text.text], plan.choices)
        if name in plan.methods:
            rows = [*measured(questions, [text], name, plan)]
        else:
            rows = tried(classifier, [text], questions, plan)
    return float(rows[0]["n_forward"]), time.perf_counter() - started
