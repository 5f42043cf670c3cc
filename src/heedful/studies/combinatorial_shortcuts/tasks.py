"""A data set of the study, and its texts as selectors take them: token ids, and what the black box says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from heedful.classifier import Classifier
from heedful.data import Dataset
from heedful.remedies.shortcuts import Texts
from heedful.studies.run import Run
from heedful.text.encoding import Encoded

if TYPE_CHECKING:
    from heedful.studies.combinatorial_shortcuts.settings import Numbers

PLANTED = "planted"
Answers = Int64[np.ndarray, " texts"]


@dataclass(frozen=True)
class Task:
    """A data set.

    Attributes:
        name: key of the data, of the black box, and name of the folder it is read from.
        title: what the report calls it.
        n_train, n_test: texts.
        tokens: how many of a text are read, `[CLS]` among them.
        k: words that a selector may take.
        built_in: planted reviews, of which it is known which words speak for the label.
    """

    name: str
    title: str
    n_train: int
    n_test: int
    tokens: int
    k: int
    built_in: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """The training or the test texts of a task.

    Attributes:
        texts: ids, and the answers of the black box as labels.
        labels: the labels of the data set.
        reasons: which tokens are planted words for the label; None where nothing is planted.
    """

    texts: Texts
    labels: Answers
    reasons: Bool[np.ndarray, "texts tokens"] | None

    def with_labels(self) -> Texts:
        """Return the texts with the labels of the data set in place of the black box's answers."""
        return Texts(self.texts.ids, self.texts.attended, torch.from_numpy(self.labels.copy()))


def part(task: Task, black_box: Classifier, data: Dataset) -> Part:
    """Return texts as the black box reads them, with its answers.

    Raises:
        TextError: a text is blank.
    """
    encoded = black_box.encode_all(data.texts)
    ids = np.full((len(data), task.tokens), black_box.tokenizer.pad_token_id, dtype=np.int64)
    attended = np.zeros(ids.shape, dtype=np.bool_)
    for i, one in enumerate(encoded):
        ids[i, : len(one)] = one.input_ids
        attended[i, : len(one)] = [span is not None for span in one.offsets]
    answers = black_box.logits_of_all(encoded).argmax(1)
    texts = Texts(torch.from_numpy(ids), torch.from_numpy(attended), torch.from_numpy(answers))
    return Part(texts, data.labels, reasons(task, encoded, data) if task.built_in else None)


def reasons(task: Task, encoded: Sequence[Encoded], data: Dataset) -> Bool[np.ndarray, "texts tokens"]:
    """Return which tokens are planted words that speak for the label."""
    result = np.zeros((len(data), task.tokens), dtype=np.bool_)
    for i, (one, rationale) in enumerate(zip(encoded, data.rationales or (), strict=True)):
        assert rationale is not None  # noqa: S101 - planted reviews have one each
        assert rationale.roles is not None  # noqa: S101
        roles = zip(map(tuple, rationale.spans.tolist()), rationale.roles, strict=True)
        spans = {span for span, role in roles if role == "for"}
        result[i, : len(one)] = [span in spans for span in one.offsets]
    return result


def parts(run: Run[Numbers], task: Task) -> tuple[Part, Part]:
    """Return the training and the test texts."""
    black_box, splits = run.classifier(task.name), run.data[task.name]
    assert splits.test is not None  # noqa: S101 - the study's data has seen to it
    return part(task, black_box, splits.train), part(task, black_box, splits.test)


def shown_to(black_box: Classifier, texts: Texts, chosen: Float[torch.Tensor, "texts tokens"]) -> Answers:
    """Return what the black box says of texts all of whose words are unknown but for the chosen ones."""
    unknown = black_box.replacement_id("unk")
    assert unknown is not None  # noqa: S101 - words are replaced
    ids = torch.where(texts.attended & ~chosen.bool(), unknown, texts.ids).numpy()
    lengths = [int(places.nonzero()[0][-1]) + 1 for places in texts.attended.numpy()]
    return black_box.logits([row[:n] for row, n in zip(ids, lengths, strict=True)]).argmax(1)
