"""Combinatorial shortcuts: a selector of k words before a reader, trained so that which words it takes tells nothing.

Source: Bai, Liang, Zhang, Li, Bai and Wang, Why attentions may not be interpretable?, KDD 2021. A selector that is
trained together with what reads its words can send the label by where it looks instead of by what is there. Two
repairs: train the reader on random choices and freeze it before the selector is trained; or weigh every text by
P(y) / P(y | m), so that under the weights the mask m tells nothing of the label y. Neither code nor all details of the
paper are public: the selector is that of Chen et al. 2018 (L2X, with their relaxation of a choice of k), and P(y | m)
is a logistic regression on the mask, learned from other texts than those it is asked about.

Texts are arrays of token ids; the labels are what the reader is to tell, such as the answers of a frozen black box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor, nn
from torch.nn import functional

from heedful.errors import DataError, MissingExtraError, SettingError
from heedful.support.kinds import OneOf
from heedful.support.settings import check_seed, check_settings

TRAININGS = ("joint", "frozen", "weighted")
CLIP = (0.1, 10.0)
FOLDS = 5

Weights = Float[Tensor, "texts tokens"]
Attended = Bool[Tensor, "texts tokens"]
Ids = Int64[Tensor, "texts tokens"]


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts of one width, and what is to be told of them.

    Attributes:
        ids: token ids.
        attended: what may be chosen: no padding, no special token.
        labels: class numbers.

    Raises:
        DataError: a text has nothing to choose from, or the numbers of texts differ.
    """

    ids: Ids
    attended: Attended
    labels: Int64[Tensor, " texts"]

    def __post_init__(self) -> None:
        if self.ids.shape != self.attended.shape or len(self.ids) != len(self.labels):
            raise DataError("ids, attended and labels must be of the same texts")
        if not bool(self.attended.any(1).all()):
            raise DataError(f"text {int((~self.attended.any(1)).int().argmax())} has no word to choose")

    def __getitem__(self, chosen: Int64[Tensor, " chosen"] | slice) -> Texts:
        return Texts(self.ids[chosen], self.attended[chosen], self.labels[chosen])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Training:
    """How a selector is trained, and a reader.

    Attributes:
        kind: "joint", both together; "frozen", the reader as it was given, with random choices learned before;
            "weighted", both together with the weights of `instance_weights`, made anew before every epoch.
        k: words chosen; None: weights of a softmax over all words, which is soft attention.
        epochs, batch_size, learning_rate: of Adam.
        temperature: of the relaxed choice; near 0 it is hard.

    Raises:
        SettingError: a value is out of its bounds.
    """

    kind: Annotated[str, OneOf(TRAININGS)] = "joint"
    k: Annotated[int, Ge(1)] | None = 10
    epochs: Annotated[int, Ge(1)] = 8
    batch_size: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0), Lt(math.inf)] = 3e-3
    temperature: Annotated[float, Gt(0), Lt(math.inf)] = 0.5

    def __post_init__(self) -> None:
        check_settings(self, "training")


class Selector(nn.Module):
    """A logit for every word: from its neighbours and position, and as the key to a query from the whole text.

    Args:
        vocabulary: number of token ids.
        tokens: width of the texts.
        size: of word vectors.
    """

    def __init__(self, vocabulary: int, tokens: int, size: int = 32) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, size), nn.Parameter(torch.randn(tokens, size))
        nn.init.normal_(self.words.weight, std=0.3)
        self.near, self.logit = nn.Conv1d(size, size, 3, padding=1), nn.Linear(size, 1)
        self.query, self.key = nn.Linear(size, size), nn.Linear(size, size, bias=False)

    def forward(self, ids: Ids, attended: Attended) -> Weights:
        """Logits; minus infinity where nothing may be chosen."""
        words = self.words(ids) * attended[..., None]
        query = self.query(words.sum(1) / attended.sum(1, keepdim=True))
        vectors = words + self.positions
        by_key = torch.einsum("nh,nth->nt", query, self.key(vectors)) / math.sqrt(query.shape[1])
        by_word = self.logit(torch.relu(self.near(vectors.mT).mT)).squeeze(2)
        return (by_word + by_key).masked_fill(~attended, -math.inf)


