"""Repulsion of attention heads: their gradients are transformed so that heads, seen as particles, keep apart.

Source: An, Lyu, Wang, Li, Hu, Tan, Zhang, Hu and Chen, Repulsive attention: rethinking multi-head attention as Bayesian
inference, EMNLP 2020. With heads theta_1 .. theta_H, the training loss U and k = exp(-|theta_j - theta_i|^2 / (2 h^2)),
SVGD (Liu and Wang 2016) replaces the gradient of head i by

    1/H sum_j [ k(theta_j, theta_i) grad_j U  -  w (theta_i - theta_j) k(theta_j, theta_i) / h^2 ]

and SPOS (Zhang, Zhang, Carin and Chen 2020) adds beta grad_i U and Gaussian noise. The second term is the gradient of
the kernel by theta_j. Two of the authors' four released programs divide it by h where the kernel has h^2; here it is
the gradient. The first term averages gradients over heads, so heads are coupled even where w is 0.

Few particles make SVGD sample too narrowly: with this bandwidth its covariance of a Gaussian in two dimensions is 13 %
off with 50 particles, and less than 5 % with 250.

Under Adam the size of a gradient cancels: of the settings only the ratio w (and beta) then matters. Weights that differ
need not give maps that differ: measure maps, with `map_similarity`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import TrainerCallback

from heedful.errors import SettingError
from heedful.support.settings import check_seed, check_settings

Particles = Float[Tensor, "heads numbers"]


@dataclass(frozen=True)
class Repulsion:
    """How heads repel each other.

    Attributes:
        weight: w, of the gradient of the kernel; 1 samples from exp(-U), where U is the sum over the data, so that with
            a mean loss over n texts 1/n does.
        beta: of the head's gradient itself and of the noise: 0 is SVGD, anything above is SPOS.
        step_size: the learning rate, which the noise is scaled by; SPOS alone needs it.

    Raises:
        SettingError: a value is out of its bounds, or SPOS has no step size.

    Example:
        >>> Repulsion(weight=0.1, beta=0.5)
        Traceback (most recent call last):
        heedful.errors.SettingError: repulsion with beta above 0 (SPOS) needs step_size, the learning rate
    """

    weight: Annotated[float, Ge(0), Lt(math.inf)] = 0.01
    beta: Annotated[float, Ge(0), Lt(math.inf)] = 0.0
    step_size: Annotated[float, Gt(0), Lt(math.inf)] | None = None

    def __post_init__(self) -> None:
        check_settings(self, "repulsion")
        if self.beta > 0 and self.step_size is None:
            raise SettingError("repulsion with beta above 0 (SPOS) needs step_size, the learning rate")


@dataclass(frozen=True, eq=False)
class HeadBlocks:
    """A parameter, or a run of its rows or columns, that holds one block a head, block after block.

    Attributes:
        parameter: such as `in_proj_weight` of `torch.nn.MultiheadAttention`.
        heads: their number.
        dim: the dimension that the blocks lie along.
        start, length: the part of that dimension; length None: all from `start` on.

    Raises:
        SettingError: the part is not a whole number of blocks.

    Example:
        >>> layer = torch.nn.MultiheadAttention(8, 2)
        >>> HeadBlocks(layer.in_proj_weight, 2, start=8, length=8).of(layer.in_proj_weight).shape  # the keys
        torch.Size([2, 32])
    """

    parameter: Tensor
    heads: int
    dim: int = 0
    start: int = 0
    length: int | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.parameter.shape)
        if self.heads < 1 or not -len(shape) <= self.dim < len(shape):
            raise SettingError(f"a parameter of shape {shape} has no {self.heads} heads along dimension {self.dim}")
        size = shape[self.dim] - self.start if self.length is None else self.length
        if self.start < 0 or size < 1 or self.start + size > shape[self.dim] or size % self.heads:
            raise SettingError(
                f"{size} numbers from {self.start} on along dimension {self.dim} of shape {shape} are not "
                f"{self.heads} equal blocks"
            )

    def of(self, tensor: Tensor) -> Particles:
        """Return the blocks of the parameter, or of its gradient, a row a head."""
        return self._part(tensor).reshape(self.heads, -1)

    def put(self, tensor: Tensor, rows: Particles) -> None:
        """Write rows as `of` gives them into a tensor of the parameter's shape."""
        part = self._part(tensor)
        part.copy_(rows.reshape(part.shape))

    def _part(self, tensor: Tensor) -> Tensor:
        size = tensor.shape[self.dim] - self.start if self.length is None else self.length
        return tensor.detach().narrow(self.dim, self.start, size).movedim(self.dim, 0)


