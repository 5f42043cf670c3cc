"""The Python code that gives what the page shows."""

from __future__ import annotations

from collections.abc import Sequence

from heedful.page.asked import Ask
from heedful.question import Question

_PLAIN = """\
import heedful

clf = heedful.load({model!r})
comparison = heedful.compare(
    clf,
    {text},
    {methods!r},
    target={target!r},
    output={output!r},
    unit={unit!r},
    masking={masking!r},
)
for explanation in comparison:
    print(explanation.method, explanation.top(5))
"""
_REMOVED = """\
import heedful
from heedful.explaining.answers import explain_questions
from heedful.explaining.windows import Asked
from heedful.question import Choices, ask, without

clf = heedful.load({model!r})
choices = Choices(target={target!r}, output={output!r}, unit={unit!r}, masking={masking!r})
whole = ask(clf, {text}, choices)
question = without(whole, {removed!r})  # {words}
explanations = [
    next(explain_questions([Asked.at_once(question)], heedful.methods.get(name)))
    for name in {methods!r}
]
comparison = heedful.Comparison(explanations=tuple(explanations))
for explanation in comparison:
    print(explanation.method, explanation.top(5))
"""


def _target(whole: Question) -> int | str:
    """The class's index, written "#3" where a class has a number for a name."""
    named = any(label.strip().lstrip("-").isdigit() for label in whole.classifier.labels)
    return f"#{whole.output.target}" if named else whole.output.target


def snippet(model: str, given: Ask, whole: Question, methods: Sequence[str]) -> str:
    """Return code whose `comparison` has the scores that the page shows, of all methods."""
    words = ", ".join(whole.units.strings[unit] for unit in given.removed)
    return (_REMOVED if given.removed else _PLAIN).format(
        model=model,
        text=ascii(given.text),
        methods=list(methods),
        target=_target(whole),
        output=whole.output.kind,
        unit=whole.units.kind,
        masking=whole.masking,
        removed=list(given.removed),
        words=ascii(words)[1:-1],
    )