class Reader(nn.Module):
    """What reads chosen words: it sees each with its position, so that a choice could speak by where it is.

    Args:
        vocabulary: number of token ids.
        tokens: width of the texts.
        classes: number of answers.
        size: of word vectors.
        values: "words", with their positions; "positions" alone, the same in all texts, so that nothing but the weights
            can tell the label; "one", the same vector everywhere, so that nothing can.
    """

    def __init__(self, vocabulary: int, tokens: int, classes: int, size: int = 32, values: str = "words") -> None:
        super().__init__()
        if values not in ("words", "positions", "one"):
            raise SettingError(f'values are "words", "positions" or "one", got {values!r}')
        self.values = values
        small = 0.1 if values == "words" else 1.0  # beside the words, so that a reader learns to read
        self.words, self.positions = nn.Embedding(vocabulary, size), nn.Parameter(small * torch.randn(tokens, size))
        nn.init.normal_(self.words.weight, std=0.3)
        self.hidden, self.after, self.answer = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, classes)

    def forward(self, ids: Ids, weights: Weights) -> Float[Tensor, "texts classes"]:
        """Logits of the answers from the weighted mean of the words."""
        vectors = self.positions if self.values != "one" else self.positions[:1].expand_as(self.positions)
        vectors = vectors + self.words(ids) if self.values == "words" else vectors.expand(len(ids), -1, -1)
        share = weights / weights.sum(1, keepdim=True).clamp_min(1e-9)
        mean = torch.einsum("nt,nth->nh", share, torch.relu(self.hidden(vectors)))
        return self.answer(torch.relu(self.after(mean)))


def top_k(logits: Weights, k: int) -> Weights:
    """Return 1 for the k largest logits of each text, 0 elsewhere; all that may be chosen where these are fewer.

    Example:
        >>> top_k(torch.tensor([[0.1, 2.0, 1.0], [1.0, -math.inf, -math.inf]]), 2).tolist()
        [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    """
    places = logits.topk(min(k, logits.shape[1]), dim=1).indices
    return torch.zeros_like(logits).scatter(1, places, 1.0) * logits.isfinite()


def relaxed_top_k(logits: Weights, k: int, temperature: float, generator: torch.Generator) -> Weights:
    """Return a differentiable, random choice: the largest of k draws from the concrete distribution, word by word.

    Source: Chen, Song, Wainwright and Jordan, Learning to explain (L2X), ICML 2018, section 3.
    """
    uniform = torch.rand((k, *logits.shape), generator=generator).clamp(1e-9, 1 - 1e-7)
    gumbel = -torch.log(-torch.log(uniform))
    return ((logits + gumbel) / temperature).softmax(2).amax(0)


def random_weights(attended: Attended, k: int | None, generator: torch.Generator) -> Weights:
    """Return weights that know nothing of the text: a uniform choice of k words; None: a uniform point of the simplex.

    Example:
        >>> both = random_weights(torch.ones(2, 5, dtype=torch.bool), 2, torch.Generator().manual_seed(0))
        >>> both.sum(1).tolist()
        [2.0, 2.0]
    """
    uniform = torch.rand(attended.shape, generator=generator).clamp_min(1e-9)
    if k is None:
        spacings = -torch.log(uniform) * attended
        return spacings / spacings.sum(1, keepdim=True)
    return top_k(uniform.masked_fill(~attended, -math.inf), k)


