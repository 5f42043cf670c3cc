"""Inside a classifier: its attention weights, and gradients by its word vectors, of any architecture.

Everything is checked before it is returned: shapes, rows that sum to 1, and logits that are the classifier's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from transformers.utils import ModelOutput

from heedful.classifier.classifier import Classifier
from heedful.classifier.inside.propagation import AttnLRP, Relevance, wide
from heedful.classifier.leaving import replace_inference_tensors
from heedful.errors import ModelError, SettingError
from heedful.games.output import Output
from heedful.support.memory import out_of_memory
from heedful.support.progress import quiet_transformers
from heedful.text.encoding import Encoded


def weights(classifier: Classifier, encoded: Encoded) -> list[Tensor]:
    """Attention weights (heads, queries, tokens) of every layer, in the precision and on the device of the model.

    Of the paper's classifier, its one layer and its one query, [CLS]. They are taken with the eager implementation,
    whichever the model runs with otherwise.

    Raises:
        ModelError: the model gives no attention weights a head, query and token, rows of them do not sum to 1, or
            the logits differ from those without.
    """
    with classifier.undisturbed(), _eager(classifier), torch.no_grad():
        out = classifier.model(**classifier.inputs(encoded), output_attentions=True)
    return [layer[0] for layer in _weights(classifier, encoded, out)]


def attentions(classifier: Classifier, encoded: Encoded) -> Float64[np.ndarray, "layers heads queries tokens"]:
    """The same in one array: where a layer at a time will do, `weights` take far less memory."""
    return np.stack([layer.cpu().double().numpy() for layer in weights(classifier, encoded)])


@contextmanager
def attended(classifier: Classifier, encoded: Encoded) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Logits (classes,), and every layer's attention weights (1, heads, queries, tokens) that they were computed from.

    One autograd graph holds both. Not for the paper's classifier, which computes its logits in a folded form.

    Raises:
        ModelError: see `weights` and `differentiable`.
    """
    vectors = word_vectors(classifier, encoded)
    with differentiable(classifier, encoded) as forward, _eager(classifier):
        out = forward(vectors[None], output_attentions=True)
        yield out.logits[0], _weights(classifier, encoded, out)


def _weights(classifier: Classifier, encoded: Encoded, out: ModelOutput) -> list[Tensor]:
    """Every layer's attention weights in a model's output, checked."""
    layers = [layer for layer in getattr(out, "attentions", None) or () if layer is not None]
    n_tokens = len(encoded)
    if not layers:
        raise ModelError(f"{classifier.name} returns no attention weights")
    queries = 1 if classifier.paper_model is not None else n_tokens
    if any(layer.ndim != 4 or layer.shape[2:] != (queries, n_tokens) for layer in layers):
        raise ModelError(f"{classifier.name} does not attend from every token to every token: it has no such weights")
    if classifier.paper_model is None:  # whose own rows may leave out padding, or be of entmax, which rounds otherwise
        # roundings are shares of each weight, so a row's add up to shares of 1; sums take n steps, in float32 or better
        sums = [layer.detach().sum(-1, dtype=torch.promote_types(layer.dtype, torch.float32)) for layer in layers]
        allowed = 4 * _precision(layers[0]) + 8 * n_tokens * torch.finfo(torch.float32).eps
        if not all(float((each - 1.0).abs().max()) <= allowed for each in sums):
            raise ModelError(f"{classifier.name} gives attention weights whose rows do not sum to 1")
    _check_unmoved(classifier, out.logits, encoded)
    return layers


def readout(
    classifier: Classifier, encoded: Encoded, own: Float64[np.ndarray, " classes"] | None = None
) -> Float64[np.ndarray, " queries"]:
    """Which positions of the last layer the logits read, adding up to 1: the first alone for [CLS], the last alone
    for most decoders, all alike for a mean; in between, in proportion to the norm of the logits' gradient.

    Args:
        classifier: the classifier.
        encoded: the text.
        own: its logits, if they are known: that saves a forward pass.

    Raises:
        ModelError: the model does not give its last layer, or reads nothing there; or see `gradient`.
    """  # noqa: D205 - one sentence
    if classifier.paper_model is not None:
        return np.ones(1)
    _check_precision(classifier, "; which positions the logits read is found by a gradient, which overflows there")
    vectors = word_vectors(classifier, encoded)
    with differentiable(classifier, encoded) as forward:
        out = forward(vectors[None], output_hidden_states=True)
        if not getattr(out, "hidden_states", None):
            raise ModelError(f"{classifier.name} does not give its last layer")
        last = out.hidden_states[-1]
        gradients = [
            torch.autograd.grad(logit, last, retain_graph=True, allow_unused=True)[0] for logit in out.logits[0]
        ]
    if any(gradient is None for gradient in gradients):
        raise ModelError(f"{classifier.name} does not read its logits from its last layer")
    _check_unmoved(classifier, out.logits, encoded, own)
    norms = torch.stack([wide(g[0]).norm(dim=-1) for g in gradients]).sum(0).cpu().numpy()
    if not 0 < norms.sum() < np.inf:
        raise ModelError(
            f"the gradient of {classifier.name}'s logits by its last layer is 0 or not finite, so nothing says which "
            "positions they are read from: use a method by its outputs"
        )
    return norms / norms.sum()


