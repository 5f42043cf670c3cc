"""The study of combinatorial shortcuts: its figures by hand, its texts, and what its stages depend on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import heedful
from factory import make_classifier
from heedful.data import Dataset, planted
from heedful.errors import DataError
from heedful.remedies.shortcuts import Texts
from heedful.runs.imports import Sources
from heedful.studies import find
from heedful.studies.combinatorial_shortcuts import existence, selectors, settings
from heedful.studies.combinatorial_shortcuts.sections import verdict
from heedful.studies.combinatorial_shortcuts.tasks import Part, Task, part, shown_to
from heedful.studies.measuring import table

TASK = Task("planted", "planted reviews", 40, 20, tokens=48, k=2, built_in=True)


def arm(how: str, seed: int, right: list[bool], values: str = "positions") -> list[dict]:
    labels = [0, 0, 0, 1, 1]
    key = {"data": "d", "attention": "softmax", "values": values, "how": how, "seed": seed}
    return [key | {"text": i, "label": labels[i], "right": one} for i, one in enumerate(right)]


def test_existence_by_hand() -> None:
    measured = table(
        [
            *arm("trained", 0, [True, True, True, True, False]),
            *arm("trained", 1, [True, True, False, False, False]),
            *arm("random", 0, [True, False, True, False, False]),
            *arm("random", 1, [True, True, False, False, False]),
        ]
    )
    rows = existence.summary(measured).to_pylist()
    assert [(row["how"], row["accuracy"], row["least"], row["most"]) for row in rows] == [
        ("trained", pytest.approx(0.6), 0.4, 0.8),
        ("random", pytest.approx(0.4), 0.4, 0.4),
    ]
    assert rows[0]["commonest"] == 0.6
    assert rows[0]["over_commonest"] == pytest.approx(0.0)
    assert rows[0]["over_commonest_low"] == pytest.approx(rows[0]["accuracy_low"] - 0.6)
    (gain,) = existence.gain(measured).to_pylist()
    assert gain["gain"] == pytest.approx(0.2)
    assert gain["gain_n"] == 5


def chosen(training: str, both: float, evaluator: float, recall: float) -> list[dict]:
    figures = dict.fromkeys(("black_box", "reader", "pattern", "positions"), 0.5)
    return [
        {"data": "d", "training": training, "seed": seed, "text": text, "evaluator": evaluator, "both": both + shift}
        | figures
        | {"recall": recall}
        for seed, shift in ((0, 0.05), (1, -0.05))
        for text in range(4)
    ]


def test_repairs_by_hand() -> None:
    measured = table(
        [
            *chosen("random", 0.5, 0.55, 0.1),
            *chosen("joint", 0.9, 0.80, 0.4),
            *chosen("frozen", 0.6, 0.85, 0.7),
            *chosen("weighted", 0.8, 0.75, math.nan),
        ]
    )
    rows = {row["training"]: row for row in selectors.repairs(measured).to_pylist()}
    assert rows["joint"]["leak"] == pytest.approx(0.4)
    assert rows["frozen"]["leak"] == pytest.approx(0.1)
    assert rows["frozen"]["excess"] == pytest.approx(0.1 - 0.2)
    assert rows["weighted"]["excess"] == pytest.approx(0.3 - 0.2)
    assert (rows["frozen"]["fidelity"], rows["frozen"]["recall"]) == (pytest.approx(0.05), pytest.approx(0.3))
    assert rows["weighted"]["recall"] is None
    summary = {row["training"]: row for row in selectors.summary(measured).to_pylist()}
    assert summary["joint"]["both"] == pytest.approx(0.9)
    assert (summary["joint"]["both_least"], summary["joint"]["both_most"]) == (
        pytest.approx(0.85), pytest.approx(0.95)
    )  # fmt: skip
    assert (summary["joint"]["seeds"], summary["joint"]["texts"]) == (2, 4)


@pytest.mark.parametrize(
    ("excess", "fidelity", "expected"),
    [
        ((-0.2, -0.1), (-0.01, 0.02), "confirmed"),
        ((-0.2, -0.1), (-0.05, 0.02), "not settled"),
        ((0.01, 0.1), (-0.01, 0.02), "refuted"),
        ((-0.2, -0.1), (-0.09, -0.03), "refuted"),
    ],
)
def test_a_repair_is_judged_as_a_whole(excess: tuple, fidelity: tuple, expected: str) -> None:
    ends = dict(zip(("excess_low", "excess_high", "fidelity_low", "fidelity_high"), (*excess, *fidelity), strict=True))
    assert verdict(ends) == expected


def test_texts_are_those_of_the_black_box_and_reasons_are_the_planted_words() -> None:
    reviews = planted.generate(12, 3)
    data = planted.as_dataset(reviews)
    box = make_classifier(max_position_embeddings=TASK.tokens)
    made = part(TASK, box, data)
    for i, review in enumerate(reviews):
        encoded = box.encode(review.text)
        length = len(encoded)
        assert made.texts.ids[i, :length].tolist() == encoded.input_ids.tolist()
        assert not made.texts.attended[i, length:].any()
        assert not made.texts.attended[i, 0]  # [CLS] stays, whatever is chosen
        taken = [review.text[slice(*encoded.offsets[t])] for t in np.flatnonzero(made.reasons[i])]
        last = max(span[1] for span in encoded.offsets if span)
        roles = zip(review.spans, review.roles, strict=True)
        assert taken == [review.text[a:b] for (a, b), role in roles if role == "for" and b <= last]
    assert made.texts.labels.tolist() == box.logits_of_all(box.encode_all(data.texts)).argmax(1).tolist()
    assert made.with_labels().labels.tolist() == data.labels.tolist()


def test_the_black_box_sees_the_chosen_words_alone() -> None:
    box = make_classifier()
    data = Dataset(("the plot was good", "a dull film"), np.array([1, 0]), ("no", "yes"), "here")
    texts = part(Task("d", "d", 2, 2, tokens=8, k=1), box, data).texts
    everything, nothing = texts.attended.float(), torch.zeros(texts.ids.shape)
    assert shown_to(box, texts, everything).tolist() == texts.labels.tolist()
    unknown = [
        np.where(row.attended[0].numpy(), box.replacement_id("unk"), row.ids[0].numpy())[:n]
        for row, n in ((texts[0:1], 5), (texts[1:2], 4))
    ]
    assert shown_to(box, texts, nothing).tolist() == box.logits(unknown).argmax(1).tolist()


def test_recall_counts_what_there_was_room_for() -> None:
    words = np.array([[True, True, False, False], [True, False, False, False], [True, True, True, True]])
    reasons = np.array([[True, False, True, True], [False, False, False, False], [True, True, True, False]])
    taken = selectors.shares_taken(words, reasons, 2)
    assert taken[[0, 2]].tolist() == [0.5, 1.5]  # a choice of more than k words is nobody's
    assert math.isnan(taken[1])
    texts = Texts(torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.bool), torch.tensor([0, 1]))
    wrong = Part(texts, np.array([0, 0]), np.ones((2, 3), dtype=np.bool_))
    result = selectors.recall(torch.tensor([[1.0, 0.0, 0.0]] * 2), wrong, 1)
    assert result[0] == 1.0
    assert math.isnan(result[1])  # the black box gives another label: the planted reasons are not its own


def test_a_choice_that_tells_the_answer_is_seen_by_both_probes() -> None:
    labels = torch.arange(80) % 2
    masks = torch.zeros(80, 20)
    masks[torch.arange(80), 3 + 10 * labels] = 1.0
    texts = Texts(torch.ones(80, 20, dtype=torch.long), torch.ones(80, 20, dtype=torch.bool), labels)
    result = selectors.leaks(masks, Part(texts, labels.numpy(), None), seed=0)
    assert {name: float(one.mean()) for name, one in result.items()} == {"pattern": 1.0, "positions": 1.0, "both": 1.0}
    shuffled = masks[torch.randperm(80, generator=torch.Generator().manual_seed(0))]
    told = selectors.leaks(shuffled, Part(texts, labels.numpy(), None), seed=0)["both"].mean()
    assert abs(told - 0.5) < 0.25


def test_data_sets_are_asked_for() -> None:
    with pytest.raises(DataError, match="give --data FOLDER, with folders imdb and ag_news"):
        settings.data(settings.FULL, None, 0)
    with pytest.raises(DataError, match="give --data or --quick, not both"):
        settings.data(settings.QUICK, Path("here"), 0)
    with pytest.raises(DataError, match="no folder imdb there"):
        settings.data(settings.FULL, Path("nowhere"), 0)
    quick = settings.data(settings.QUICK, None, 0)["planted"]
    assert (len(quick.train), len(quick.test)) == (1500, 500)
    assert not set(quick.train.texts) & set(quick.test.texts)


def test_what_the_stages_depend_on() -> None:
    study = find("combinatorial-shortcuts")
    stages = {stage.name: stage for stage in study.stages(study.full)}
    package = Path(heedful.__file__).parent
    for name in ("existence-imdb", "selectors.ag_news.2"):
        reached = {path.relative_to(package).as_posix() for path in Sources().closure(*stages[name].files)}
        assert {"remedies/shortcuts.py", "studies/combinatorial_shortcuts/tasks.py"} <= reached
        assert not {"studies/combinatorial_shortcuts/figures.py", "render/style.py", "methods/lime.py"} & reached
    assert set(stages["claims"].needs) < set(stages)
