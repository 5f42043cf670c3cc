"""Metrics beside those of ferret-xai, interpreto and Quantus: the same classifier, texts and scores.

    python benchmarks/metric_parity.py [--ferret PYTHON] [--interpreto PYTHON] [--quantus PYTHON]

Each tool runs in an environment of its own, whose Python is named (see `metric_parity_side.py`):

    pip install torch==2.13.0 "numpy<2" "transformers<5" "pyarrow<20" ferret-xai
    pip install torch==2.13.0 interpreto
    pip install torch==2.13.0 transformers quantus

The classifier is a small BERT with random weights in float32, the texts are words that it reads as one token each, so
that a text put together again of some of its tokens has the same tokens; scores are those of occlusion and random ones.
Prints, for every pair of metrics, the largest difference over texts and scores. "same" pairs should be within rounding;
for the others the line shows how far apart two things of a similar name are.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

import heedful
from heedful import metrics
from heedful.classifier import Classifier
from heedful.data import Rationale, planted
from heedful.explanation import Explanation
from heedful.question import Choices, Question, ask
from heedful.text.units import words

TEXTS, SAME = 12, 1e-5  # float32, of probabilities
# ours: name with settings, and how words are removed
PAIRS: dict[str, dict[str, tuple[str, str]]] = {
    "ferret": {
        "aopc_comprehensiveness, one share": ("comprehensiveness", "delete"),
        "aopc_sufficiency, one share": ("sufficiency", "delete"),
        "aopc_comprehensiveness, five shares": ("aopc-comprehensiveness", "delete"),
        "aopc_sufficiency, five shares": ("aopc-sufficiency", "delete"),
        "aopc_comprehensiveness, as it comes": ("aopc-comprehensiveness", "delete"),
        "aopc_sufficiency, as it comes": ("aopc-sufficiency", "delete"),
        "tau_leave-one-out_correlation": ("leave-one-out:output=probability", "delete"),
        "token_f1_hard_plausibility": ("token-f1", "delete"),
        "token_IOU_hard_plausibility": ("iou-f1", "delete"),
        "AUPRC_soft_plausibility": ("auprc", "delete"),
        "AUPRC_soft_plausibility, as it comes": ("auprc", "delete"),
    },
    "interpreto": {"Deletion": ("deletion", "mask"), "Insertion": ("insertion", "mask")},
    "quantus": {
        "PixelFlipping, with the whole text in front": ("deletion", "mask"),
        "PixelFlipping, as it comes": ("deletion", "mask"),
        "FaithfulnessEstimate, with Kendall's tau": ("leave-one-out:output=probability", "mask"),
        "FaithfulnessEstimate, as it comes": ("leave-one-out:output=probability", "mask"),
        "FaithfulnessCorrelation": ("infidelity:output=probability", "mask"),
        "RelevanceMassAccuracy, abs=True": ("mass-inside:order=size", "mask"),
        "RelevanceMassAccuracy, abs=False": ("mass-inside", "mask"),
    },
}

Measured = tuple[Question, Explanation, Rationale]


def make_classifier(folder: Path) -> tuple[Classifier, list[tuple[str, list[int]]]]:
    """A classifier in a folder, and texts of its words with those marked that the planted reviews name as reasons."""
    texts = []
    for review in planted.generate(60, seed=3):
        kept = [(review.text[a:b].lower(), role) for (a, b), role in zip(review.spans, review.roles, strict=True)]
        kept = [(word, role) for word, role in kept if word.isascii() and word.isalpha()][:24]
        if len(kept) >= 8 and 0 < sum(role == "for" for _, role in kept) < len(kept):
            texts.append((" ".join(word for word, _ in kept), [int(role == "for") for _, role in kept]))
    vocabulary = sorted({word for text, _ in texts for word in text.split()})
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *vocabulary]), "utf-8")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary) + 5, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=64, num_labels=3, initializer_range=0.3,
    )  # fmt: skip
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Classifier(model, tokenizer, "a small BERT"), texts[:TEXTS]


def prepare(folder: Path) -> dict[str, list[Measured]]:
    """Write the cases for the other side; return ours, by how words are removed."""
    classifier, texts = make_classifier(folder)
    cases, ours = [], {masking: [] for masking in ("delete", "mask")}
    for text, marked in texts:
        people = Rationale(np.array(words(text)), np.array(marked, dtype=np.float64))
        for method in ("occlusion", "random"):
            given = heedful.explain(classifier, text, method, unit="word", masking="delete", output="probability")
            if len(given) != len(text.split()):
                raise RuntimeError(f"the units are not the words of {text!r}")
            cases.append({"text": text, "scores": given.scores.tolist(), "marked": marked, "target": given.target})
            for masking, measured in ours.items():
                choices = Choices(unit="word", masking=masking, output="probability", target=given.target)
                measured.append((ask(classifier, text, choices), given, people))
    (folder / "cases.json").write_text(json.dumps(cases), "utf-8")
    return ours


def compare(tool: str, theirs: dict[str, list[float]], measure: Callable[[str, str], np.ndarray]) -> None:
    """Print a line for every pair of metrics."""
    for name, (spec, masking) in PAIRS[tool].items():
        values, own = np.array(theirs[name]), measure(spec, masking)
        both = ~np.isnan(values) & ~np.isnan(own)
        apart = float(np.abs(values - own)[both].max())
        verdict = "same" if apart < SAME else f"differ: means {values[both].mean():.4f} and {own[both].mean():.4f}"
        print(f"{tool} | {name} | {spec}, masking {masking} | {both.sum()} | {apart:.1e} | {verdict}")


def main() -> None:
    """Compare with every tool whose Python is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for tool in PAIRS:
        parser.add_argument(f"--{tool}", help=f"the Python of an environment that has {tool}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    side = Path(__file__).with_name("metric_parity_side.py")
    with TemporaryDirectory() as name:
        ours = prepare(Path(name))

        def measure(spec: str, masking: str) -> np.ndarray:
            return np.array([metrics.judge(metrics.get(spec), *one) for one in ours[masking]])

        print(f"Python {platform.python_version()}, heedful {heedful.__version__}, {len(ours['mask'])} explanations")
        print("tool | theirs | ours | compared | largest difference | verdict")
        for tool in PAIRS:
            if python := getattr(options, tool):
                command = [python, str(side), tool, name]
                ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the user's own python
                result = json.loads(ran.stdout.splitlines()[-1])
                print(f"{tool} {result['version']}")
                compare(tool, result["values"], measure)


if __name__ == "__main__":
    main()