class HeadRepulsion:
    """A transform of the gradients of attention heads, between `loss.backward()` and `optimizer.step()`.

    Args:
        groups: the heads that repel each other, a group each: its parameters, whose first dimension is the heads, or
            `HeadBlocks`. The particle of a head is all that the group's parameters hold of it. Queries and keys in
            groups of their own repel by themselves.
        settings: how.
        seed: of the noise of SPOS.

    Raises:
        SettingError: a group is empty, or its parameters have different numbers of heads, fewer than two, or are not
            trained.

    Example:
        >>> from torch import nn
        >>> _ = torch.manual_seed(0)
        >>> class Pooling(nn.Module):  # four heads read word vectors and pool them
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.queries, self.readout = nn.Parameter(torch.randn(4, 8)), nn.Linear(32, 2)
        ...     def maps(self, words):
        ...         return (words @ self.queries.T).softmax(1).mT
        ...     def forward(self, words):
        ...         return self.readout((self.maps(words) @ words).flatten(1))
        >>> words, labels = torch.randn(64, 6, 8), torch.arange(64) % 2
        >>> def trained(weight):
        ...     model = Pooling()
        ...     model.queries.data = model.queries.data[:1] + 0.1 * model.queries.data  # heads that are nearly alike
        ...     optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        ...     repel = HeadRepulsion([[model.queries]], Repulsion(weight=weight))
        ...     for _ in range(50):
        ...         optimizer.zero_grad()
        ...         nn.functional.cross_entropy(model(words), labels).backward()
        ...         repel()
        ...         optimizer.step()
        ...     return map_similarity(model.maps(words)).mean().item()
        >>> trained(weight=1.0) < trained(weight=0.0) - 0.1
        True
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Tensor | HeadBlocks]],
        settings: Repulsion = Repulsion(),
        seed: int = 0,
    ) -> None:
        check_seed(seed)
        self.groups = tuple(_group(group) for group in groups)
        self.settings = settings
        self._generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def __call__(self) -> None:
        """Transform the gradients that are there, in place; a group none of whose parameters has one stays as it is.

        Raises:
            SettingError: some parameters of a group have a gradient, and others have none.
        """
        for group in self.groups:
            gradients = [blocks.parameter.grad for blocks in group]
            given = [gradient for gradient in gradients if gradient is not None]
            if not given:
                continue
            if len(given) < len(group):
                raise SettingError("some parameters of a group of heads have no gradient: leave these out of the group")
            particles = torch.cat([blocks.of(blocks.parameter) for blocks in group], 1)
            slopes = torch.cat([blocks.of(one) for blocks, one in zip(group, given, strict=True)], 1)
            changed = direction(particles, slopes, self.settings, self._generator)
            sizes = [blocks.of(blocks.parameter).shape[1] for blocks in group]
            for blocks, gradient, rows in zip(group, given, torch.split(changed, sizes, 1), strict=True):
                blocks.put(gradient, rows)


class RepulsionCallback(TrainerCallback):
    """The same for `transformers.Trainer`: gradients are transformed just before every step of the optimiser.

    The Trainer clips gradients before: `max_grad_norm` bounds those of the loss, not the repulsion.

    Example:
        >>> from transformers import Trainer, TrainingArguments
        >>> layer = torch.nn.MultiheadAttention(8, 2)
        >>> keys = HeadBlocks(layer.in_proj_weight, 2, start=8, length=8)
        >>> callback = RepulsionCallback(HeadRepulsion([[keys]]))  # Trainer(..., callbacks=[callback])
    """

    def __init__(self, repulsion: HeadRepulsion) -> None:
        self.repulsion = repulsion

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Transform the gradients."""
        self.repulsion()


def direction(
    particles: Particles, gradients: Particles, settings: Repulsion, generator: torch.Generator | None = None
) -> Particles:
    """Return what stands in for the gradients, to be descended: SVGD, or SPOS where beta is above 0.

    Args:
        particles: theta_i, a row each.
        gradients: grad_i U.
        settings: w, beta, and the step size for the noise.
        generator: of the noise, on the CPU.

    Example:
        >>> apart = torch.tensor([[0.0], [1.0]])
        >>> direction(apart, torch.zeros(2, 1), Repulsion(weight=1.0))  # down this direction they move apart
        tensor([[ 0.2441],
                [-0.2441]])
    """
    square = median_bandwidth(particles)
    kernel = rbf(particles, square)
    changed = (kernel @ gradients - settings.weight * _slope(particles, kernel, square)) / len(particles)
    if settings.step_size is None or settings.beta == 0:
        return changed
    noise = torch.randn(particles.shape, generator=generator, dtype=particles.dtype).to(particles.device)
    return changed + settings.beta * gradients + math.sqrt(2 * settings.beta / settings.step_size) * noise