def bounded_weights(
    labels: Int64[np.ndarray, " texts"],
    given_mask: Float64[np.ndarray, "texts classes"],
    clip: tuple[float, float] = CLIP,
) -> Float64[np.ndarray, " texts"]:
    """Return P(y) / P(y | m) of every text, within bounds; P(y) is the share of its label.

    Args:
        labels: y.
        given_mask: P(. | m), of every class.
        clip: the bounds.

    Example:
        >>> bounded_weights(np.array([0, 1]), np.array([[0.5, 0.5], [0.75, 0.25]]))
        array([1., 2.])
    """
    shares = np.bincount(labels, minlength=given_mask.shape[1]) / len(labels)
    chosen = given_mask[np.arange(len(labels)), labels]
    return (shares[labels] / np.maximum(chosen, 1e-12)).clip(*clip)


def given_masks(
    masks: Float64[np.ndarray, "texts tokens"], labels: Int64[np.ndarray, " texts"], seed: int = 0
) -> Float64[np.ndarray, "texts classes"]:
    """Return P(. | m) of every text by logistic regression on the masks of the texts in the other four folds of five.

    Args:
        masks: m; positions that are the same in all texts do no harm.
        labels: y, class numbers from 0 up to the largest.
        seed: of the folds.

    Raises:
        DataError: a label has fewer texts than there are folds.
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold
    except ImportError:
        raise MissingExtraError("scikit-learn", "audit", "weights by P(y | m)") from None
    check_seed(seed)
    often = np.bincount(labels)
    if often[often > 0].min() < FOLDS:
        raise DataError(f"P(y | m) is learned in {FOLDS} folds: every label needs as many texts")
    result = np.zeros((len(labels), len(often)))
    for rest, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(masks, labels):
        learned = LogisticRegression(max_iter=500).fit(masks[rest], labels[rest])
        result[np.ix_(held, learned.classes_)] = learned.predict_proba(masks[held])
    return result


def instance_weights(
    masks: Float64[np.ndarray, "texts tokens"], labels: Int64[np.ndarray, " texts"], seed: int = 0
) -> Float64[np.ndarray, " texts"]:
    """Return the weights under which the masks tell next to nothing of the labels: `bounded_weights` of `given_masks`.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> labels = draw.integers(0, 2, 400)
        >>> masks = (draw.random((400, 3)) < np.where(labels, 0.8, 0.2)[:, None]).astype(float)  # they tell the label
        >>> weights = instance_weights(masks, labels)
        >>> first = [np.average(masks[labels == y, 0], weights=weights[labels == y]) for y in (0, 1)]
        >>> plain = [masks[labels == y, 0].mean() for y in (0, 1)]
        >>> bool(abs(first[1] - first[0]) < 0.2 < 0.5 < plain[1] - plain[0])
        True
    """
    return bounded_weights(labels, given_masks(masks, labels, seed))


def train_reader(reader: Reader, texts: Texts, training: Training = Training(), seed: int = 0) -> None:
    """Train a reader on random choices, drawn anew in every batch: then no choice can have taught it a shortcut.

    The choices are of k words, of twice as many, and so on up to all: of k words of a long text alone it learns little.
    What it tells from words that a selector has chosen is what these words say: it is the first repair, and a fair
    judge of a selector, if it is trained from another seed or on other texts than the reader the selector has met.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(reader.parameters(), training.learning_rate)
    sizes = _sizes(training.k, texts.ids.shape[1])
    for _ in range(training.epochs):
        for rows in _batches(len(texts), training.batch_size, generator):
            some, size = texts[rows], sizes[int(torch.randint(len(sizes), (), generator=generator))]
            logits = reader(some.ids, random_weights(some.attended, size, generator))
            _step(optimiser, functional.cross_entropy(logits, some.labels))