def attention(
    classifier: Classifier, encoded: Encoded, layer: int = -1, own: Float64[np.ndarray, " classes"] | None = None
) -> Float64[np.ndarray, "heads tokens"]:
    """What the readout attends to in one layer, for every head: see `weights` and `readout`.

    Raises:
        ModelError: see there.
        SettingError: there is no such layer.
    """
    layers = weights(classifier, encoded)
    check_layer(classifier, layer, len(layers))
    chosen = layers[layer].cpu().double().numpy()
    del layers  # the readout takes memory too
    return np.einsum("hqt,q->ht", chosen, readout(classifier, encoded, own))


def check_layer(classifier: Classifier, layer: int, n_layers: int) -> None:
    """Raise SettingError unless there is such a layer; negative ones count from the last."""
    if not -n_layers <= layer < n_layers:
        raise SettingError(f"no layer {layer}: {classifier.name} has layers 0 to {n_layers - 1}")


@contextmanager
def differentiable(classifier: Classifier, encoded: Encoded) -> Iterator[Callable[..., ModelOutput]]:
    """The model's output as a function of word vectors (n, tokens, size), gradients enabled and hooks allowed.

    Other options go on to the model. Its base model takes the vectors as `inputs_embeds`, so that positions and types
    are the model's; its head sees the text's ids, as decoders look there for the end of the text.

    Raises:
        ModelError: some of the model is in float16, in which gradients overflow; or it takes no word vectors, as
            encoder-decoders such as BART and T5 do not.
    """
    _check_precision(classifier, ", in which gradients overflow")
    model, thread = classifier.model, threading.get_ident()
    if model.config.is_encoder_decoder:
        raise ModelError(
            f"{classifier.name} takes no word vectors in place of ids: use lime or another method by its outputs"
        )
    given = classifier.inputs(encoded)

    def forward(vectors: Tensor, **options: object) -> ModelOutput:
        def exchange(_: object, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any] | None:
            if threading.get_ident() != thread:  # which runs texts of its own
                return None
            others = {name: value for name, value in named.items() if name != "input_ids"}
            return (None, *args[1:]), others | {"inputs_embeds": vectors}

        repeated = {name: values.expand(len(vectors), -1) for name, values in given.items()}
        hook = model.base_model.register_forward_pre_hook(exchange, with_kwargs=True)
        try:
            return model(**repeated, **options)
        finally:
            hook.remove()

    with classifier.undisturbed(), torch.inference_mode(False), torch.enable_grad():
        replace_inference_tensors(model)
        yield forward


def word_vectors(classifier: Classifier, encoded: Encoded) -> Tensor:
    """Word vectors (tokens, size) of a text, as a leaf that gradients can be taken by."""
    with classifier.undisturbed(), torch.inference_mode(False), torch.no_grad():
        ids = torch.tensor(encoded.input_ids, device=classifier.device)
        vectors: Tensor = classifier.model.get_input_embeddings()(ids)
        return vectors.detach().requires_grad_()


def gradient(
    classifier: Classifier, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]
) -> Float64[np.ndarray, "tokens size"]:
    """Gradient of `cotangent . logits` by every token's input vector, by automatic differentiation.

    Raises:
        ModelError: see `differentiable`; or word vectors give other logits than the ids they stand for.
    """
    vectors = word_vectors(classifier, encoded)
    with differentiable(classifier, encoded) as forward:
        logits = forward(vectors[None]).logits
        weights = torch.from_numpy(cotangent).to(logits)
        (gradient,) = torch.autograd.grad((logits[0] * weights).sum(), vectors)
    _check_unmoved(classifier, logits, encoded)
    return gradient.cpu().double().numpy()


