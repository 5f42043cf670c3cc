"""The checks of a whole model as parts of an audit: made once, kept, and said in words where they cannot be made."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest

import heedful
from heedful.auditing.audit import CHECKS
from heedful.auditing.checks import run as checking
from heedful.auditing.given import GivenScores
from heedful.auditing.result import Audit
from heedful.errors import SettingError

REVIEWS = heedful.planted.as_dataset(heedful.planted.generate(45, seed=3))


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Path]:
    folder = tmp_path_factory.mktemp("audits") / "audit"
    return audit(folder), folder


def audit(folder: Path | None, **settings: object) -> Audit:
    methods = ["attention-mean", "occlusion", "random"]
    return heedful.audit("demo", REVIEWS, methods, ["kendall"], out=folder, **settings)


def test_every_check_is_in_the_json_and_the_report(audited: tuple[Audit, Path]) -> None:
    result, folder = audited
    checks = json.loads((folder / "audit.json").read_text("utf-8"))["checks"]
    assert tuple(checks) == CHECKS
    page = (folder / "report.md").read_text("utf-8")
    for check in checks.values():
        assert f"## {check['title']}" in page
        assert check["rows"]
        assert {*check["columns"]} <= {*check["rows"][0]}
    flagged = {row["method"] for row in result.content["checks"]["sanity"]["rows"] if row["unchanged"]}
    assert flagged == {"attention-mean", "random"}


def test_attention_on_trial_takes_the_effects_that_the_verdict_is_made_of(audited: tuple[Audit, Path]) -> None:
    result, _ = audited
    figures = {row["figure"]: row for row in result.content["checks"]["attention"]["rows"]}
    (top,) = [row for name, row in figures.items() if name == "top_against"]
    assert top["value"] == pytest.approx(result.verdict["figures"]["top_against"]["value"])
    assert top["n"] == len(REVIEWS)


def test_what_is_kept_is_not_checked_again_unless_it_depends_on_something_else(tmp_path: Path) -> None:
    def again(**more: object) -> list[str]:
        result = audit(tmp_path / "audit", checks=["shortcuts"], limit=10, **more)
        sentences: list[str] = result.content["checks"]["shortcuts"]["sentences"]
        return sentences

    made = again()
    with patch.object(checking, "shortcuts_check", side_effect=SettingError("again")):
        assert again() == made
        assert again(train=REVIEWS) == ["Not done: again."]
    assert again(train=REVIEWS) == made  # a failure is not kept


def test_a_check_that_cannot_be_made_says_why_and_the_others_are_made() -> None:
    with patch.object(checking, "sanity_check", side_effect=SettingError("no weights here")):
        result = audit(None, checks=["sanity", "shortcuts"], limit=6)
    checks = result.content["checks"]
    assert checks["sanity"]["sentences"] == ["Not done: no weights here."]
    assert "Not done" not in "".join(checks["shortcuts"]["sentences"])


def test_an_error_of_a_library_costs_the_check_and_not_the_audit() -> None:
    with patch.object(checking, "sanity_check", side_effect=RuntimeError("out of memory\nmore")):
        result = audit(None, checks=["sanity"], limit=3)
    assert result.content["checks"]["sanity"]["sentences"] == ["Not done: RuntimeError: out of memory."]


def test_scores_of_another_tool_do_not_follow_the_model_and_are_not_tried_for_sanity() -> None:
    texts = list(REVIEWS.texts[:9])
    given = GivenScores.of([heedful.explain("demo", text, "occlusion") for text in texts], name="theirs", texts=texts)
    result = heedful.audit("demo", texts, ["occlusion", given], ["kendall"], checks=["sanity"])
    assert {row["method"] for row in result.content["checks"]["sanity"]["rows"]} == {"occlusion", "random"}
    table = {row["method"]: row["value"] for row in result.table("kendall")}
    assert table["theirs"] == table["occlusion"]


def test_an_unknown_check_is_one_line() -> None:
    with pytest.raises(SettingError, match="did you mean sanity"):
        audit(None, checks=["sanety"])


def test_a_function_has_no_weights_to_be_made_random() -> None:
    def shouting(texts: list[str]) -> list[list[float]]:
        return [[0.9, 0.1] if "!" in text else [0.2, 0.8] for text in texts]

    texts = ["what a day!", "a quiet day in the sun", "no noise at all", "so much noise! so much"]
    loud = heedful.load(shouting, labels=["loud", "quiet"])
    result = heedful.audit(loud, texts, ["occlusion", "random"], ["deletion"])
    assert "Not done" in result.content["checks"]["attention"]["sentences"][0]
    rows = result.content["checks"]["sanity"]["rows"]
    assert {row["test"] for row in rows if row["reason"] is None} <= {"target"}
