"""One data set, optimiser and seed: every arm is trained, and its answers and maps are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float

from heedful.models.tokenizer import SPECIAL, build_tokenizer
from heedful.models.training import seeded
from heedful.remedies.repulsion import map_similarity
from heedful.studies.measuring import Row, seed_of, table
from heedful.studies.repulsive_attention.hops import Hops, Words, looked, train
from heedful.studies.repulsive_attention.present import KEYS
from heedful.studies.run import Run

if TYPE_CHECKING:
    from heedful.studies.repulsive_attention.settings import Numbers, Task


def table_name(task: Task, optimiser: str, number: int) -> str:
    """Return the name of the table, and the stage, of a data set, optimiser and seed."""
    return f"cell.{task.name}.{optimiser}.{number}"


def stage(task: Task, optimiser: str, number: int, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train all arms from one beginning, on the same batches."""
    numbers, splits, rows = run.settings, run.data[task.name], list[Row]()
    assert splits.test is not None  # noqa: S101 - the study's data has seen to it
    tokenizer = build_tokenizer(splits.train.texts, min_frequency=2, max_length=task.tokens + 1)
    fitting, held = (words(tokenizer, part.texts, part.labels, task.tokens) for part in (splits.train, splits.test))
    classes, seed = len(splits.train.label_names), seed_of(run.seed, number)
    keys = [tokenizer.convert_tokens_to_ids(word) for word in KEYS] if task.planted else []
    for arm in run.track(numbers.arms, f"{task.name}, {optimiser}, seed {number}"):
        with seeded(seed):
            model = Hops(len(tokenizer), classes, numbers.fit)
        train(model, fitting, arm, optimiser, numbers.fit, seed)
        answers, maps = looked(model, held)
        key = {"data": task.name, "optimiser": optimiser, "arm": arm.name, "seed": number}
        for i, (answer, one) in enumerate(zip(answers, maps, strict=True)):
            row = {
                "text": i,
                "right": bool(answer == held.labels[i]),
                "similarity": float(map_similarity(one[None])),
                "covered": covered(one, held.ids[i], keys),
            }
            rows.append(key | row)
    return {table_name(task, optimiser, number): table(rows)}


def words(tokenizer: object, texts: Sequence[str], labels: np.ndarray, tokens: int) -> Words:
    """Return texts as word numbers; a text without any word is one unknown word."""
    unknown, special = tokenizer.unk_token_id, len(SPECIAL)  # type: ignore[attr-defined]
    every = tokenizer(list(texts), truncation=True, add_special_tokens=False).input_ids  # type: ignore[operator]
    ids = np.zeros((len(texts), tokens), dtype=np.int64)
    for i, one in enumerate(every):
        kept = one[:tokens] or [unknown]
        ids[i, : len(kept)] = kept
    assert special > unknown > 0  # noqa: S101 - 0 is padding
    return Words(torch.from_numpy(ids), torch.from_numpy(ids > 0), torch.from_numpy(labels.copy()))


def covered(maps: Float[torch.Tensor, "hops tokens"], ids: torch.Tensor, keys: Sequence[int]) -> float:
    """Return how many of some words are the most attended one of a hop; not-a-number without any words.

    Example:
        >>> covered(torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.0, 0.1, 0.9]]), torch.tensor([5, 6, 7]), [5, 6])
        1.0
    """
    if not keys:
        return float("nan")
    return float(len({int(ids[place]) for place in maps.argmax(1)} & set(keys)))
