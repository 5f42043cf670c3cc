"""Train the paper's classifier on a data set, on transformers' Trainer: validated, stopped early, resumable."""

from __future__ import annotations

import hashlib
import math
import platform
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Lt
from transformers import EarlyStoppingCallback, PreTrainedModel, PreTrainedTokenizerBase, Trainer

from heedful.data import Dataset, Splits
from heedful.errors import DataError, SettingError
from heedful.models.configuration import NORMALISERS, AttentionPoolingConfig
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.presets import Preset
from heedful.models.reporting import EpochReport
from heedful.models.saving import save
from heedful.models.tokenizer import SPECIAL, build_tokenizer
from heedful.models.trainer import arguments, last_checkpoint, rows, trainer
from heedful.runs.folder import RunFolder
from heedful.support.kinds import OneOf
from heedful.support.memory import memory_limit, out_of_memory
from heedful.support.progress import quiet_transformers
from heedful.support.settings import check_seed, check_settings

METRICS = "metrics.json"
_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Sizes:
    """Sizes of the model; the defaults are the paper's.

    Raises:
        SettingError: a value is of another type than its annotation says, or out of its bounds.
    """

    hidden_size: Annotated[int, Ge(1)] = 128
    key_size: Annotated[int, Ge(1)] = 64
    value_size: Annotated[int, Ge(1)] = 64
    heads: Annotated[int, Ge(1)] = 6
    max_tokens: Annotated[int, Ge(1)] = 256
    normaliser: Annotated[str, OneOf(NORMALISERS)] = "softmax"
    entmax_alpha: Annotated[float, Ge(1), Lt(math.inf)] = 1.5

    def __post_init__(self) -> None:
        check_settings(self)


def run_folder(out: str | Path, identity: dict[str, Any]) -> RunFolder:
    """Return the folder of a training run, of whatever kind of model.

    Args:
        out: its path.
        identity: what makes two runs the same.

    Raises:
        SettingError: the path is empty.
    """
    if out == "":
        raise SettingError("name the folder for the model: got an empty name")
    within = (_CHECKPOINTS,)
    return RunFolder(Path(out), identity, METRICS, "a trained model", parts=within, temporary=within)


