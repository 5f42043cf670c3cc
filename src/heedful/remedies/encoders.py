"""Small classifiers with sparse attention, as transformers models: an encoder, its states pooled, a linear layer.

Three encoders: words alone, a bidirectional LSTM, a block of self-attention. A token that is not attended to plays no
part at all, wherever it stands: it is read by no encoder, and counted in no position. Padding may stand on either side.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from heedful.models.modeling import sinusoids
from heedful.remedies.configuration import PooledEncoderConfig
from heedful.remedies.sparse import SparseAttention

Vectors = Float[Tensor, "texts tokens size"]
Attended = Bool[Tensor, "texts tokens"]


class PooledEncoderForSequenceClassification(PreTrainedModel):
    """Word vectors, an encoder, its states pooled by sparse attention, and a linear layer.

    Takes token ids (texts, tokens) or word vectors (texts, tokens, size). `output_attentions=True` returns the pooling
    weights (texts, 1, tokens, tokens), the same row for every query, as nothing but the whole text asks; of a block of
    self-attention, its own weights (texts, heads, tokens, tokens) before them.

    Example:
        >>> import heedful, torch
        >>> from heedful.models import build_tokenizer
        >>> tokenizer = build_tokenizer(["a dull plot", "a lovely film"], min_frequency=1)
        >>> _ = torch.manual_seed(0)
        >>> config = PooledEncoderConfig(vocab_size=len(tokenizer), encoder="words", alpha=2.0)
        >>> model = PooledEncoderForSequenceClassification(config).eval()  # train it as any model of transformers
        >>> classifier = heedful.load(model, tokenizer)
        >>> heedful.explain(classifier, "a lovely plot", "attention-mean").units
        ('a', 'lovely', 'plot')
    """

    config_class = PooledEncoderConfig
    base_model_prefix = "pooled"

    def __init__(self, config: PooledEncoderConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.encoder = _ENCODERS[config.encoder](config)
        self.attention = SparseAttention(config.state_size, scorer=config.scorer, alpha=config.alpha)
        self.head = nn.Linear(config.state_size, config.num_labels)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Make word vectors smaller than torch does; all else begins as torch has it."""
        if module is self.embeddings:
            nn.init.normal_(self.embeddings.weight, std=0.1)
        elif module is self.attention:
            nn.init.normal_(self.attention.query, std=1 / math.sqrt(len(self.attention.query)))

    def get_input_embeddings(self) -> nn.Module:
        """The word embedding."""
        return self.embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the word embedding."""
        self.embeddings = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        **_: object,
    ) -> SequenceClassifierOutput:
        """Logits (texts, classes), hidden states (word vectors, then states), and the loss where labels are given.

        Raises:
            ValueError: neither or both of ids and vectors are given, or a text is longer than the model takes.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        vectors = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        n_texts, n_tokens = vectors.shape[:2]
        if n_tokens > self.config.max_position_embeddings:
            most = self.config.max_position_embeddings
            raise ValueError(f"{n_tokens} tokens, but this model takes at most {most}: truncate the text")
        there = vectors.new_ones(n_texts, n_tokens) if attention_mask is None else attention_mask
        attended = there.bool()
        states, inner = self.encoder(self._dropped(vectors), attended)
        weights = self.attention.weights(states, attended)
        attentions = None
        if output_attentions:
            rows = weights[:, None, None].expand(-1, 1, n_tokens, -1)
            attentions, weights = (*inner, rows), rows.mean((1, 2))  # logits come from the rows, so gradients do too
        logits = self.head(self._dropped(torch.einsum("bt,bts->bs", weights, states)))
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=(vectors, states), attentions=attentions
        )

    def _dropped(self, numbers: Tensor) -> Tensor:
        return functional.dropout(numbers, self.config.dropout, self.training)


class WordStates(nn.Module):
    """States of words alone: tanh(W x + b), token by token; nothing is mixed."""

    def __init__(self, config: PooledEncoderConfig) -> None:
        super().__init__()
        self.layer = nn.Linear(config.hidden_size, config.state_size)

    def forward(self, vectors: Vectors, attended: Attended) -> tuple[Tensor, tuple[Tensor, ...]]:
        """States (texts, tokens, state size), and no attention weights."""
        return self.layer(vectors).tanh(), ()


class RecurrentStates(nn.Module):
    """States of a bidirectional LSTM, which reads the tokens attended to as if there were no others."""

    def __init__(self, config: PooledEncoderConfig) -> None:
        super().__init__()
        self.lstm = nn.LSTM(config.hidden_size, config.state_size // 2, batch_first=True, bidirectional=True)

    def forward(self, vectors: Vectors, attended: Attended) -> tuple[Tensor, tuple[Tensor, ...]]:
        """States (texts, tokens, state size), 0 where a token is not attended to; and no attention weights."""
        lengths = attended.sum(1)
        front = torch.arange(attended.shape[1], device=attended.device) < lengths[:, None]
        order = None if torch.equal(front, attended) else (~attended).to(torch.uint8).argsort(dim=1, stable=True)
        read = vectors if order is None else vectors.gather(1, order[..., None].expand_as(vectors))
        # an empty text is read as one token, whose state nobody attends to
        packed = pack_padded_sequence(read, lengths.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=attended.shape[1])
        if order is not None:
            states = states.gather(1, order.argsort(dim=1)[..., None].expand_as(states))
        return states, ()


class AttendedStates(nn.Module):
    """States of one block of self-attention, normalised after each addition (Vaswani et al. 2017)."""

    def __init__(self, config: PooledEncoderConfig) -> None:
        super().__init__()
        size, self.n_heads = config.state_size, config.num_attention_heads
        self.enter = nn.Linear(config.hidden_size, size)
        self.read = nn.Linear(size, 3 * size)
        self.write = nn.Linear(size, size)
        self.inner, self.outer = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.after_attention, self.after_layers = nn.LayerNorm(size), nn.LayerNorm(size)
        self.longest = config.max_position_embeddings

    def forward(self, vectors: Vectors, attended: Attended) -> tuple[Tensor, tuple[Tensor, ...]]:
        """States (texts, tokens, state size), and attention weights (texts, heads, tokens, tokens)."""
        x = self.enter(vectors)
        place = (attended.cumsum(1) - 1).clamp_min(0)  # among the tokens attended to
        x = x + sinusoids(self.longest, x.shape[2]).to(x)[place]
        q, k, v = self.read(x).unflatten(2, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        # a text without any token would give not-a-number
        some = attended.any(1)[:, None, None, None]
        weights = scores.masked_fill(~attended[:, None, None] & some, -math.inf).softmax(-1)
        x = self.after_attention(x + self.write((weights @ v).transpose(1, 2).flatten(2)))
        return self.after_layers(x + self.outer(functional.gelu(self.inner(x)))), (weights,)


_ENCODERS = {"words": WordStates, "bilstm": RecurrentStates, "self-attention": AttendedStates}

AutoConfig.register(PooledEncoderConfig.model_type, PooledEncoderConfig, exist_ok=True)
AutoModelForSequenceClassification.register(PooledEncoderConfig, PooledEncoderForSequenceClassification, exist_ok=True)
