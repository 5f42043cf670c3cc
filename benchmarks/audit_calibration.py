"""The audit's verdict on classifiers whose answer is known by construction: how often it answers, and is right.

    python benchmarks/audit_calibration.py [--texts 200] [--truth 600] [--seeds 4] [--half tune | final | both]
        [--sampled N]

Half of the seeds were there to look at while the rule was written; the others are for the final figure only. Every
classifier is audited on `texts` texts, and its level measured on `truth` others: where that is not the level by
construction, the line says so. Effects are exact Shapley values.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import audit_classifiers as kinds
from audit_training import trained
from heedful.auditing.figures import PerText, TextFigures, text_figures
from heedful.auditing.verdict import (
    LEVELS,
    MASS_AGAINST,
    ORDERED,
    RULE,
    TOP_FOR,
    UNDECIDED,
    Verdict,
    judge,
)
from heedful.classifier import Classifier
from heedful.games import exact
from heedful.methods import PermutationShap
from heedful.question import Choices, Question, ask_all
from heedful.studies.measuring import attention_of
from heedful.support.intervals import proportion


@dataclass(frozen=True)
class Family:
    """Classifiers of one kind, and the texts they are audited on.

    Attributes:
        make: from a seed to a classifier.
        texts: from a seed and a number to texts.
        level: the verdict that is right; None: not known by construction, measured on many texts instead.
    """

    make: Callable[[int], Classifier]
    texts: Callable[[int, int], list[str]]
    level: str | None

    @property
    def number(self) -> int:
        """A number of its own, for seeds."""
        return zlib.crc32(f"{self.make.__name__} {self.texts.__name__}".encode()) % 10_000


FAMILIES = {
    "follows, one side": Family(kinds.follows, kinds.unanimous, "faithful"),
    "follows loosely, one side": Family(kinds.follows_loosely, kinds.unanimous, "faithful"),
    "follows by heads, one side": Family(kinds.follows_by_heads, kinds.unanimous, "faithful"),
    "follows, contested": Family(kinds.follows, kinds.contested, "map"),
    "follows by heads, contested": Family(kinds.follows_by_heads, kinds.contested, "map"),
    "correlated 0.9": Family(kinds.correlated, kinds.reviews, "map"),
    "leaked by attention": Family(kinds.leaked, kinds.reviews, "map"),
    "correlated 0.3": Family(kinds.weakly_correlated, kinds.reviews, "misleading"),
    "independent": Family(kinds.independent, kinds.reviews, "misleading"),
    "reversed": Family(kinds.reversed_order, kinds.reviews, "misleading"),
    "moved": Family(kinds.moved, kinds.contested, "misleading"),
    "uniform": Family(kinds.uniform, kinds.contested, "misleading"),
    "constant": Family(kinds.constant, kinds.reviews, "misleading"),
}


def _kind(name: str) -> Callable[[int], Classifier]:
    def make(seed: int) -> Classifier:
        return trained(name, seed, kinds.tokenizer())

    make.__name__ = name
    return make


# Trained. Attention supervised onto sentiment words can only be as the words are: on one side or on both. Moved off
# them while the predictions are kept, it must miss what the predictions come from. A frozen uniform one has no order.
# Random labels are learnt by values, from a start at nearly uniform attention, which a few steps leave as it is.
# What ordinary training makes of attention is known by no construction, nor how many reviews have their strongest word
# on the wrong side. And near a threshold only the measured figure says on which side of it a classifier is.
FAMILIES |= {
    "supervised, one side": Family(_kind("supervised"), kinds.unanimous, "faithful"),
    "supervised, contested": Family(_kind("supervised"), kinds.contested, "map"),
    "adversarial": Family(_kind("adversarial"), kinds.reviews, "misleading"),
    "frozen uniform": Family(_kind("frozen"), kinds.reviews, "misleading"),
    "random labels": Family(_kind("random"), kinds.reviews, "misleading"),
    "supervised": Family(_kind("supervised"), kinds.reviews, None),
    "ordinary": Family(_kind("ordinary"), kinds.reviews, None),
    "near the line: order": Family(kinds.around_order, kinds.reviews, None),
    "near the line: direction": Family(kinds.follows, kinds.mixed_sides, None),
}


@dataclass(frozen=True)
class Case:
    """One classifier: what is true, and what the audit says."""

    family: str
    truth: str
    measured: str
    verdict: Verdict
    many: PerText


def figures(classifier: Classifier, texts: list[str], permutations: int = 0) -> PerText:
    """Figures of every text, by effects on the logit difference: exact, or sampled from so many permutations."""
    questions = ask_all(classifier, texts, Choices(output="logit_difference"))
    return PerText.gather(one_text(question, permutations) for question in questions)


def one_text(question: Question, permutations: int) -> TextFigures:
    """Figures of one text."""
    game = question.ratio_game()
    attention, output = attention_of(game), question.prediction
    if not permutations:
        result = exact.shapley(game)
        return text_figures(attention, result.values, error=result.error_bound, output=output)
    method = PermutationShap(n_permutations=permutations // 2)
    one, other = (method.answer(replace(question, seed=seed)).scores for seed in (1, 2))
    return text_figures(attention, (one + other) / 2, output=output, halves=(one, other))


def level(texts: PerText) -> str:
    """The level by the figures of many texts, without intervals."""
    found = judge(texts).figures
    if found["ordered"]["value"] < ORDERED:
        return "misleading"
    direct = found["top_for"]["value"] >= TOP_FOR and found["mass_against"]["value"] <= MASS_AGAINST
    return "faithful" if direct else "map"


def case(name: str, seed: int, n: int, n_truth: int, permutations: int) -> Case:
    """Make and audit one classifier."""
    family = FAMILIES[name]
    classifier = family.make(family.number + seed)
    texts = family.texts(2 * (family.number + seed), n + n_truth)
    many = figures(classifier, texts)
    measured = level(many[slice(n, None)])
    audited = figures(classifier, texts[:n], permutations) if permutations else many[slice(n)]
    return Case(name, family.level or measured, measured, judge(audited), many)


def line(one: Case, seconds: float) -> str:
    """What is printed of a classifier."""
    shown = "  ".join(
        f"{name} {figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"
        for name in ("ordered", "top_for", "mass_against")
        for figure in [one.verdict.figures[name]]
    )
    taus = f"tau {one.verdict.figures['tau_sizes']['value']:.2f} {one.verdict.figures['tau_effects']['value']:.2f}"
    mark = "  " if one.verdict.level == one.truth else ("??" if one.verdict.level == UNDECIDED else "!!")
    note = "" if one.measured == one.truth else f"  (measured: {one.measured})"
    return f"{mark} {one.family:27} {one.truth:10} {one.verdict.level:10} {shown}  {taus}  {seconds:.1f} s{note}"


def summary(cases: list[Case], title: str) -> None:
    """Print shares and the confusion table."""
    answered = [one for one in cases if one.verdict.level != UNDECIDED]
    right = sum(one.verdict.level == one.truth for one in answered)
    print(f"\n{title}: {len(cases)} classifiers, {RULE}")
    for what, part, whole in (("answered", len(answered), len(cases)), ("right of these", right, len(answered))):
        share = proportion(part, max(whole, 1))
        print(f"  {what}: {part} of {whole} = {share.value:.1%} [{share.low:.1%}, {share.high:.1%}]")
    print(f"  {'truth':12}" + "".join(f"{level:>12}" for level in LEVELS))
    for truth in LEVELS[:3]:
        counts = Counter(one.verdict.level for one in cases if one.truth == truth)
        print(f"  {truth:12}" + "".join(f"{counts[level]:>12}" for level in LEVELS))
    families = defaultdict(list)
    for one in cases:
        families[one.family].append(one)
    print(f"  {'family':28} {'right':>6} {'wrong':>6} {'undecided':>10}")
    for name, members in families.items():
        undecided = sum(one.verdict.level == UNDECIDED for one in members)
        good = sum(one.verdict.level == one.truth for one in members)
        print(f"  {name:28} {good:>6} {len(members) - good - undecided:>6} {undecided:>10}")


def repeated(cases: list[Case], n: int) -> None:
    """Print what audits on n texts each say, as many as the texts allow."""
    answered = right = total = 0
    for one in cases:
        for start in range(0, len(one.many) - n + 1, n):
            said = judge(one.many[slice(start, start + n)]).level
            total += 1
            answered += said != UNDECIDED
            right += said == one.truth
    if not answered:
        return
    print(
        f"  audits on {n:>4} texts: {total:>5}, answered {answered / total:.1%}, right of these {right / answered:.1%}"
    )


def main() -> None:
    """Audit all classifiers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=200, help="texts of an audit")
    parser.add_argument("--truth", type=int, default=600, help="other texts, to measure the level on")
    parser.add_argument("--seeds", type=int, default=4, help="classifiers a family, half of them for the final figure")
    parser.add_argument("--sampled", type=int, default=0, help="permutations a text instead of exact effects")
    parser.add_argument("--half", choices=("tune", "final", "both"), default="both")
    parser.add_argument("--family", help="only families whose name holds this")
    chosen = parser.parse_args()
    halves: dict[str, list[Case]] = {"tune": [], "final": []}
    for name in FAMILIES:
        if chosen.family and chosen.family not in name:
            continue
        for seed in range(chosen.seeds):
            half = ("tune", "final")[seed % 2]
            if chosen.half not in (half, "both"):
                continue
            started = time.perf_counter()
            one = case(name, seed, chosen.texts, chosen.truth, chosen.sampled)
            halves[half].append(one)
            print(f"{half:5} {line(one, time.perf_counter() - started)}", flush=True)
    for half, cases in halves.items():
        known = [one for one in cases if FAMILIES[one.family].level]
        measured = [one for one in cases if not FAMILIES[one.family].level]
        for kind, members in (("known by construction", known), ("measured", measured)):
            if members:
                summary(members, f"{half} half, {kind}, {chosen.texts} texts each")
                for n in () if chosen.sampled else (50, 100, 200, 400):
                    repeated(members, n)


if __name__ == "__main__":
    main()