def train_selector(
    selector: Selector, reader: Reader, texts: Texts, training: Training = Training(), seed: int = 0
) -> None:
    """Train a selector so that the reader tells the label from the words chosen.

    Args:
        selector: is trained.
        reader: is trained too, unless the training is "frozen": then it comes from `train_reader` and stays as it is.
        texts: to train on.
        training: how.
        seed: of the batches, the relaxed choices and the folds.

    Raises:
        MissingExtraError: scikit-learn is not installed, and the training is "weighted".

    Example:
        >>> draw = np.random.default_rng(0)
        >>> labels = torch.tensor(draw.integers(0, 2, 400))
        >>> ids = torch.tensor(draw.integers(4, 20, (400, 8)))  # words 4 to 19 say nothing
        >>> ids[torch.arange(400), torch.tensor(draw.integers(0, 8, 400))] = 1 + labels  # one word says it: 1 or 2
        >>> texts = Texts(ids, torch.ones(400, 8, dtype=torch.bool), labels)
        >>> with torch.random.fork_rng():
        ...     _ = torch.manual_seed(0)
        ...     selector, reader = Selector(20, 8), Reader(20, 8, classes=2)
        >>> training = Training("frozen", k=1, epochs=10, learning_rate=1e-2)
        >>> train_reader(reader, texts, training)  # on words chosen at random
        >>> train_selector(selector, reader, texts, training)
        >>> chosen = ids[choose(selector, texts, k=1).bool()]
        >>> (chosen == 1 + labels).double().mean().item() > 0.95
        True
    """
    generator = torch.Generator().manual_seed(seed)
    frozen = training.kind == "frozen"
    parameters = [*selector.parameters(), *(() if frozen else reader.parameters())]
    optimiser = torch.optim.Adam(parameters, training.learning_rate)
    needed = [parameter.requires_grad for parameter in reader.parameters()]
    try:
        for parameter in reader.parameters() if frozen else ():
            parameter.requires_grad = False
        for epoch in range(training.epochs):
            weights = _weights(selector, texts, training, seed + epoch)
            for rows in _batches(len(texts), training.batch_size, generator):
                some = texts[rows]
                shown = _shown(selector(some.ids, some.attended), training, generator)
                losses = functional.cross_entropy(reader(some.ids, shown), some.labels, reduction="none")
                _step(optimiser, (losses * weights[rows]).sum() / weights[rows].sum())
    finally:
        for parameter, before in zip(reader.parameters(), needed, strict=True):
            parameter.requires_grad = before


@torch.no_grad()
def choose(selector: Selector, texts: Texts, k: int | None, batch_size: int = 256) -> Weights:
    """Return the selector's hard choice of k words, as 1 and 0; None: its soft weights."""
    every = [selector(one.ids, one.attended) for one in (texts[rows] for rows in _slices(len(texts), batch_size))]
    logits = torch.cat(every)
    return logits.softmax(1) if k is None else top_k(logits, k)


@torch.no_grad()
def tell(reader: Reader, texts: Texts, weights: Weights, batch_size: int = 256) -> Int64[np.ndarray, " texts"]:
    """Return the class that a reader tells of every text from the words it is shown."""
    rows = _slices(len(texts), batch_size)
    return torch.cat([reader(texts.ids[one], weights[one]).argmax(1) for one in rows]).numpy()


def _shown(logits: Weights, training: Training, generator: torch.Generator) -> Weights:
    if training.k is None:
        return logits.softmax(1)
    return relaxed_top_k(logits, training.k, training.temperature, generator)


def _weights(selector: Selector, texts: Texts, training: Training, seed: int) -> Float[Tensor, " texts"]:
    if training.kind != "weighted":
        return torch.ones(len(texts))
    masks = choose(selector, texts, training.k).double().numpy()
    return torch.from_numpy(instance_weights(masks, texts.labels.numpy(), seed % 2**32)).float()


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()


def _batches(n: int, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    return torch.split(torch.randperm(n, generator=generator), size)


def _slices(n: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, n, size)]


def _sizes(k: int | None, tokens: int) -> list[int | None]:
    """Numbers of words for random choices: k, twice as many, and so on up to all."""
    return [None] if k is None else [k * 2**i for i in range(tokens) if i == 0 or k * 2 ** (i - 1) < tokens]
