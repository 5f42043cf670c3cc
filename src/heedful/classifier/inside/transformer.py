"""Inside any transformers classifier: attention, gradients and relevance, whatever its architecture."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from heedful.classifier.classifier import Classifier
from heedful.classifier.function import FunctionModel
from heedful.classifier.inside.attention import Attention, Weights, attention_of, on_tokens
from heedful.classifier.inside.base import Inside
from heedful.classifier.inside.eager import eager
from heedful.classifier.inside.paths import Paths, mean_steps, relevance_steps
from heedful.classifier.inside.propagation import AttnLRP, Relevance
from heedful.classifier.inside.readout import readout_of
from heedful.classifier.inside.refusals import INSTEAD, one_line
from heedful.classifier.inside.trace import Trace, watching
from heedful.classifier.inside.values import Triangles, values_of
from heedful.classifier.inside.words import Words
from heedful.errors import ModelError
from heedful.text.encoding import Encoded

_READ = "; which positions the logits read is found by a gradient, which overflows there"


class TransformerInside(Inside):
    """Everything from autograd's graph of the model's own forward pass; no architecture is named."""

    def __init__(self, classifier: Classifier, encoded: Encoded, logits: Float64[np.ndarray, " classes"]) -> None:
        super().__init__(classifier, encoded, logits)
        given = {name: values[0] for name, values in classifier.inputs(encoded).items()}
        self._words = Words(classifier.model, given["input_ids"], given.get("token_type_ids"))

    @cached_property
    def trace(self) -> Trace:
        """The one forward pass that all questions about attention refer to, with weights written out."""
        model, options = self.classifier.model, {"output_attentions": True}
        if model.base_model is model:  # it hands no last layer to a head
            options["output_hidden_states"] = True
        with self.looking(_READ), eager(self.classifier), watching(model) as seen:
            out, leaves = self._forward(None, **options)
            trace = Trace(out.logits[0], tuple(leaves), tuple(self._words.shifts), out, seen)
        self.check_unmoved(trace.logits)
        return trace

    @cached_property
    def _attention(self) -> Attention:
        return attention_of(self.trace, len(self.encoded), self.classifier.name)

    @cached_property
    def _readout(self) -> Float64[np.ndarray, " positions"]:
        with self.looking(_READ):
            return readout_of(self.trace, self.pull, self.classifier.name)

    def weights(self, layer: int = -1) -> Weights:
        """Return attention weights (heads, queries, nodes) of one layer; see `inside.attention` for nodes."""
        attention = self._attention
        return attention.of_layer(layer).weights(len(attention.token))

    def readout(self) -> Float64[np.ndarray, " positions"]:
        """Return how far the logits are read from each position of the last layer: see `inside.readout`."""
        return self._readout

    def attention(self, layer: int = -1) -> Float64[np.ndarray, "heads tokens"]:
        """Return what the readout attends to in one layer; of an encoder-decoder, across to its encoder."""
        return on_tokens(np.einsum("hqt,q->ht", self.weights(layer), self._readout), self._attention.token)

    def paths(self) -> Paths:
        """Return every layer's mean attention, from the readout down to the tokens."""
        attention = self._attention
        with self.looking(_READ):
            steps = mean_steps(attention, self.trace, self.pull)
        return Paths(self._start, steps, attention.token)

    def relevance_paths(self, cotangent: Float64[np.ndarray, " classes"]) -> Paths:
        """Return the same with the positive part of weights times gradients."""
        attention, logits = self._attention, self.trace.logits
        with self.looking():
            steps = relevance_steps(attention, self.trace, self.pull, torch.from_numpy(cotangent).to(logits))
        return Paths(self._start, steps, attention.token)

    @property
    def _start(self) -> Float64[np.ndarray, " nodes"]:
        return np.pad(self._readout, (0, len(self._attention.token) - len(self._readout)))

    def values(self, layer: int = -1) -> tuple[Weights, Triangles]:
        """Return attention weights of a layer, and triangles for the vectors they weigh."""
        step = self._attention.of_layer(layer)
        with self.looking(_READ):
            triangles = values_of(step, self.trace, self.pull, self.classifier.name)
        n_nodes = len(self._attention.token)
        return step.weights(n_nodes), step.by_node(triangles, n_nodes)

    def on_tokens(self, nodes: Float64[np.ndarray, " nodes"]) -> Float64[np.ndarray, " tokens"]:
        """Return numbers of nodes added up to numbers of tokens."""
        return on_tokens(nodes, self._attention.token)

    def word_vectors(self, ids: Int64[np.ndarray, " tokens"]) -> Float[Tensor, "tokens size"]:
        """Return word vectors of a text with these ids; where a forward pass has not shown its table, after one."""
        if not self._words.tables:
            self.vectors()
        with self.looking():
            return self._words.vectors(torch.from_numpy(ids).to(self.classifier.device))

    def run(self, points: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return logits, and the word vectors that they are computed from."""
        out, leaves = self._forward(points)
        return out.logits, leaves

    def relevance(self, cotangent: Float64[np.ndarray, " classes"]) -> Relevance:
        """Return relevance of every token's word vector, by the AttnLRP rules: see `inside.propagation`."""
        with self.looking(), eager(self.classifier):
            with AttnLRP(self.classifier.model, self.classifier.name) as rules:
                logits, leaves = self.run()
            self.check_unmoved(logits[0])
            self.n_backward += 1
            return rules.relevance(logits, leaves, torch.from_numpy(cotangent[None]).to(logits))

    def _forward(self, points: Tensor | None, **options: bool) -> tuple[Any, list[Tensor]]:
        if isinstance(self.classifier.model, FunctionModel):
            raise ModelError(f"{self.classifier.name} is a function, with no attention and no gradients: {INSTEAD}")
        n_texts = 1 if points is None else len(points)
        given = {name: values.expand(n_texts, -1) for name, values in self.classifier.inputs(self.encoded).items()}
        with one_line(self.classifier.name), self._words.exchanged(points) as leaves:
            out = self.classifier.model(**given, **options)
        self.n_forward += n_texts
        if not self._words.tables or (points is None and not leaves):
            raise ModelError(f"{self.classifier.name} takes no word vectors in place of ids: {INSTEAD}")
        return out, leaves if points is None else [points]
