"""The audit: rows of every text and method, tables with intervals, and runs that go on."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import heedful
from heedful import data
from heedful.auditing import report, trial
from heedful.auditing import work as working
from heedful.auditing.difference import difference
from heedful.auditing.result import Audit, read
from heedful.auditing.rows import REVERSED, upside_down
from heedful.errors import DataError, SettingError
from heedful.methods.base import Answer
from heedful.methods.occlusion import Occlusion
from heedful.metrics import Card
from heedful.metrics.base import Metric
from heedful.question import Question
from unchecked import call

TEXTS = [review.text for review in heedful.planted.generate(12, seed=3)]
METHODS = ["attention-mean", "occlusion", "shapley-exact", "random"]


@pytest.fixture(scope="module")
def classifier() -> heedful.Classifier:
    return heedful.load("demo")


def audited(classifier: heedful.Classifier, texts: list[str] = TEXTS, **settings: object) -> Audit:
    return heedful.audit(classifier, texts, METHODS, ["kendall", "sign-agreement"], **{"checks": []} | settings)


def test_a_row_a_text_and_method_the_reversed_one_last(classifier: heedful.Classifier) -> None:
    result = audited(classifier)
    assert [row["method"] for row in result.rows] == [*METHODS, REVERSED] * len(TEXTS)
    assert len(result.trial) == len(TEXTS)
    for row in result.rows:
        assert len(row["scores"]) == len(row["units"]) == row["n_units"]


def test_scores_are_those_of_explain(classifier: heedful.Classifier) -> None:
    for row, text in zip(audited(classifier).rows[1 :: len(METHODS) + 1], TEXTS, strict=True):
        explanation = heedful.explain(classifier, text, "occlusion")
        assert row["scores"] == pytest.approx(explanation.scores.tolist(), rel=1e-12)


def test_exact_values_are_unbeaten_reversed_ones_last_and_random_ones_at_chance(classifier: heedful.Classifier) -> None:
    table = {row["method"]: row for row in audited(classifier).table("kendall")}
    assert table["shapley-exact"]["value"] == pytest.approx(1.0)
    assert min(table, key=lambda name: table[name]["value"]) == REVERSED
    chance = table["random"]
    assert abs(chance["value"]) < 2 * (chance["value_high"] - chance["value_low"])  # about eight standard errors
    assert table["occlusion"]["p"] < 0.05
    assert math.isnan(table["random"]["p"])


def test_equal_audits_are_equal_and_the_order_of_the_texts_changes_no_row(classifier: heedful.Classifier) -> None:
    one, other = audited(classifier), audited(classifier)
    assert without_seconds(one.to_dict()) == without_seconds(other.to_dict())
    turned = audited(classifier, TEXTS[::-1])
    signs = [row["kendall"] for row in turned.rows if row["method"] == "occlusion"]
    assert signs[::-1] == pytest.approx([row["kendall"] for row in one.rows if row["method"] == "occlusion"])


def without_seconds(content: dict) -> dict:
    """What does not change with the time things take."""
    content = {name: value for name, value in content.items() if name not in ("choice", "choice_sentences", "price")}
    costs = [row | {"seconds": 0} for row in content["costs"]]
    return content | {"costs": costs, "facts": content["facts"] | {"seconds": 0}}


def test_texts_that_cannot_be_audited_are_counted_with_their_places(classifier: heedful.Classifier) -> None:
    result = audited(classifier, [*TEXTS[:3], "", TEXTS[3], "xyzzy"])
    assert sorted(place for places in result.problems.values() for place in places) == ["text 3", "text 5"]
    assert result.facts["n_texts"] == 4
    with pytest.raises(DataError, match="none of 2 texts can be audited: the text is empty"):
        audited(classifier, ["", " "])


def test_methods_that_cannot_answer_are_left_out_and_named() -> None:
    import zoo

    bert = zoo.make("bert")
    result = heedful.audit(
        bert,
        ["the plot was not good", "a dull film but good acting"],
        ["attention-mean", "shapley-exact", "occlusion"],
        ["kendall:reference=occlusion"],
    )
    assert [*result.refused] == ["shapley-exact"]
    assert "use the sampled methods" in result.refused["shapley-exact"]
    assert {row["method"] for row in result.cells} == {"attention-mean", "occlusion", "random", REVERSED}
    assert not any(math.isnan(row["halves"]) for row in result.trial)


def test_a_folder_holds_rows_report_and_json(classifier: heedful.Classifier, tmp_path: Path) -> None:
    result = audited(classifier, out=tmp_path / "audit")
    content = read(tmp_path / "audit")
    assert content == json.loads(result.to_json())
    table = pq.read_table(tmp_path / "audit" / "rows.parquet")
    assert table.num_rows == len(result.rows)
    page = (tmp_path / "audit" / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", page)  # nothing is fetched


def test_an_interrupted_audit_goes_on_to_the_same_tables(classifier: heedful.Classifier, tmp_path: Path) -> None:
    with patch.object(working, "CHUNK", 4):
        expected = audited(classifier)
        n_pieces = 3 * (len(METHODS) + 1)
        calls = []

        def tried(*args: object) -> object:
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return trial.tried(*args)

        with patch.object(working, "tried", tried), pytest.raises(KeyboardInterrupt):
            audited(classifier, out=tmp_path / "audit")
        assert len([*(tmp_path / "audit" / "rows").iterdir()]) == n_pieces - 1
        with patch.object(working, "tried", wraps=trial.tried) as again:
            result = audited(classifier, out=tmp_path / "audit")
        assert again.call_count == 1
    assert without_seconds(result.to_dict()) == without_seconds(expected.to_dict())
    with pytest.raises(SettingError, match=r"holds a run that differs in n_texts \(12 there, 5 here\), data"):
        audited(classifier, TEXTS[:5], out=tmp_path / "audit")


def test_a_data_set_brings_labels_and_a_limit_draws_by_the_seed(classifier: heedful.Classifier) -> None:
    reviews = heedful.planted.as_dataset(heedful.planted.generate(30, seed=5))
    result = heedful.audit(classifier, reviews, METHODS, ["kendall"], checks=[], limit=8, seed=1)
    assert result.facts["n_texts"] == 8
    assert all(row["label"] in reviews.label_names for row in result.rows)
    places = [row["place"] for row in result.rows]
    same, other = (
        [row["place"] for row in audited(classifier, reviews, limit=8, seed=seed).rows]
        for seed in (1, 2)
    )  # fmt: skip
    assert places == same != other


def test_rows_of_a_table_keep_their_places(classifier: heedful.Classifier, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("review\n" + "\n".join([TEXTS[0], "", TEXTS[1]]) + "\n", "utf-8")
    (tmp_path / "more.tsv").write_text(f"review\tn\n{TEXTS[0]}\t1\n\t2\n", "utf-8")
    result = audited(classifier, data.read_texts(tmp_path / "more.tsv"))
    assert (result.rows[0]["place"], result.problems) == (
        "line 2",
        {"the text ('review') is missing or blank": ["line 3"]},
    )


def test_reversed_scores_are_the_same_numbers_in_the_opposite_order(classifier: heedful.Classifier) -> None:
    explanation = heedful.explain(classifier, TEXTS[0], "occlusion")
    scores = upside_down(explanation).scores
    assert sorted(scores) == sorted(explanation.scores)
    assert np.argmax(scores) == np.argmin(explanation.scores)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": ["attenton-mean"]}, "did you mean attention-mean"),
        ({"metrics": ["kendal"]}, "did you mean kendall"),
        ({"methods": "lime"}, "give a list of names"),
        ({"methods": []}, "at least one method"),
        ({"limit": 0}, "limit must be"),
        ({"unit": "words"}, "unknown unit"),
        ({"methods": ["lime", "LIME"]}, "'lime' is there twice"),
        ({"metrics": ["kendall", "tau-b"]}, "'kendall' is there twice"),
    ],
)
def test_bad_settings_are_one_line_before_anything_is_measured(settings: dict, message: str) -> None:
    arguments = {"methods": METHODS, "metrics": ["kendall"]} | settings
    with pytest.raises(SettingError, match=message):
        heedful.audit("demo", TEXTS, **arguments)


def test_random_and_reversed_scores_stand_in_every_table_and_names_are_those_on_the_cards() -> None:
    result = heedful.audit("demo", TEXTS[:2], ["alpha-avg", "lime:n_samples=100"], ["Kendall"], checks=[])
    names = [row["method"] for row in result.table("kendall")]
    assert names == ["attention-mean", "lime:n_samples=100", "occlusion", "random", REVERSED]


def test_what_is_no_text_is_a_problem_and_a_path_is_refused(classifier: heedful.Classifier) -> None:
    result = call(heedful.audit, classifier, [TEXTS[0], None, float("nan")], ["random"], ["kendall"], checks=[])
    assert result.problems == {"this is NoneType, not a text": ["text 1"], "this is float, not a text": ["text 2"]}
    with pytest.raises(SettingError, match="read_usable"):
        heedful.audit("demo", "reviews.csv")


def test_a_text_that_the_classifier_fails_on_is_named_and_tried_again(tmp_path: Path) -> None:
    failing = {TEXTS[1]}

    def function(texts: list[str]) -> list[list[float]]:
        return [[float("nan")] * 2 if one in failing else [0.3, 0.7] for one in texts]

    def run() -> Audit:
        classifier = heedful.load(function, labels=["a", "b"])
        return heedful.audit(classifier, TEXTS[:3], ["occlusion"], ["deletion"], checks=[], out=tmp_path / "audit")

    result = run()
    assert [*result.problems.values()] == [["text 1"]]
    assert {row["place"] for row in result.rows} == {"text 0", "text 2"}
    failing.clear()
    assert {row["place"] for row in run().rows} == {"text 0", "text 1", "text 2"}


def test_methods_in_another_order_go_on_with_their_own_rows(classifier: heedful.Classifier, tmp_path: Path) -> None:
    one = audited(classifier, out=tmp_path / "audit")
    names = METHODS[::-1]
    other = heedful.audit(classifier, TEXTS, names, ["kendall", "sign-agreement"], checks=[], out=tmp_path / "audit")
    pick = [{row["method"]: row["value"] for row in result.table("kendall")} for result in (one, other)]
    assert pick[0] == pick[1]


def test_other_labels_or_another_order_of_the_texts_is_another_audit(tmp_path: Path) -> None:
    reviews = heedful.planted.as_dataset(heedful.planted.generate(4, seed=5))
    heedful.audit("demo", reviews, ["random"], ["kendall"], checks=[], out=tmp_path / "audit")
    turned = [
        data.Dataset(reviews.texts, 1 - reviews.labels, reviews.label_names, "here"),
        reviews.subset([1, 0, 2, 3]),
    ]
    for other in turned:
        with pytest.raises(SettingError, match="holds a run that differs in"):
            heedful.audit("demo", other, ["random"], ["kendall"], checks=[], out=tmp_path / "audit")


def test_a_metric_of_ones_own_need_not_be_registered() -> None:
    @dataclasses.dataclass(frozen=True)
    class Largest(Metric):
        card = Card(name="largest", direction="higher", range=(0.0, math.inf), source="here", cost="none")

        def measure(self, question: Question, explanation: heedful.Explanation) -> float:
            return float(explanation.scores.max())

    result = heedful.audit("demo", TEXTS[:3], ["random"], [Largest(), "deletion"], checks=[])
    assert result.table("largest")[0]["n"] == 3
    assert ">largest</h2>" in result.to_html()


def test_classes_that_do_not_exclude_each_other_have_a_verdict_and_no_single_right_answer() -> None:
    import zoo

    classifier = zoo.make("bert", problem_type="multi_label_classification")
    result = heedful.audit(classifier, TEXTS[:2], ["attention-mean"], ["deletion"], checks=[])
    assert [row["error"] for row in result.trial] == [None, None]
    assert {row["correct"] for row in result.rows} == {None}


def test_two_audits_are_compared_text_by_text(
    classifier: heedful.Classifier, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    audited(classifier, out=tmp_path / "one")
    audited(classifier, [*TEXTS[3:], *TEXTS[:2]], out=tmp_path / "two", seed=1)
    result = difference(tmp_path / "one", tmp_path / "two")
    assert result.n_texts == len(TEXTS) - 1
    cells = {row["method"]: row for row in result.cells if row["metric"] == "kendall"}
    assert cells["occlusion"]["difference"] == 0
    assert cells["occlusion"]["first"] == cells["occlusion"]["second"]
    assert cells["random"]["difference"] != 0
    code, out, _ = run("audit", "diff", str(tmp_path / "one"), str(tmp_path / "two"), "--json")
    assert code == 0
    assert json.loads(out)["n_texts"] == result.n_texts
    code, out, _ = run("audit", "diff", str(tmp_path / "one"), str(tmp_path / "two"))
    first, second, _, *lines = out.splitlines()
    assert (str(tmp_path / "one") in first, str(tmp_path / "two") in second) == (True, True)
    assert any("  occlusion  " in line and line.endswith("  the same in every text") for line in lines)
    assert "nan" not in out
    with pytest.raises(SettingError, match="holds no finished audit"):
        difference(tmp_path / "one", tmp_path)


def test_another_model_of_the_same_name_does_not_go_on(classifier: heedful.Classifier, tmp_path: Path) -> None:
    audited(classifier, out=tmp_path / "audit")
    other = heedful.Classifier(copy.deepcopy(classifier.model), classifier.tokenizer, classifier.name)
    with torch.no_grad():
        other.model.readout.mul_(1.5)
    with pytest.raises(SettingError, match="holds a run that differs in first_logits"):
        audited(other, out=tmp_path / "audit")


def test_attention_is_tried_whether_or_not_it_is_among_the_methods(classifier: heedful.Classifier) -> None:
    result = heedful.audit(classifier, TEXTS, ["occlusion", "random"], ["kendall"], checks=[])
    assert result.verdict == audited(classifier).verdict
    assert len(result.trial) == len(TEXTS)


def test_a_classifier_without_attention_has_no_verdict_and_says_why() -> None:
    def shouting(texts: list[str]) -> list[list[float]]:
        return [[0.9, 0.1] if "!" in text else [0.2, 0.8] for text in texts]

    classifier = heedful.load(shouting, labels=["loud", "quiet"])
    result = heedful.audit(classifier, ["What a day!", "a quiet day"], ["occlusion"], ["comprehensiveness"], checks=[])
    assert result.verdict["level"] == "undecided"
    assert result.verdict["sentences"][0].startswith("There is no verdict on attention: ")
    assert [row["error"] is None for row in result.trial] == [False, False]


def test_a_method_that_refuses_one_text_goes_on_with_the_others(classifier: heedful.Classifier) -> None:
    class Choosy(Occlusion):
        card = dataclasses.replace(Occlusion.card, name="choosy", aliases=())

        def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
            for question in questions:
                if question.encoded.text == TEXTS[1]:
                    raise SettingError("not this one")
                yield from super().answers([question])

    result = heedful.audit(classifier, TEXTS[:4], [Choosy(), "random"], ["kendall"], checks=[])
    rows = [row for row in result.rows if row["method"] == "choosy"]
    assert [row["error"] for row in rows] == [None, "not this one", None, None]
    assert [math.isnan(row["kendall"]) for row in rows] == [False, True, False, False]
    assert result.content["missing"] == [{"name": "choosy", "reason": "not this one", "n": 1}]
    table = {row["method"]: row["n"] for row in result.table("kendall")}
    assert table == {"choosy": 3, "random": 4, "occlusion": 4, REVERSED: 4}


def test_why_a_metric_says_nothing_stands_in_the_result(classifier: heedful.Classifier) -> None:
    result = heedful.audit(classifier, TEXTS[:3], ["occlusion"], ["token-f1"], checks=[])
    (reason,) = result.content["missing"]
    assert (reason["name"], reason["n"]) == ("token-f1", 9)  # of occlusion, random and reversed
    assert "needs a rationale" in reason["reason"]


def test_labels_that_are_no_class_are_counted_and_their_texts_audited(classifier: heedful.Classifier) -> None:
    texts, names = tuple(TEXTS[:3]), ("negative", "odd", "positive")
    result = audited(classifier, data.Dataset(texts, np.array([0, 1, 2]), names, "here"))
    (reason,) = result.content["problems"]
    assert "'odd' is no class of the model" in reason
    assert result.content["problems"][reason] == ["text 1"]
    assert result.facts["n_audited"] == 3
    assert result.content["accuracy"]["n"] == 2


def test_a_budget_measures_the_first_texts_and_then_where_intervals_are_widest(classifier: heedful.Classifier) -> None:
    with patch.object(working, "CHUNK", 2):
        everything = audited(classifier)
        result = audited(classifier, budget=1e-3)
        assert result.facts["n_audited"] == 2
        assert len(result.trial) == 2
        assert without_seconds(audited(classifier, budget="1h").to_dict()) == without_seconds(everything.to_dict())


def test_everything_in_the_report_regenerates_from_the_json(classifier: heedful.Classifier, tmp_path: Path) -> None:
    audited(classifier, out=tmp_path / "audit")
    again = report.write(read(tmp_path / "audit"), tmp_path / "again")
    assert again.read_text("utf-8") == (tmp_path / "audit" / "report.html").read_text("utf-8")
    assert Audit.read(tmp_path / "audit").to_html() == again.read_text("utf-8")
