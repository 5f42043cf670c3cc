"""How the paper's classifier is set before transformers' Trainer: arguments, batches, and checkpoints to go on from."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint

from heedful.data import Dataset
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.models.presets import Preset
from heedful.models.saving import writing_clearly

_CHECKPOINT = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def arguments(folder: Path, preset: Preset, seed: int) -> TrainingArguments:
    """Return the Trainer's arguments for a preset, with checkpoints in `folder`."""
    return TrainingArguments(
        output_dir=str(folder),
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


def trainer(
    model: AttentionPoolingForSequenceClassification,
    tokenizer: PreTrainedTokenizerBase,
    fitting: Dataset,
    validation: Dataset,
    settings: TrainingArguments,
    callbacks: list[TrainerCallback],
) -> Trainer:
    """Return a Trainer that fits on one data set and is validated on another after every epoch."""
    made = _ClearTrainer(
        model=model,
        args=settings,
        data_collator=_Collator(tokenizer.pad_token_id),
        train_dataset=rows(tokenizer, fitting),
        eval_dataset=rows(tokenizer, validation),
        compute_metrics=_accuracy,
        callbacks=[_BestCheckpoint(), *callbacks],
    )
    made.remove_callback(PrinterCallback)
    return made


def last_checkpoint(folder: Path) -> str | None:
    """Find the last checkpoint that was written to its end; what a kill has left half-written is deleted."""
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))  # the last file to be written
            complete = all((checkpoint / name).exists() for name in _CHECKPOINT)
        except (OSError, ValueError):
            complete = False
        if not complete:
            shutil.rmtree(checkpoint)
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


def rows(tokenizer: PreTrainedTokenizerBase, data: Dataset) -> list[dict[str, Any]]:
    """Return texts as token ids, with their labels."""
    ids = tokenizer(list(data.texts), truncation=True, return_attention_mask=False).input_ids
    return [{"input_ids": row, "labels": int(label)} for row, label in zip(ids, data.labels, strict=True)]


class _ClearTrainer(Trainer):
    """A Trainer that says in one line that a checkpoint cannot be written."""

    def _save_checkpoint(self, *args: Any, **options: Any) -> None:
        with writing_clearly(Path(self.args.output_dir)):
            super()._save_checkpoint(*args, **options)


class _BestCheckpoint(TrainerCallback):
    """Finds the best checkpoint in the folder as it is called now: a run may go on by another path, or be moved."""

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Look for it beside the one that training goes on from."""
        best = Path(args.output_dir) / f"checkpoint-{state.best_global_step}"
        if state.best_global_step and best.is_dir():
            state.best_model_checkpoint = str(best)


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
