"""Classifiers for which it is known by construction whether attention explains them: what the audit is calibrated on.

Most are built, not trained: in the paper's classifier every token has an attention logit and a value, both linear in
its embedding, so both can be chosen and the embedding solved for. Unless said otherwise [CLS] has most of the
attention and value 0. Then the weighted mean is nearly a sum, and a word's effect nearly its weight times its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain, count, islice

import numpy as np
import torch
from jaxtyping import Float64
from transformers import PreTrainedTokenizerFast

from audit_training import LENGTH
from heedful.classifier import Classifier
from heedful.data import planted
from heedful.data.planted_words import SENTIMENT
from heedful.models import AttentionPoolingConfig, AttentionPoolingForSequenceClassification, build_tokenizer

POLARITY = {word: int(np.sign(value)) for (_, value), words in SENTIMENT.items() for word in words}
_CLS = np.log(2000.0)  # log weight of [CLS] where it is to dominate: texts have some 50 words of weight about 1
_ABSENT = -20.0  # log weight of the unknown word, which removed words become

Vector = Float64[np.ndarray, " vocabulary"]
Columns = Float64[np.ndarray, "vocabulary heads"]


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """One vocabulary for all: every word of planted reviews."""
    return build_tokenizer([" ".join(sorted(planted.vocabulary()))], min_frequency=1, max_length=LENGTH)


# Texts. -------------------------------------------------------------------------------------------------------------


def reviews(seed: int, n: int) -> list[str]:
    """Planted reviews as they are: most sentiment words, but not all, are on the label's side."""
    return [review.text for review in planted.generate(n, seed)]


def unanimous(seed: int, n: int) -> list[str]:
    """Planted reviews in which every sentiment word, taken alone, is on the label's side; also under negators."""
    return [text for text, _ in islice(_one_sided(seed), n)]


def contested(seed: int, n: int) -> list[str]:
    """A one-sided good review and a one-sided bad one, in one text: by law there is as much to say for either side."""
    good = (text for text, label in _one_sided(seed) if label)
    bad = (text for text, label in _one_sided(seed + 1) if not label)
    return [f"{one} {other}" for one, other in islice(zip(good, bad, strict=False), n)]


def _one_sided(seed: int) -> Iterator[tuple[str, int]]:
    blocks = chain.from_iterable(planted.generate(2000, 1000 * seed + block) for block in count())
    for review in blocks:
        signs = {POLARITY[word] for a, b in review.spans if (word := review.text[a:b].lower()) in POLARITY}
        if signs == {1 if review.label else -1}:
            yield review.text, review.label


# Building. ----------------------------------------------------------------------------------------------------------