def train(
    splits: Splits,
    out: str | Path,
    preset: Preset,
    *,
    sizes: Sizes = Sizes(),
    seed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Train on `splits.train`, keep the epoch that the preset says, and test it if there is a test split.

    Writes the model, its tokenizer and `metrics.json` into `out`. A run that was killed goes on from its last epoch
    when called again with the same data and settings; one that has ended is not done again. The caller's random state
    is left as it was.

    Returns:
        What stands in `metrics.json`.

    Raises:
        SettingError: `out` holds another run's model, an unfinished run of other settings or anything else, another
            process trains there, a setting is out of its range, the model does not fit into memory, or training
            diverged (nothing of it is kept).
        DataError: too few texts to hold any out, or for any word to be frequent enough.
        InputError: `out` cannot be written; what stands there already is kept to go on from.
    """
    check_seed(seed)
    identity = {"preset": asdict(preset), "sizes": asdict(sizes), "seed": seed, "data": fingerprint(splits)}
    run = run_folder(out, identity)
    if (metrics := run.finished()) is not None:
        return metrics
    fitting, validation = splits.train, splits.validation
    if validation is None:
        fitting, validation = splits.train.split(preset.validation_share, seed)
    if not len(fitting) or not len(validation):
        raise DataError(
            f"{len(splits.train)} texts are too few to hold {preset.validation_share:.0%} out for validation"
        )
    preset = preset.lengthened(len(fitting))
    started = time.perf_counter()
    with seeded(seed), quiet_transformers(), _fitting_into_memory():
        tokenizer = _tokenizer(fitting, preset, sizes)
        config = _config(tokenizer, preset, sizes, fitting.label_names)
        _check_memory(config, preset.batch_size)
        model = AttentionPoolingForSequenceClassification(config)
        with run.claimed() as metrics, closing(EpochReport(shown=progress)) as report:
            if metrics is not None:
                return metrics
            callbacks = [report] if preset.keep == "last" else [EarlyStoppingCallback(preset.patience), report]
            checkpoints = run.path / _CHECKPOINTS
            fit = trainer(model, tokenizer, fitting, validation, arguments(checkpoints, preset, seed), callbacks)
            checkpoint = last_checkpoint(checkpoints)
            with _divergence_refused(run, fit):
                fit.train(resume_from_checkpoint=checkpoint)
            history = [entry for entry in fit.state.log_history if "eval_accuracy" in entry]
            told = {
                "n_train": len(fitting),
                "n_validation": len(validation),
                "vocabulary": len(tokenizer),
                "history": [{k: entry[k] for k in ("epoch", "eval_loss", "eval_accuracy")} for entry in history],
                "validation": _score(fit, tokenizer, validation),
                "test": None if splits.test is None else _score(fit, tokenizer, splits.test),
                "seconds": time.perf_counter() - started,
                "resumed": checkpoint is not None,
                "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {fit.args.device.type}",
                "versions": {name: version(name) for name in ("heedful", "torch", "transformers", "tokenizers")},
            }
            return finish(run, model, tokenizer, told)


def finish(
    run: RunFolder, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, told: dict[str, Any]
) -> dict[str, Any]:
    """Write a trained model, then the metrics that end its run; return these.

    Raises:
        InputError: something cannot be written.
    """
    save(model, tokenizer, run.path, run.path / _CHECKPOINTS / "trained")
    return run.finish(told)


def _tokenizer(fitting: Dataset, preset: Preset, sizes: Sizes) -> PreTrainedTokenizerBase:
    tokenizer = build_tokenizer(
        fitting.texts,
        max_vocabulary=preset.max_vocabulary,
        min_frequency=preset.min_frequency,
        max_length=sizes.max_tokens,
        truncation_side=preset.truncation_side,
        pad_with_unknown=preset.attend_padding,
    )
    if len(tokenizer) == len(SPECIAL):
        often = f"no word occurs {preset.min_frequency} times in the {len(fitting)} training texts"
        raise DataError(f"{often}: more texts are needed")
    return tokenizer


def _config(
    tokenizer: PreTrainedTokenizerBase, preset: Preset, sizes: Sizes, label_names: Sequence[str]
) -> AttentionPoolingConfig:
    return AttentionPoolingConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.hidden_size,
        key_size=sizes.key_size,
        value_size=sizes.value_size,
        num_attention_heads=sizes.heads,
        max_position_embeddings=sizes.max_tokens,
        normaliser=sizes.normaliser,
        entmax_alpha=sizes.entmax_alpha,
        attend_padding=preset.attend_padding,
        word_dropout=preset.word_dropout,
        position_scale=preset.position_scale,
        initializer_range=preset.initializer_range,
        pad_token_id=tokenizer.pad_token_id,
        unk_token_id=tokenizer.unk_token_id,
        cls_token_id=tokenizer.cls_token_id,
        mask_token_id=tokenizer.mask_token_id,
        id2label=dict(enumerate(label_names)),
        label2id={name: i for i, name in enumerate(label_names)},
    )


def _score(fit: Trainer, tokenizer: PreTrainedTokenizerBase, data: Dataset) -> dict[str, int | float]:
    scores = fit.evaluate(rows(tokenizer, data))
    return {"n": len(data), "accuracy": scores["eval_accuracy"], "loss": scores["eval_loss"]}


def fingerprint(splits: Splits) -> str:
    """Return a short hash of all texts, labels and their names, so that a run only goes on with its own data."""
    digest = hashlib.sha256(repr(splits.train.label_names).encode("utf-8", "backslashreplace"))
    for data in (splits.train, splits.validation, splits.test):
        if data is not None:
            digest.update(data.labels.tobytes())
            for text in data.texts:
                digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(b"\1")
    return digest.hexdigest()[:16]


def _check_memory(config: AttentionPoolingConfig, batch_size: int) -> None:
    """Refuse a model whose weights, gradients, AdamW's two moments and one batch do not fit, before it is made."""
    heads, d_e = config.num_attention_heads, config.hidden_size
    weights = config.vocab_size * d_e + heads * (2 * config.key_size + config.value_size) * d_e
    scores = batch_size * config.max_position_embeddings * heads * (1 + config.num_labels)  # of one batch
    needed = 4 * (4 * weights + config.max_position_embeddings * d_e + 4 * scores)  # in single precision
    if needed > (limit := memory_limit()):
        raise SettingError(
            f"training {heads} heads of these sizes takes {needed / 2**30:,.0f} GiB of memory, and there are "
            f"{limit / 2**30:,.0f}: use fewer heads, or a smaller model or batch"
        )


@contextmanager
def _fitting_into_memory() -> Iterator[None]:
    """Refuse what turns out not to fit, all the same."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not out_of_memory(error):
            raise
        raise SettingError("training does not fit into memory: use fewer heads, or a smaller model or batch") from None


@contextmanager
def _divergence_refused(run: RunFolder, fit: Trainer) -> Iterator[None]:
    """Drop a run that has left the finite numbers: there is nothing in it to go on from."""
    try:
        yield
    except RuntimeError:  # of normalisers that cannot sort NaN
        if _is_finite(fit):
            raise
    if not _is_finite(fit):
        run.abandon()
        raise SettingError(f"training diverged at learning rate {fit.args.learning_rate:g}: use a smaller one")


def _is_finite(fit: Trainer) -> bool:
    losses = [entry["eval_loss"] for entry in fit.state.log_history if "eval_loss" in entry]
    return bool(np.isfinite(losses).all()) and all(weights.isfinite().all() for weights in fit.model.parameters())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Python, NumPy and torch inside; give the caller's states back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state Trainer seeds
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