def median_bandwidth(particles: Particles) -> Float[Tensor, ""]:
    """Return h^2 = median of |theta_i - theta_j|^2 over all pairs, a particle with itself too, by 2 log(H + 1).

    Where the median is 0 and not all particles are one, the mean stands in; 1 where all are one.

    Example:
        >>> round(median_bandwidth(torch.tensor([[0.0], [1.0], [3.0]])).item() * 2 * math.log(4), 6)
        1.0
    """
    squares = _squares(particles).flatten()
    n, average = len(squares), squares.mean()
    middle = (squares.kthvalue((n + 1) // 2).values + squares.kthvalue(n // 2 + 1).values) / 2
    spread = torch.where(middle > 0, middle, torch.where(average > 0, average, torch.ones_like(average)))
    return 0.5 * spread / math.log(len(particles) + 1)


def rbf(particles: Particles, square: Float[Tensor, ""]) -> Float[Tensor, "heads heads"]:
    """Return k(theta_j, theta_i) = exp(-|theta_j - theta_i|^2 / (2 h^2)); `square` is h^2."""
    return torch.exp(-_squares(particles) / (2 * square))


def kernel_gradient(particles: Particles, square: Float[Tensor, ""]) -> Particles:
    """Return sum_j of the gradient of k(theta_j, theta_i) by theta_j: (theta_i - theta_j) k / h^2, a row an i."""
    return _slope(particles, rbf(particles, square), square)


def frobenius_penalty(maps: Float[Tensor, "texts heads tokens"]) -> Float[Tensor, ""]:
    """Return the mean over texts of |A A^T - I|^2 (Frobenius), to be added to a loss, times a weight.

    Source: Lin, Feng, dos Santos, Yu, Xiang, Zhou and Bengio, A structured self-attentive sentence embedding, ICLR
    2017, equation 8. It is 0 where every head attends to one token and no two to the same.

    Example:
        >>> frobenius_penalty(torch.eye(3)[None]).item(), frobenius_penalty(torch.full((1, 2, 4), 0.25)).item()
        (0.0, 1.25)
    """
    products = maps @ maps.mT - torch.eye(maps.shape[1], dtype=maps.dtype, device=maps.device)
    return products.square().sum((1, 2)).mean()


def map_similarity(
    maps: Float[Tensor, "texts heads tokens"], attended: Bool[Tensor, "texts tokens"] | None = None
) -> Float[Tensor, " texts"]:
    """Return the mean cosine between the maps of two different heads, of each text: 1 where all are alike.

    Args:
        maps: attention of every head on every token; two heads at least.
        attended: which tokens count; None: all.

    Example:
        >>> map_similarity(torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]]))
        tensor([0.0000, 1.0000])
    """
    kept = maps if attended is None else maps * attended[:, None].to(maps.dtype)
    unit = torch.nn.functional.normalize(kept, dim=2)
    n = maps.shape[1]
    return ((unit @ unit.mT).sum((1, 2)) - unit.square().sum((1, 2))) / (n * (n - 1))


def _group(group: Iterable[Tensor | HeadBlocks]) -> tuple[HeadBlocks, ...]:
    blocks = tuple(one if isinstance(one, HeadBlocks) else _rows(one) for one in group)
    heads = {one.heads for one in blocks}
    if len(heads) != 1 or heads == {1}:
        raise SettingError("a group needs parameters of one number of heads, two or more")
    if not all(one.parameter.requires_grad for one in blocks):
        raise SettingError("a parameter of a group of heads is frozen (requires_grad is False): leave it out")
    return blocks


def _rows(parameter: Tensor) -> HeadBlocks:
    if not parameter.ndim:
        raise SettingError("a parameter of a group of heads is a single number: its first dimension must be the heads")
    return HeadBlocks(parameter, len(parameter))


def _slope(particles: Particles, kernel: Float[Tensor, "heads heads"], square: Float[Tensor, ""]) -> Particles:
    centred = particles - particles.mean(0)
    return (kernel.sum(1, keepdim=True) * centred - kernel @ centred) / square


def _squares(particles: Particles) -> Float[Tensor, "heads heads"]:
    return torch.cdist(particles, particles, compute_mode="donot_use_mm_for_euclid_dist").square()