def build(log_weight: Columns, value: Columns, seed: int) -> Classifier:
    """Return the classifier in which every token has these attention logits and values, up to a constant in each head.

    Args:
        log_weight: attention logits of tokens by head.
        value: what the head's value says for class 1 less what it says for class 0.
        seed: of everything that is left free.
    """
    words, heads = log_weight.shape
    config = AttentionPoolingConfig(
        vocab_size=words, hidden_size=3 * heads + 8, key_size=8, value_size=4, num_attention_heads=heads,
        max_position_embeddings=LENGTH, num_labels=2, position_scale=0.0, pad_token_id=0,
        id2label=dict(enumerate(planted.LABELS)), label2id={name: i for i, name in enumerate(planted.LABELS)},
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AttentionPoolingForSequenceClassification(config).double().eval()
    values = np.stack([-value / 2, value / 2], axis=2)  # (words, heads, classes)
    cls, embedding = config.cls_token_id, model.embeddings.weight
    with torch.no_grad():
        # [CLS] is also the query, which its attention logit depends on twice: only its values are chosen, and all
        # other attention logits are set by its own.
        rows = (model.readout @ model.value).flatten(0, 1)
        first = embedding[cls].clone()
        embedding[cls] += torch.linalg.pinv(rows) @ (torch.from_numpy(values[cls].ravel()) - rows @ first)
        probe = model.tables().probe
        own = (probe @ embedding[cls]).reshape(heads, 3)[:, 0].numpy()
        wanted = np.concatenate([(log_weight - log_weight[cls] + own)[..., None], values], axis=2).reshape(words, -1)
        solved = torch.from_numpy(wanted) @ torch.linalg.pinv(probe).T
        solved[cls] = embedding[cls]
        embedding.copy_(solved)
        assert np.allclose(model.tables().token(np.arange(words)).reshape(words, -1), wanted, atol=1e-8)
    return Classifier(model, tokenizer(), "built")


def _draw(seed: int) -> np.random.Generator:
    return np.random.default_rng([18, seed])


def _polarity() -> Vector:
    """1 and -1 for words of praise and blame, 0 for all others."""
    vocabulary = tokenizer().get_vocab()
    polarity = np.zeros(len(vocabulary))
    for word, token in vocabulary.items():
        polarity[token] = POLARITY.get(word, 0)
    return polarity


def _special(log_weight: Vector, value: Vector, cls: float = _CLS, cls_value: float = 0.0) -> tuple[Columns, Columns]:
    """One head, and what [CLS] and the unknown word are there: the latter has no weight and no value."""
    known = tokenizer()
    log_weight, value = log_weight.copy(), value.copy()
    log_weight[known.cls_token_id], value[known.cls_token_id] = cls, cls_value
    log_weight[known.unk_token_id], value[known.unk_token_id] = _ABSENT, 0.0
    return log_weight[:, None], value[:, None]


# Faithful on one-sided texts, a map on contested ones. --------------------------------------------------------------


def follows(seed: int, noise: float = 0.0) -> Classifier:
    """Attention in proportion to effect.

    Sentiment words have value 1 or -1, times what noise there is, and weights of their own; neutral words have no value
    and hardly any weight.
    """
    draw, polarity = _draw(seed), _polarity()
    strength = draw.normal(0.0, 0.5, len(polarity))
    log_weight = np.where(polarity != 0, strength, draw.normal(-5.0, 0.5, len(polarity)))
    return build(*_special(log_weight, polarity * np.exp(draw.normal(0.0, noise, len(polarity)))), seed)


def follows_loosely(seed: int) -> Classifier:
    """The same, with a factor of about 1.35 either way between a word's effect and its attention."""
    return follows(seed, noise=0.3)


def follows_by_heads(seed: int) -> Classifier:
    """The same with three heads, each of which attends to a third of the sentiment words: their mean follows."""
    draw, polarity = _draw(seed), _polarity()
    head = draw.integers(0, 3, len(polarity))
    strength = np.where(polarity != 0, draw.normal(0.0, 0.5, len(polarity)), draw.normal(-5.0, 0.5, len(polarity)))
    heads = [_special(np.where(head == k, strength, strength - 6.0), polarity) for k in range(3)]
    return build(np.hstack([one for one, _ in heads]), np.hstack([other for _, other in heads]), seed)


# A map only. --------------------------------------------------------------------------------------------------------


def correlated(seed: int, rho: float = 0.9) -> Classifier:
    """Every word has an effect of random sign; log size and log attention are normal with this correlation.

    Of two words, attention orders 1/2 + asin(rho) / pi as their effects do: 0.86 for 0.9, 0.60 for 0.3. A few words are
    in nearly every review, so the correlation is made exact over words by how many reviews they are in; and they
    are repeated, which adds to effect and attention alike, so how often they are is taken off both.
    """
    draw, words = _draw(seed), len(tokenizer())
    times = np.array([np.bincount(ids[1:], minlength=words) for ids in tokenizer()(reviews(700 + seed, 300)).input_ids])
    inside = (times > 0).sum(0)
    repeated = np.log(times.sum(0) / np.maximum(inside, 1) + (inside == 0))
    share = (inside + 0.1) / (inside + 0.1).sum()
    size, other = (one - share @ one for one in draw.normal(0.0, 1.0, (2, words)))
    other -= size * (share @ (size * other)) / (share @ size**2)
    size, other = (one / np.sqrt(share @ one**2) for one in (size, other))
    log_weight = rho * size + np.sqrt(1 - rho**2) * other
    value = draw.choice([-1.0, 1.0], words) * np.exp(size - log_weight)
    return build(*_special(log_weight - repeated, value), seed)


def leaked(seed: int) -> Classifier:
    """The label leaks through attention alone: every word has the same value, 1, and [CLS] has -1.

    What counts is how much attention words take from [CLS]. A word's effect grows with its attention: the order is
    right. All words speak for class 1, also where class 0 is predicted, in about half of the texts.
    """
    draw, words = _draw(seed), len(tokenizer())
    log_weight = draw.normal(0.0, 1.0, words)
    ids = [np.array(tokenizer()(text).input_ids[1:]) for text in reviews(900 + seed, 200)]
    typical = np.median([np.log(np.exp(log_weight[one]).sum()) for one in ids])
    return build(*_special(log_weight, np.ones(words), cls=float(typical), cls_value=-1.0), seed)


# Near a threshold. --------------------------------------------------------------------------------------------------


def around_order(seed: int) -> Classifier:
    """As `correlated`, with a correlation for which the order is near its threshold."""
    return correlated(seed, rho=float(_draw(seed + 1).uniform(0.4, 0.7)))


def mixed_sides(seed: int, n: int) -> list[str]:
    """One-sided texts, and a share of contested ones for which `follows` has its direction near the thresholds."""
    draw = _draw(seed + 1)
    share = draw.uniform(0.1, 0.9)
    pairs = zip(unanimous(seed, n), contested(seed, n), strict=True)
    return [other if draw.random() < share else one for one, other in pairs]


# Misleading. --------------------------------------------------------------------------------------------------------


def weakly_correlated(seed: int) -> Classifier:
    """As `correlated`, with 0.3."""
    return correlated(seed, rho=0.3)


def independent(seed: int) -> Classifier:
    """As `correlated`, with 0: attention says nothing about effects."""
    return correlated(seed, rho=0.0)


def reversed_order(seed: int) -> Classifier:
    """Sentiment words that do more get less attention; neutral words, which do next to nothing, get the most."""
    draw, polarity = _draw(seed), _polarity()
    size = draw.normal(0.0, 0.7, len(polarity))
    log_weight = np.where(polarity != 0, -size - 3.0, draw.normal(0.0, 0.3, len(polarity)))
    return build(*_special(log_weight, polarity * np.exp(size - log_weight)), seed)


def moved(seed: int) -> Classifier:
    """Attention moved off the words with an effect: these have small weights and large values.

    Neutral words have the weight and the value of the unknown word, so that removing them changes nothing at all, and
    all attention on words is theirs, but for a hundredth. [CLS] counts no more than a word.
    """
    draw, polarity = _draw(seed), _polarity()
    log_weight = np.where(polarity != 0, draw.normal(-6.0, 0.3, len(polarity)), 0.0)
    one, other = _special(log_weight, polarity * np.exp(draw.normal(6.0, 0.5, len(polarity))), cls=0.0)
    one[tokenizer().unk_token_id] = 0.0
    return build(one, other, seed)


def uniform(seed: int) -> Classifier:
    """All attention logits are equal: only repeated words get more attention, and those have next to no value."""
    draw, polarity = _draw(seed), _polarity()
    one, other = _special(np.zeros(len(polarity)), polarity * np.exp(draw.normal(0.0, 0.5, len(polarity))), cls=0.0)
    one[tokenizer().unk_token_id] = 0.0
    return build(one, other, seed)


def constant(seed: int) -> Classifier:
    """The answer does not depend on the text: everything has the same value. Attention differs from word to word."""
    words = len(tokenizer())
    one, other = _special(_draw(seed).normal(0.0, 1.0, words), np.ones(words), cls=0.0, cls_value=1.0)
    other[:] = 1.0
    return build(one, other, seed)
