"""One classifier measured: a row a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from transformers import PreTrainedModel

from heedful.classifier.pretrained import from_pretrained
from heedful.data import Dataset
from heedful.errors import DataError
from heedful.metrics import kendall_tau_b
from heedful.studies.measuring import Row, seed_of, table
from heedful.studies.run import Run
from heedful.studies.sparse_attention.looking import Ids, Look, Pool, Vector, entropy, flips, look, pool
from heedful.studies.sparse_attention.recipe import CONTROL, Pooled
from heedful.studies.sparse_attention.shapley import shapley

if TYPE_CHECKING:
    from heedful.studies.sparse_attention.settings import Numbers

SHAPLEY = ("shapley_size", "shapley")
IMPORTANCES = ("input", "state", "left_out", *SHAPLEY)
_LEAST = 3  # words of a text that is measured


def sample(data: Dataset, n: int, seed: int) -> list[int]:
    """Return the places of n texts drawn by a seed, in their order: the same ones for every classifier on the data.

    Raises:
        DataError: there are none of at least three words.
    """
    long = [i for i, text in enumerate(data.texts) if len(text.split()) >= _LEAST]
    if not long:
        raise DataError(f"{data.source}: no test text has {_LEAST} words")
    chosen = np.random.default_rng(seed).permutation(long)[:n]
    return sorted(int(i) for i in chosen)


def stage(recipe: Pooled, run: Run[Numbers]) -> Mapping[str, pa.Table]:
    """Train a classifier, and measure it on some texts of the test part.

    Returns:
        Under the recipe's name one row a text: see `measured`; in front of it encoder, scorer, alpha and so on of the
        recipe, accuracy and n_test.
    """
    folder = run.folder / "models" / recipe.name
    splits, numbers = run.data[recipe.data], run.settings
    test = recipe.train(splits, folder, run.seed, progress=run.progress)["test"]
    classifier = from_pretrained(folder, name=recipe.name)
    model, unknown = classifier.model.double(), int(classifier.tokenizer.unk_token_id)
    told = {
        name: value for name, value in asdict(recipe).items() if name in ("data", "encoder", "scorer", "alpha", "nth")
    }
    told |= {"accuracy": test["accuracy"], "n_test": test["n"]}
    data, rows = splits.test or splits.train, []
    for k, place in enumerate(sample(data, numbers.texts, run.seed)):
        ids = classifier.encode(data.texts[place]).input_ids
        seen = look(model, ids, unknown)
        if seen.is_word.sum() < _LEAST:
            continue
        phi, error = None, float("nan")
        if recipe.encoder in CONTROL and k < numbers.shapley_texts:
            phi, error = shapley(
                seen, unknown_pool(model, ids, seen, unknown), numbers.n_permutations, seed_of(run.seed, place)
            )
        rows.append(told | {"text": place} | measured(seen, phi) | {"shapley_error": error})
    return {recipe.name: table(rows)}


def unknown_pool(model: PreTrainedModel, ids: Ids, seen: Look, unknown: int) -> Pool:
    """The pool of the text with every word unknown."""
    return pool(model, np.where(seen.is_word, unknown, ids))


def measured(seen: Look, phi: Vector | None) -> Row:
    """Attention beside the importance of words.

    Args:
        seen: the text.
        phi: Shapley values of its words; None where they are not known.

    Returns:
        n_words, support (words with a weight above 0), on_words (weight on all words together); attention_entropy,
        input_entropy, left_out_entropy (see `entropy`); input_state: tau-b of the gradients by inputs and by states;
        for each of input, state, left_out, shapley_size (of the values' sizes) and shapley: its tau-b with attention
        over all words, and NAME_support over those in the support; flip_most, flip_other, flip_attended (see `Flips`).
    """
    attention, nothing = seen.attention, np.full(len(seen.attention), np.nan)
    support = attention > 0
    by = {"input": seen.by_input, "state": seen.by_state, "left_out": seen.left_out}
    by |= {"shapley_size": nothing if phi is None else np.abs(phi), "shapley": nothing if phi is None else phi}
    changed = flips(seen)
    return {
        "n_words": len(attention),
        "support": int(support.sum()),
        "on_words": float(attention.sum()),
        "attention_entropy": entropy(attention),
        "input_entropy": entropy(seen.by_input),
        "left_out_entropy": entropy(seen.left_out),
        "input_state": kendall_tau_b(seen.by_input, seen.by_state),
        **{name: kendall_tau_b(attention, scores) for name, scores in by.items()},
        **{f"{name}_support": kendall_tau_b(attention[support], scores[support]) for name, scores in by.items()},
        "flip_most": changed.most,
        "flip_other": changed.other,
        "flip_attended": changed.other_attended,
    }
