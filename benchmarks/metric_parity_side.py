"""Metrics of another tool on given texts and scores: run by `metric_parity.py`, in an environment of the tool's own.

    python benchmarks/metric_parity_side.py TOOL DIR

TOOL is ferret, interpreto or quantus; DIR holds a BERT classifier and `cases.json`. Prints one JSON object: a list of
values, one a case, for every name; NaN where the tool has none.
"""

from __future__ import annotations

import argparse
import json
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertForSequenceClassification, BertTokenizerFast

Case = dict[str, Any]
Values = Iterator[tuple[str, float]]


def ferret(model: BertForSequenceClassification, tokenizer: BertTokenizerFast, case: Case) -> Values:
    """Values of ferret-xai; scores and marks have a place for [CLS] and one for [SEP].

    Words that score 0 or less are never among its first (`only_pos`), and to switch that off fails with numpy from 1.25
    on. Scores raised above 0 have the same order.
    """
    from ferret.evaluators import faithfulness_measures as faithfulness
    from ferret.evaluators import plausibility_measures as plausibility
    from ferret.explainers.explanation import Explanation, ExplanationWithRationale

    scores, d = np.array([0.0, *case["scores"], 0.0]), len(case["scores"])
    tokens = [tokenizer.cls_token, *case["text"].split(), tokenizer.sep_token]
    about = (case["text"], tokens, scores, "given", case["target"])
    raised = (*about[:2], scores - scores.min() + 1.0, *about[3:])
    people = np.array([0, *case["marked"], 0])
    comprehensiveness = faithfulness.AOPC_Comprehensiveness_Evaluation(model, tokenizer)
    sufficiency = faithfulness.AOPC_Sufficiency_Evaluation(model, tokenizer)
    bins = [-(-percent * d // 100) for percent in (1, 5, 10, 20, 50)]
    for name, thresholds in (("one share", bins[3:4]), ("five shares", bins)):
        removal = {"based_on": "k", "thresholds": thresholds}
        for metric in (comprehensiveness, sufficiency):
            value = metric.compute_evaluation(Explanation(*raised), case["target"], removal_args=removal)
            yield f"{metric.NAME}, {name}", value.score
    for metric in (comprehensiveness, sufficiency):
        yield f"{metric.NAME}, as it comes", metric.compute_evaluation(Explanation(*about), case["target"]).score
    tau = faithfulness.TauLOO_Evaluation(model, tokenizer)
    yield tau.NAME, tau.compute_evaluation(Explanation(*about), case["target"]).score
    k = sum(case["marked"])
    for metric in (plausibility.Tokenf1_PlausibilityEvaluation, plausibility.TokenIOU_PlausibilityEvaluation):
        made = metric(model, tokenizer)
        yield made.NAME, made.compute_evaluation(ExplanationWithRationale(*raised, people), top_k_rationale=k).score
    area = plausibility.AUPRC_PlausibilityEvaluation(model, tokenizer)
    marked = ExplanationWithRationale(*about, people)
    yield area.NAME, area.compute_evaluation(marked, only_pos=False).score
    yield f"{area.NAME}, as it comes", area.compute_evaluation(marked).score


def interpreto(model: BertForSequenceClassification, tokenizer: BertTokenizerFast, case: Case) -> Values:
    """Values of interpreto, over tokens without the special ones."""
    from interpreto.attributions.base import AttributionOutput, ModelTask
    from interpreto.attributions.metrics import Deletion, Insertion
    from interpreto.commons.granularity import Granularity

    encoded = tokenizer(
        [case["text"]], return_tensors="pt", return_offsets_mapping=True, return_special_tokens_mask=True
    )
    given = AttributionOutput(
        attributions=torch.tensor([case["scores"]], dtype=torch.float32),
        elements=case["text"].split(),
        model_inputs_to_explain=encoded,
        targets=torch.tensor([case["target"]]),
        model_task=ModelTask.CLASSIFICATION,
        granularity=Granularity.TOKEN,
    )
    for metric in (Deletion, Insertion):
        yield metric.__name__, metric(model, tokenizer, n_perturbations=100).evaluate([given])[0]


class Masked(nn.Module):
    """The classifier as a function of which words are kept: its input is a one for each word."""

    def __init__(self, model: BertForSequenceClassification, tokenizer: BertTokenizerFast, text: str) -> None:
        super().__init__()
        self.model, self.mask_id = model, tokenizer.mask_token_id
        self.ids = tokenizer(text, return_tensors="pt")["input_ids"]

    def forward(self, kept: Tensor) -> Tensor:
        """Logits of texts without some words."""
        ids = self.ids.repeat(len(kept), 1)
        ids[:, 1:-1][kept.reshape(len(kept), -1) < 0.5] = self.mask_id
        return self.model(input_ids=ids).logits


def quantus(model: BertForSequenceClassification, tokenizer: BertTokenizerFast, case: Case) -> Values:
    """Values of Quantus, with words as the columns of a picture of one line; none where no score is above 0.

    Quantus refuses scores that are all negative.
    """
    import quantus
    from quantus.functions.similarity_func import correlation_kendall_tau

    d = len(case["scores"])
    if max(case["scores"]) < 0:
        return
    scores = np.array(case["scores"]).reshape(1, 1, d)
    given = {
        "model": Masked(model, tokenizer, case["text"]).eval(), "x_batch": np.ones((1, 1, d), dtype=np.float32),
        "y_batch": np.array([case["target"]]), "a_batch": scores, "softmax": True, "channel_first": True,
    }  # fmt: skip
    plain: dict[str, Any] = {"normalise": False, "disable_warnings": True, "return_aggregate": False}
    zero = {"perturb_baseline": 0.0}
    curve = np.array(quantus.PixelFlipping(features_in_step=1, **plain, **zero)(**given)[0])
    with torch.no_grad():
        whole = float(given["model"](torch.ones(1, d)).softmax(-1)[0, case["target"]])
    yield "PixelFlipping, with the whole text in front", float(np.trapezoid(np.append(whole, curve))) / d
    yield "PixelFlipping, as it comes", float(np.trapezoid(curve))
    estimate = quantus.FaithfulnessEstimate(
        similarity_func=correlation_kendall_tau, features_in_step=1, **plain, **zero
    )
    yield "FaithfulnessEstimate, with Kendall's tau", float(estimate(**given)[0])
    pearson = quantus.FaithfulnessEstimate(features_in_step=1, **plain, **zero)
    yield "FaithfulnessEstimate, as it comes", float(pearson(**given)[0])
    np.random.seed(0)  # noqa: NPY002 - the generator that Quantus draws from
    random = quantus.FaithfulnessCorrelation(nr_runs=200, subset_size=d // 2, **plain, **zero)
    yield "FaithfulnessCorrelation", float(random(**given)[0])
    inside = given | {"s_batch": np.array(case["marked"], dtype=bool).reshape(1, 1, d)}
    mass = quantus.RelevanceMassAccuracy(abs=True, **plain)
    yield "RelevanceMassAccuracy, abs=True", float(mass(**inside)[0])
    signed = quantus.RelevanceMassAccuracy(abs=False, **plain)
    yield "RelevanceMassAccuracy, abs=False", float(signed(**inside)[0])


TOOLS: dict[str, tuple[str, Callable[..., Values]]] = {
    "ferret": ("ferret-xai", ferret), "interpreto": ("interpreto", interpreto), "quantus": ("quantus", quantus),
}  # fmt: skip


def main() -> None:
    """Print the values of one tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = BertForSequenceClassification.from_pretrained(options.folder).eval()
    tokenizer = BertTokenizerFast.from_pretrained(options.folder)
    package, tool = TOOLS[options.tool]
    values: dict[str, list[float]] = defaultdict(list)
    cases = json.loads((options.folder / "cases.json").read_text("utf-8"))
    for place, case in enumerate(cases):
        for name, value in tool(model, tokenizer, case):
            values[name] += [math.nan] * (place - len(values[name])) + [float(value)]
    padded = {name: some + [math.nan] * (len(cases) - len(some)) for name, some in values.items()}
    print(json.dumps({"version": version(package), "values": padded}))


if __name__ == "__main__":
    main()
