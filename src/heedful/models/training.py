"""Train the paper's classifier on a data set, on transformers' Trainer: validated, stopped early, resumable."""

from __future__ import annotations

import hashlib
import json
import platform
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint

from heedful.data import Dataset, Splits
from heedful.errors import DataError, SettingError
from heedful.models.configuration import AttentionPoolingConfig
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.presets import Preset
from heedful.models.reporting import EpochReport
from heedful.models.tokenizer import SPECIAL, build_tokenizer
from heedful.support.files import failing_clearly, write_whole
from heedful.support.progress import quiet_transformers
from heedful.support.settings import check_seed

METRICS = "metrics.json"
_RUN = "run.json"
_LOCK = ".lock"
_CHECKPOINTS = "checkpoints"
_CHECKPOINT = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


@dataclass(frozen=True)
class Sizes:
    """Sizes of the model; the defaults are the paper's."""

    hidden_size: int = 128
    key_size: int = 64
    value_size: int = 64
    heads: int = 6
    max_tokens: int = 256
    normaliser: str = "softmax"
    entmax_alpha: float = 1.5


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
    when called again with the same data and settings. The caller's random state is left as it was.

    Returns:
        What stands in `metrics.json`.

    Raises:
        SettingError: `out` holds a finished model, an unfinished run of other settings or anything else, another
            process trains there, a setting is out of its range, or training diverged (nothing of it is kept).
        DataError: too few texts to hold any out, or for any word to be frequent enough.
        InputError: `out` cannot be written.
    """
    out = Path(out)
    check_seed(seed)
    run = {"preset": asdict(preset), "sizes": asdict(sizes), "seed": seed, "data": fingerprint(splits)}
    with failing_clearly(f"cannot create {out}"):
        _refuse_what_is_taken(out, run)
    fitting, validation = splits.train, splits.validation
    if validation is None:
        fitting, validation = splits.train.split(preset.validation_share, seed)
    if not len(fitting) or not len(validation):
        raise DataError(
            f"{len(splits.train)} texts are too few to hold {preset.validation_share:.0%} out for validation"
        )
    preset = preset.lengthened(len(fitting))
    started = time.perf_counter()
    with _seeded(seed), quiet_transformers():
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
        model = AttentionPoolingForSequenceClassification(_config(tokenizer, preset, sizes, fitting.label_names))
        with _taken(out, run), closing(EpochReport(shown=progress)) as report:
            callbacks = [report] if preset.keep == "last" else [EarlyStoppingCallback(preset.patience), report]
            trainer = _trainer(model, tokenizer, fitting, validation, _arguments(out, preset, seed), callbacks)
            checkpoint = _last_checkpoint(out / _CHECKPOINTS)
            with _divergence_refused(out, trainer):
                trainer.train(resume_from_checkpoint=checkpoint)
            history = [entry for entry in trainer.state.log_history if "eval_accuracy" in entry]
            metrics = run | {
                "n_train": len(fitting),
                "n_validation": len(validation),
                "vocabulary": len(tokenizer),
                "history": [{k: entry[k] for k in ("epoch", "eval_loss", "eval_accuracy")} for entry in history],
                "validation": _score(trainer, tokenizer, validation),
                "test": None if splits.test is None else _score(trainer, tokenizer, splits.test),
                "seconds": time.perf_counter() - started,
                "resumed": checkpoint is not None,
                "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {trainer.args.device.type}",
                "versions": {name: version(name) for name in ("heedful", "torch", "transformers", "tokenizers")},
            }
            _finish(out, model, tokenizer, metrics)
    return metrics


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


def _arguments(out: Path, preset: Preset, seed: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out / _CHECKPOINTS),
        num_train_epochs=preset.epochs,
        per_device_train_batch_size=preset.batch_size,
        per_device_eval_batch_size=256,
        learning_rate=preset.learning_rate,
        weight_decay=preset.weight_decay,
        max_grad_norm=0.0,
        warmup_steps=preset.warmup,
        lr_scheduler_type="linear" if preset.decay else "constant_with_warmup",
        optim="adamw_torch_fused",
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=1,
        restore_callback_states_from_checkpoint=True,  # how long early stopping has been waiting
        load_best_model_at_end=preset.keep == "best",
        metric_for_best_model="accuracy",
        greater_is_better=True,
        seed=seed,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )


def _trainer(
    model: AttentionPoolingForSequenceClassification,
    tokenizer: PreTrainedTokenizerBase,
    fitting: Dataset,
    validation: Dataset,
    arguments: TrainingArguments,
    callbacks: list[TrainerCallback],
) -> Trainer:
    trainer = Trainer(
        model=model,
        args=arguments,
        data_collator=_Collator(tokenizer.pad_token_id),
        train_dataset=_rows(tokenizer, fitting),
        eval_dataset=_rows(tokenizer, validation),
        compute_metrics=_accuracy,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _rows(tokenizer: PreTrainedTokenizerBase, data: Dataset) -> list[dict[str, Any]]:
    ids = tokenizer(list(data.texts), truncation=True, return_attention_mask=False).input_ids
    return [{"input_ids": row, "labels": int(label)} for row, label in zip(ids, data.labels, strict=True)]


@dataclass(frozen=True)
class _Collator:
    """Rows to one right-padded batch."""

    padding_id: int

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        lengths = np.array([len(row["input_ids"]) for row in rows])
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.full(mask.shape, self.padding_id, dtype=np.int64)
        ids[mask] = np.concatenate([row["input_ids"] for row in rows])
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)),
            "labels": torch.tensor([row["labels"] for row in rows]),
        }


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def _score(trainer: Trainer, tokenizer: PreTrainedTokenizerBase, data: Dataset) -> dict[str, int | float]:
    scores = trainer.evaluate(_rows(tokenizer, data))
    return {"n": len(data), "accuracy": scores["eval_accuracy"], "loss": scores["eval_loss"]}


def fingerprint(splits: Splits) -> str:
    """Short hash of all texts and labels, so that a run only resumes on its own data."""
    digest = hashlib.sha256()
    for data in (splits.train, splits.validation, splits.test):
        if data is not None:
            digest.update(data.labels.tobytes())
            for text in data.texts:
                digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(b"\1")
    return digest.hexdigest()[:16]


def _refuse_what_is_taken(out: Path, run: dict[str, Any]) -> None:
    """Let a run only into a new or empty folder, or back into its own unfinished one."""
    if (out / METRICS).exists():
        raise SettingError(f"{out} already holds a trained model: choose another folder or delete it")
    if (out / _RUN).exists():
        try:
            same = json.loads((out / _RUN).read_text("utf-8")) == json.loads(json.dumps(run))
        except ValueError:
            same = False
        if not same:
            raise SettingError(
                f"{out} holds an unfinished run with other data or settings: choose another folder or delete it"
            )
    elif out.exists() and (not out.is_dir() or any(path.name != _LOCK for path in out.iterdir())):
        raise SettingError(f"{out} is not an empty folder: choose another")


@contextmanager
def _taken(out: Path, run: dict[str, Any]) -> Iterator[None]:
    """Make the folder, keep other processes out of it and write down whose it is; a kill lets them in again."""
    lock = FileLock(out / _LOCK, timeout=0)
    with failing_clearly(f"cannot create {out}"):
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise SettingError(f"another process trains in {out}: wait for it, or choose another folder") from None
    try:
        _refuse_what_is_taken(out, run)  # by now another process may have finished
        write_whole(out / _RUN, json.dumps(run, indent=2))
        yield
    finally:
        lock.release()
        if not (out / _RUN).exists():  # nothing to go on from
            (out / _LOCK).unlink(missing_ok=True)


def _last_checkpoint(folder: Path) -> str | None:
    """The last checkpoint that was written to its end; what a kill has left half-written is deleted."""
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))  # the last file to be written
            complete = all((checkpoint / name).exists() for name in _CHECKPOINT)
        except (OSError, ValueError):
            complete = False
        if not complete:
            shutil.rmtree(checkpoint)
    return get_last_checkpoint(str(folder))


@contextmanager
def _divergence_refused(out: Path, trainer: Trainer) -> Iterator[None]:
    """Drop a run that has left the finite numbers: there is nothing in it to go on from."""
    try:
        yield
    except RuntimeError:  # of normalisers that cannot sort NaN
        if _is_finite(trainer):
            raise
    if not _is_finite(trainer):
        shutil.rmtree(out / _CHECKPOINTS, ignore_errors=True)
        (out / _RUN).unlink()
        raise SettingError(f"training diverged at learning rate {trainer.args.learning_rate:g}: use a smaller one")


def _is_finite(trainer: Trainer) -> bool:
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    return bool(np.isfinite(losses).all()) and all(weights.isfinite().all() for weights in trainer.model.parameters())


def _finish(
    out: Path,
    model: AttentionPoolingForSequenceClassification,
    tokenizer: PreTrainedTokenizerBase,
    metrics: dict[str, Any],
) -> None:
    """Write the model, then the metrics that mark it as finished, then drop what was only needed to resume."""
    model.eval().save_pretrained(out)
    tokenizer.save_pretrained(out)
    write_whole(out / METRICS, json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    shutil.rmtree(out / _CHECKPOINTS, ignore_errors=True)
    (out / _RUN).unlink()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Python, NumPy and torch inside; give the caller's states back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the state Trainer seeds
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
