"""Which texts may share a forward pass, found out by trying.

Texts of different lengths share a pass if the model gives each the logits it gives it alone. A mask says which tokens
are padding, but models may read them all the same: MobileBERT looks at every token's neighbours, FNet mixes all tokens,
XLNet reads its logits off the last one. And where one number is scaled by the largest of the whole pass, as in int8,
even texts of one length change each other. How much a text is moved by that differs from text to text, so it is not
measured but excluded: what a model does not read can be replaced without any effect at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from heedful.classifier import limits
from heedful.classifier.forward import FAILURES, device_of, forward, random_state, restore_random_state, undisturbed
from heedful.classifier.function import FunctionModel
from heedful.classifier.lookups import noise
from heedful.classifier.rounding import precision, same
from heedful.errors import HeedfulError
from heedful.models.modeling import AttentionPoolingForSequenceClassification
from heedful.text.encoding import special_tokens

_WATCHED = 8  # texts whose logits must not move, of as many lengths: what happens to every second or fourth is seen
_OTHERS = 4  # longer texts beside them
_PASSES = 4  # of one text, to see whether its logits are the same each time
_ALONE = (0, 3)  # which of the watched run alone too: of any two, one at most is what a whole pass is scaled by

Ids = Int64[np.ndarray, " _"]
Logits = Float64[np.ndarray, "texts classes"]


@dataclass(frozen=True)
class Sharing:
    """What may share a forward pass.

    Attributes:
        lengths: texts of different lengths.
        texts: more than one text.
        spread: how far a class's logits lie apart from text to text; None if that could not be found out.
        repeats: a text gets the same logits each time, as far as a few passes show.
    """

    lengths: bool
    texts: bool
    spread: float | None
    repeats: bool = True


@dataclass(frozen=True, eq=False)
class MadeUp:
    """Texts of words at random.

    Attributes:
        lead, tail: ids before and behind the words of every text.
        words: ids to choose from.
        room: most tokens a text may have.
    """

    lead: Ids
    tail: Ids
    words: Ids
    room: int

    def texts(self, *, equal: bool) -> list[np.ndarray]:
        """Return ids of texts, the watched ones first; of one length, or each longer than the one before."""
        rng = np.random.default_rng(0)
        longest = max(1, min(_WATCHED + 2 * _OTHERS, self.room - len(self.lead) - len(self.tail)))
        n_words = np.maximum(1, longest - np.arange(_WATCHED + _OTHERS)[::-1])
        return [
            np.concatenate([self.lead, rng.choice(self.words, longest if equal else n), self.tail]) for n in n_words
        ]


def find_out(
    run: Callable[[list[np.ndarray]], Logits],
    made_up: MadeUp,
    tables: list[nn.Embedding],
    eps: float,
    *,
    padding: bool,
) -> Sharing:
    """Run made-up texts twice, the second time with noise in place of what the watched ones must not depend on.

    Noise is added to the word vectors, so that ids still tell where a text ends. Two of the texts run alone too, as the
    number of tokens in a pass may matter where what they are does not.

    Args:
        run: logits of texts, as one padded batch.
        made_up: the texts.
        tables: every table of word vectors; without any, texts are run one by one.
        eps: relative rounding of one number. What is not read cannot even round otherwise; a device may add up in
            another order each time.
        padding: whether the model knows of padding at all.
    """
    spread = 0.0
    for equal in (False, True) if padding else (True,):
        texts = made_up.texts(equal=equal)
        if len(texts) == max(map(len, texts)):  # some models turn the table over: its sides must tell
            texts.append(texts[-1])
        lengths = np.array([len(text) if i < _WATCHED else 0 for i, text in enumerate(texts)])
        expected = run(texts)
        with noise(tables, np.arange(max(map(len, texts))) >= lengths[:, None]) as added:
            together = run(texts)
        spread = max(spread, float(np.ptp(np.concatenate([expected, together]), axis=0).max()))
        moved = np.abs(together - expected)[:_WATCHED]
        unread = bool(added) and (moved <= 4 * eps * (spread + np.abs(expected[:_WATCHED]))).all()
        if unread and all(same(run([texts[i]])[0], expected[i], eps, spread) for i in _ALONE):
            return Sharing(lengths=not equal, texts=True, spread=spread)
    return Sharing(lengths=False, texts=False, spread=spread)


def sharing_of(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, labels: tuple[str, ...], room: int, name: str
) -> Sharing:
    """Return what may share a forward pass of this model: nothing where made-up texts cannot be run.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        labels: class names, one a logit.
        room: most tokens of a text.
        name: what errors call the model.
    """
    if isinstance(model, (AttentionPoolingForSequenceClassification, FunctionModel)):
        return Sharing(lengths=True, texts=True, spread=None)
    device, eps, filler = device_of(model), precision(model), limits.padding_id(model, name)
    size = min(len(tokenizer), limits.n_words(model) or len(tokenizer))
    words = np.setdiff1d(np.arange(size), [*tokenizer.all_special_ids])
    made_up = MadeUp(*special_tokens(tokenizer, name), words, room)

    def run(ids: list[np.ndarray]) -> Logits:
        return forward(model, (ids, None, None), filler or 0, labels, name)

    before = random_state(device)
    try:
        with undisturbed(model):
            sharing = find_out(run, made_up, [*limits.word_tables(model)], eps, padding=filler is not None)
            first, *others = [run(made_up.texts(equal=True)[:1]) for _ in range(_PASSES)]
            repeats = all(same(other, first, eps, sharing.spread or 0.0) for other in others)
    except (HeedfulError, *FAILURES):
        return Sharing(lengths=False, texts=False, spread=None)
    finally:
        restore_random_state(before, device)
    return replace(sharing, lengths=sharing.lengths and not limits.goes_by_length(model), repeats=repeats)
