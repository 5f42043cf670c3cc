"""ferret-xai's LIME and Partition SHAP on one text, metered: run by `perturbation.py`, in an environment of its own.

    python benchmarks/ferret_side.py --model DIR --text TEXT --masks 1000 --threads 2

ferret-xai needs numpy 1 and transformers 4:

    uv venv ferret && uv pip install -p ferret "torch==2.13.0" "numpy<2" "transformers<5" "pyarrow<20" ferret-xai

Prints one JSON object a line: name, masks and meter. Both replace tokens, special ones too, by [MASK], and explain the
probability of a class; LIME is taken at the fastest of several batch sizes.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
from ferret.explainers.lime import LIMEExplainer
from ferret.explainers.shap import SHAPExplainer
from transformers import BertForSequenceClassification, BertTokenizerFast, logging

from metering import Meter, metered

TARGET = 1


def main() -> None:
    """Print both sides."""
    options = _options()
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    model = BertForSequenceClassification.from_pretrained(options.model).eval()
    tokenizer = BertTokenizerFast.from_pretrained(options.model, model_max_length=512)
    lime, shap = LIMEExplainer(model, tokenizer), SHAPExplainer(model, tokenizer)

    def run_lime(n_masks: int, batch: int) -> Meter:
        with metered(model) as meter:
            lime.compute_feature_importance(
                options.text, TARGET, call_args={"num_samples": n_masks, "batch_size": batch}
            )
        return meter

    run_lime(16, 16)  # the first of a process is slow
    best = min((8, 16, 64), key=lambda batch: run_lime(min(options.masks, 64), batch).wall)
    _print(f"ferret LIME, batch {best}", options.masks, run_lime(options.masks, best))
    with metered(model) as meter:
        shap.compute_feature_importance(options.text, TARGET, call_args={"max_evals": options.masks})
    _print("ferret Partition SHAP", options.masks, meter)


def _print(name: str, masks: int, meter: Meter) -> None:
    print(json.dumps({"name": name, "masks": masks, "meter": asdict(meter)}), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a BERT classifier's folder")
    parser.add_argument("--text", required=True)
    parser.add_argument("--masks", type=int, default=1000, help="of LIME, and at most of Partition SHAP")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


if __name__ == "__main__":
    main()