def gradients(
    classifier: Classifier,
    encoded: Encoded,
    output: Output,
    points: Iterable[Float64[np.ndarray, "tokens size"]],
    batch_tokens: int = 4096,
) -> Iterator[tuple[float, Float64[np.ndarray, "tokens size"]]]:
    """The output and its gradient at each of several points: word vectors put in place of the text's own.

    Points run in batches of at most `batch_tokens` tokens, or one at a time, halved when memory runs out.

    Raises:
        ModelError: see `differentiable`.
    """
    remaining = iter(points)
    while batch := list(islice(remaining, max(1, batch_tokens // len(encoded)))):
        yield from _gradients(classifier, encoded, output, np.stack(batch))


def _gradients(
    classifier: Classifier, encoded: Encoded, output: Output, points: Float64[np.ndarray, "n tokens size"]
) -> Iterator[tuple[float, Float64[np.ndarray, "tokens size"]]]:
    try:
        values, found = _gradients_at_once(classifier, encoded, output, points)
    except RuntimeError as error:
        if len(points) == 1 or not out_of_memory(error):
            raise
    else:
        yield from zip(values.tolist(), found, strict=True)
        return
    for half in np.array_split(points, 2):  # here, where nothing holds the failed batch's memory any more
        yield from _gradients(classifier, encoded, output, half)


def _gradients_at_once(
    classifier: Classifier, encoded: Encoded, output: Output, points: Float64[np.ndarray, "n tokens size"]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n tokens size"]]:
    with differentiable(classifier, encoded) as forward:
        vectors = torch.from_numpy(points).to(classifier.device, classifier.model.dtype).requires_grad_()
        logits = forward(vectors).logits
        rows = logits.detach().cpu().double().numpy()
        weights = torch.from_numpy(np.stack([output.cotangent(row) for row in rows])).to(logits)
        (found,) = torch.autograd.grad((logits * weights).sum(), vectors)
    return output(rows), found.cpu().double().numpy()


def own_vectors(classifier: Classifier, encoded: Encoded) -> Float64[np.ndarray, "tokens size"]:
    """A text's word vectors, after seeing that the model gives the same logits for them as for the ids.

    Raises:
        ModelError: it does not, or see `differentiable`.
    """
    vectors = word_vectors(classifier, encoded)
    with differentiable(classifier, encoded) as forward, torch.no_grad():
        logits = forward(vectors[None]).logits
    _check_unmoved(classifier, logits, encoded)
    return vectors.detach().cpu().double().numpy()


def relevance(classifier: Classifier, encoded: Encoded, cotangent: Float64[np.ndarray, " classes"]) -> Relevance:
    """Relevance of every token's word vector for `cotangent . logits`, by the AttnLRP rules: see `propagation`.

    Raises:
        ModelError: see `gradient`; or something the classifier computes has no rule.
    """
    vectors = word_vectors(classifier, encoded)
    with differentiable(classifier, encoded) as forward, _eager(classifier):
        with AttnLRP(classifier.model, classifier.name) as rules:
            logits = forward(vectors[None]).logits
        found = rules.relevance(logits, vectors, torch.from_numpy(cotangent[None]).to(logits))
    _check_unmoved(classifier, logits, encoded)
    return found


def input_vectors(classifier: Classifier, encoded: Encoded) -> Float64[np.ndarray, "tokens size"]:
    """The vectors gradients refer to: e_t = E[token] + P[t] in the paper's classifier, word vectors elsewhere."""
    vectors = word_vectors(classifier, encoded).detach().cpu().double()
    if classifier.paper_model is not None:
        vectors = vectors + classifier.paper_model.positions[: len(encoded)].cpu().double()
    return vectors.numpy()


def _check_unmoved(
    classifier: Classifier, logits: Tensor, encoded: Encoded, own: Float64[np.ndarray, " classes"] | None = None
) -> None:
    """Refuse logits that are not the model's own for this text, beyond what another order of sums does."""
    own, found = classifier.logits_of(encoded) if own is None else own, logits[0].detach().cpu().double().numpy()
    if not classifier.same(found, own):
        raise ModelError(f"{classifier.name} gives other logits when it is looked into: no explanation can be trusted")


@contextmanager
def _eager(classifier: Classifier) -> Iterator[None]:
    """Attention written out inside, as it was again afterwards."""
    before = classifier.model.config._attn_implementation
    if before in (None, "eager"):
        yield
        return
    with quiet_transformers():
        classifier.model.set_attn_implementation("eager")
    try:
        yield
    finally:
        classifier.model.set_attn_implementation(before)


def _check_precision(classifier: Classifier, why: str) -> None:
    if any(weight.dtype == torch.float16 for weight in classifier.model.parameters()):
        raise ModelError(f"{classifier.name} is in float16{why}: load it in bfloat16 or float32")


def _precision(values: Tensor) -> float:
    """Rounding to expect: some models take their softmax in float32 whatever they compute in otherwise."""
    return max(torch.finfo(values.dtype).eps, torch.finfo(torch.float32).eps)
