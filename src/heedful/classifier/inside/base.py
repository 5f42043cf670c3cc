"""What is known of a classifier's forward pass on one text: one interface, whatever the classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.autograd.graph import GradientEdge

from heedful.classifier.classifier import Classifier
from heedful.classifier.inside.attention import Weights
from heedful.classifier.inside.paths import Paths
from heedful.classifier.inside.propagation import Relevance
from heedful.classifier.inside.refusals import INSTEAD, one_line
from heedful.classifier.inside.values import Triangles
from heedful.classifier.leaving import replace_inference_tensors
from heedful.errors import ModelError
from heedful.games.output import Output
from heedful.support.memory import out_of_memory
from heedful.support.stopping import pause
from heedful.text.encoding import Encoded

Vectors = Float64[np.ndarray, "tokens size"]


class Inside(ABC):
    """What is known of one forward pass; whatever takes another pass is computed once, and counted.

    Everything is checked before it is returned: shapes, rows of attention weights that sum to 1, and logits that are
    the classifier's own. Make it with `look_inside`.

    Attributes:
        classifier: the classifier.
        encoded: the text.
        logits: the classifier's logits for it, (classes,).
        n_forward: texts pushed through the model so far, these logits not among them.
        n_backward: backward passes so far.
        engines: ways in which it knows gradients, the preferred one first.
    """

    engines: ClassVar[tuple[str, ...]] = ("autograd",)

    def __init__(self, classifier: Classifier, encoded: Encoded, logits: Float64[np.ndarray, " classes"]) -> None:
        self.classifier, self.encoded, self.logits = classifier, encoded, logits
        self.n_forward = self.n_backward = 0

    @abstractmethod
    def weights(self, layer: int = -1) -> Weights:
        """Return attention weights (heads, queries, keys) of one layer, [CLS] the only query of the paper's classifier.

        Raises:
            ModelError: the model gives none that can be trusted.
            SettingError: there is no such layer, or it has no attention weights.
        """

    @abstractmethod
    def readout(self) -> Float64[np.ndarray, " queries"]:
        """Return how far the logits are read from each query of the last layer, adding up to 1.

        Raises:
            ModelError: gradients do not show it.
        """

    @abstractmethod
    def attention(self, layer: int = -1) -> Float64[np.ndarray, "heads tokens"]:
        """Return what the readout attends to in one layer, for every head; raises as `weights` and `readout`."""

    @abstractmethod
    def paths(self) -> Paths:
        """Return the mean attention over heads of every layer, from the readout down to the tokens.

        Raises:
            ModelError: as `weights` and `readout`; or some layers mix words in other ways.
        """

    @abstractmethod
    def relevance_paths(self, cotangent: Float64[np.ndarray, " classes"]) -> Paths:
        """Return the same with the mean of the positive part of weights times gradients of `cotangent . logits`.

        Raises:
            ModelError: as `paths`; or logits are not computed from the weights.
        """

    @abstractmethod
    def values(self, layer: int = -1) -> tuple[Weights, Triangles]:
        """Return attention weights of a layer, and triangles for the vectors they weigh: see `inside.values`.

        Raises:
            ModelError: as `weights`; or the layer's output is not the weighted sum of value vectors.
            SettingError: there is no such layer, or it has no attention weights.
        """

    def on_tokens(self, nodes: Float64[np.ndarray, " nodes"]) -> Float64[np.ndarray, " tokens"]:
        """Return numbers of nodes, which attention weights refer to, added up to numbers of tokens."""
        return nodes

    @abstractmethod
    def word_vectors(self, ids: Int64[np.ndarray, " tokens"]) -> Float[Tensor, "tokens size"]:
        """Return word vectors of a text with these ids."""

    @abstractmethod
    def run(self, points: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return logits (texts, classes), and the word vectors that they are computed from.

        To be called while `looking`. Word vectors are those of the text, as leaves (tokens, size), one a table of
        words; or the points (texts, tokens, size) given.
        """

    @abstractmethod
    def relevance(self, cotangent: Float64[np.ndarray, " classes"]) -> Relevance:
        """Return relevance of every token's input vector for `cotangent . logits`, by the AttnLRP rules.

        Raises:
            ModelError: as `vectors`; or something the classifier computes has no rule.
        """

    def vectors(self) -> Vectors:
        """Return the text's word vectors, which others can be put in place of.

        Raises:
            ModelError: the model takes no word vectors, or gives other logits for them than for the ids.
        """
        with self.looking():  # in the mode that gradients are taken in
            logits, _ = self.run()
        self.check_unmoved(logits[0])
        return self.vectors_of(self.encoded.input_ids)

    def vectors_of(self, ids: Int64[np.ndarray, " tokens"]) -> Vectors:
        """Return word vectors of a text with these ids, in float64."""
        return self.word_vectors(ids).cpu().double().numpy()

    def input_vectors(self) -> Vectors:
        """Return the vectors gradients refer to: e_t = E[token] + P[t] in the paper's classifier, else word vectors."""
        return self.vectors_of(self.encoded.input_ids)

    def gradient(self, cotangent: Float64[np.ndarray, " classes"], engine: str = "autograd") -> Vectors:
        """Return the gradient of `cotangent . logits` by every token's input vector.

        Raises:
            ModelError: as `vectors`.
        """
        with self.looking():
            logits, leaves = self.run()
            self.check_unmoved(logits[0])
            gradients = self.pull(logits, leaves, torch.from_numpy(cotangent[None]).to(logits))
        return torch.cat(self.known(gradients), dim=-1).cpu().double().numpy()

    def gradients(
        self, output: Output, points: Iterable[Vectors], batch_tokens: int = 4096
    ) -> Iterator[tuple[float, Vectors]]:
        """Yield the output and its gradient at each of several points: word vectors put in place of the text's own.

        Points run in batches of at most `batch_tokens` tokens, or one at a time, halved when memory runs out.

        Raises:
            ModelError: the model takes no word vectors.
        """
        remaining = iter(points)
        while batch := list(islice(remaining, max(1, batch_tokens // len(self.encoded)))):
            yield from self._gradients(output, np.stack(batch))

    def _gradients(
        self, output: Output, points: Float64[np.ndarray, "n tokens size"]
    ) -> Iterator[tuple[float, Vectors]]:
        try:
            values, gradients = self._gradients_at_once(output, points)
        except RuntimeError as error:
            if len(points) == 1 or not out_of_memory(error):
                raise
        else:
            yield from zip(values.tolist(), gradients, strict=True)
            return
        for half in np.array_split(points, 2):  # here, where nothing holds the failed batch's memory any more
            yield from self._gradients(output, half)

    def _gradients_at_once(
        self, output: Output, points: Float64[np.ndarray, "n tokens size"]
    ) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n tokens size"]]:
        model = self.classifier.model
        with self.looking():
            given = torch.from_numpy(points).to(self.classifier.device, model.dtype).requires_grad_()
            logits, _ = self.run(given)
            rows = logits.detach().cpu().double().numpy()
            weights = torch.from_numpy(np.stack([output.cotangent(row) for row in rows])).to(logits)
            (gradients,) = self.known(self.pull(logits, [given], weights))
        return output(rows), gradients.cpu().double().numpy()

    @contextmanager
    def looking(self, why: str = ", in which gradients overflow") -> Iterator[None]:
        """Hold the model undisturbed and gradients enabled inside, whatever the caller's mode.

        Raises:
            ModelError: some of the model is in float16; `why` that does not do.
        """
        pause()
        name, model = self.classifier.name, self.classifier.model
        if any(weight.dtype == torch.float16 for weight in model.parameters()):
            raise ModelError(f"{name} is in float16{why}: load it in bfloat16 or float32")
        with self.classifier.undisturbed(), torch.inference_mode(False), torch.enable_grad():
            replace_inference_tensors(model)
            yield

    def pull(
        self, outputs: Tensor, inputs: Sequence[Tensor | GradientEdge], weights: Tensor | None = None
    ) -> tuple[Tensor | None, ...]:
        """Return the gradient of sum(weights * outputs) by each input, None where nothing depends on it."""
        pause()
        if not outputs.requires_grad:
            return (None,) * len(inputs)
        self.n_backward += 1
        with one_line(self.classifier.name):
            wanted: Any = list(inputs)  # tensors and edges of the graph, also mixed
            return torch.autograd.grad(outputs, wanted, weights, retain_graph=True, allow_unused=True)

    def known(self, gradients: Sequence[Tensor | None]) -> list[Tensor]:
        """Return the gradients by word vectors if there are any; raise ModelError if there are none."""
        known = [gradient for gradient in gradients if gradient is not None]
        if not known or len(known) < len(gradients):
            raise ModelError(f"{self.classifier.name} has no gradients by its word vectors: {INSTEAD}")
        return known

    def check_unmoved(self, logits: Float[Tensor, " classes"]) -> None:
        """Refuse logits that are not the model's own for this text, beyond what another order of sums does.

        How far they may be off is a share of what is explained: how far the text's words move the logits. What a bias
        adds to all texts' logits counts for its own rounding alone.
        """
        moved = logits.detach().cpu().double().numpy()
        eps = torch.finfo(logits.dtype).eps
        off, rounding = np.abs(self.logits - moved).max(), 16 * eps * np.abs(self.logits).max()
        # some models take their softmax in float32 whatever they compute in otherwise
        share = max(1e-4, 16 * eps)
        if off <= rounding or off <= rounding + share * self._reach:
            return  # and not where anything is NaN
        raise ModelError(
            f"{self.classifier.name} gives other logits when it is looked into, so no explanation of this kind could "
            f"be trusted: {INSTEAD}"
        )

    @cached_property
    def _reach(self) -> float:
        """How far the text's words move the logits: from those of a text of zero vectors."""
        with self.looking(), torch.no_grad():
            empty, _ = self.run(torch.zeros_like(self.word_vectors(self.encoded.input_ids))[None])
        moved = float(np.abs(empty[0].cpu().double().numpy() - self.logits).max())
        return moved if np.isfinite(moved) else float(np.abs(self.logits).max())
