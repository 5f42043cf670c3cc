"""Progress of a training run: one bar on stderr, one line an epoch."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class EpochReport(TrainerCallback):
    """A bar over all steps and a line of validation figures after each epoch."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar = Progress(
            TextColumn("training"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
            TimeRemainingColumn(), console=Console(stderr=True), transient=True, disable=not shown,
        )  # fmt: skip
        self._task: TaskID | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Show the bar; a resumed run starts where it was."""
        self._bar.start()
        self._task = self._bar.add_task("training", total=state.max_steps, completed=state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, completed=state.global_step)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **extra: Any) -> None:
        """Print the epoch's line; later evaluations, of the finished model, stay silent."""
        metrics = extra.get("metrics") or {}
        if self._shown and self._task is not None and state.epoch is not None:
            accuracy, loss = metrics.get("eval_accuracy", float("nan")), metrics.get("eval_loss", float("nan"))
            self._bar.console.print(
                f"epoch {state.epoch:.0f}: validation accuracy {accuracy:.2%}, loss {loss:.4f}", highlight=False
            )

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away, also from a run that failed."""
        self._bar.stop()
        self._task = None
