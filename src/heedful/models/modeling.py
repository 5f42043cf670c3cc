"""The paper's classifier as a transformers model, in its plain and in its folded form.

Plain (Lopardo, Precioso, Garreau 2024, section 2), for every head:

    e_t = E[token_t] + P[t],  k_t = W_k e_t,  q = W_q e_0,  v_t = W_v e_t
    s_t = q . k_t / sqrt(d_att),  alpha = softmax(s),  logits = mean over heads of W_l sum_t alpha_t v_t

Only the query of position 0, [CLS], is read, so everything folds into 1 + C numbers a token and head:

    s_t = (W_k^T q / sqrt(d_att)) . e_t,   c_t = (W_l W_v) e_t,   logits = mean over heads of sum_t alpha_t c_t

and both split into a part of the token and a part of the position: two look-up tables. `forward` is the folded form;
`plain` is its reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from heedful.models.compiled import pooled, products
from heedful.models.configuration import AttentionPoolingConfig
from heedful.models.normalisers import normalise
from heedful.support.parallel import in_parallel, parts

_ROWS_A_THREAD, _TEXTS_A_THREAD = 512, 16


class AttentionPoolingForSequenceClassification(PreTrainedModel):
    """One layer of multi-head attention read out at [CLS], then a linear layer, averaged over heads.

    Takes token ids (batch, tokens) or word vectors (batch, tokens, d_e); position vectors are added inside. Padding
    may stand on either side. `output_attentions=True` returns one tensor (batch, heads, 1, tokens): the [CLS] row.
    It sums to 1 unless padding is attended to beyond the tokens given.
    """

    config_class = AttentionPoolingConfig
    base_model_prefix = "pooling"

    def __init__(self, config: AttentionPoolingConfig) -> None:
        super().__init__(config)
        heads, d_e = config.num_attention_heads, config.hidden_size
        self.embeddings = nn.Embedding(config.vocab_size, d_e)
        self.query = nn.Parameter(torch.empty(heads, config.key_size, d_e))
        self.key = nn.Parameter(torch.empty(heads, config.key_size, d_e))
        self.value = nn.Parameter(torch.empty(heads, config.value_size, d_e))
        self.readout = nn.Parameter(torch.empty(config.num_labels, config.value_size))
        self.register_buffer("positions", torch.empty(config.max_position_embeddings, d_e))
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if module is self.embeddings:
            torch.nn.init.normal_(self.embeddings.weight, std=self.config.initializer_range)
        elif module is self:
            for matrix in (self.query, self.key, self.value, self.readout):
                torch.nn.init.normal_(matrix, std=1 / math.sqrt(matrix.shape[-1]))
            self.positions.copy_(sinusoids(*self.positions.shape) * self.config.position_scale)

    def get_input_embeddings(self) -> nn.Module:
        """The word embedding, without positions."""
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
        """Logits (batch, classes), and the loss where labels (batch,) are given.

        Raises:
            ValueError: neither or both of ids and vectors are given, or the sequence is longer than the model.
        """
        given = input_ids if inputs_embeds is None else inputs_embeds
        if given is None or (input_ids is not None and inputs_embeds is not None):
            raise ValueError("give either input_ids or inputs_embeds")
        inputs, attended, lead = self._align(given, attention_mask)
        if self.training and self.config.word_dropout and input_ids is not None:
            inputs, attended = self._hide_words(inputs, attended)
        scores, values = self._fold(inputs) if inputs_embeds is None else self._fold_vectors(inputs)
        weights = normalise(
            scores.masked_fill(~attended[..., None], -math.inf), self.config.normaliser, self.config.entmax_alpha, dim=1
        )
        logits = torch.einsum("btk,btkc->bkc", weights, values).mean(1)
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        attentions = (
            (_unroll(weights, lead, given.shape[1]).transpose(1, 2).unsqueeze(2),) if output_attentions else None
        )
        return SequenceClassifierOutput(loss=loss, logits=logits, attentions=attentions)

    def plain(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Logits (batch, classes) by queries, keys and values as the paper writes them: the folded form's reference."""
        inputs, attended, _ = self._align(input_ids, attention_mask)
        vectors = self.embeddings(inputs) + self.positions[: inputs.shape[1]]
        q = torch.einsum("kad,bd->bka", self.query, vectors[:, 0])
        keys = torch.einsum("kad,btd->btka", self.key, vectors)
        values = torch.einsum("kod,btd->btko", self.value, vectors)
        scores = torch.einsum("bka,btka->btk", q, keys) / math.sqrt(self.config.key_size)
        scores = scores.masked_fill(~attended[..., None], -math.inf)
        weights = normalise(scores, self.config.normaliser, self.config.entmax_alpha, dim=1)
        pooled = torch.einsum("btk,btko->bko", weights, values)
        return torch.einsum("co,bko->bkc", self.readout, pooled).mean(1)

    def tables(self) -> FoldedTables:
        """The look-up tables in float64, on the CPU."""
        with torch.no_grad():
            position = self.positions.double()
            first = self.embeddings.weight[self.config.cls_token_id].double() + position[0]
            probe = self._probe(first).flatten(0, 1)
            shape = (-1, self.config.num_attention_heads, 1 + self.config.num_labels)
            return FoldedTables(
                self.embeddings.weight.detach(), probe, (position @ probe.T).reshape(shape).cpu().numpy()
            )

    def _probe(self, first: Tensor) -> Tensor:
        """Vectors (..., heads, 1 + classes, d_e) whose products with e_t are s_t and c_t; `first` is e_0 (..., d_e)."""
        query, key, value, readout = (w.to(first.dtype) for w in (self.query, self.key, self.value, self.readout))
        q = torch.einsum("kad,...d->...ka", query, first)
        for_scores = torch.einsum("kad,...ka->...kd", key, q) / math.sqrt(self.config.key_size)
        for_values = readout @ value
        return torch.cat([for_scores.unsqueeze(-2), for_values.expand(*first.shape[:-1], -1, -1, -1)], dim=-2)

    def _fold(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (batch, tokens, heads) and values (batch, tokens, heads, classes) of ids, by look-up."""
        if (ids[:, 0] != ids[0, 0]).any():  # another query a row: nothing to share
            return self._fold_vectors(self.embeddings(ids))
        position = self.positions[: ids.shape[1]]
        if ids.numel() < self.config.vocab_size:  # fold whichever is smaller, the texts or the vocabulary
            vectors = self.embeddings(ids)
            probe = self._probe(vectors[0, 0] + position[0]).flatten(0, 1)
            by_token = vectors @ probe.T
        else:
            probe = self._probe(self.embeddings.weight[ids[0, 0]] + position[0]).flatten(0, 1)
            by_token = functional.embedding(ids, self.embeddings.weight @ probe.T)
        return self._split(by_token + position @ probe.T)

    def _fold_vectors(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The same from word vectors (batch, tokens, d_e); differentiable in them, through the query too."""
        vectors = vectors + self.positions[: vectors.shape[1]]
        probe = self._probe(vectors[:, 0]).flatten(1, 2)
        return self._split(vectors @ probe.mT)

    def _split(self, folded: Tensor) -> tuple[Tensor, Tensor]:
        folded = folded.reshape(*folded.shape[:-1], self.config.num_attention_heads, 1 + self.config.num_labels)
        return folded[..., 0], folded[..., 1:]

    def _align(self, inputs: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Inputs that start at position 0, which positions are attended to, and how far each row was moved."""
        n_tokens, limit = inputs.shape[1], self.config.max_position_embeddings
        if n_tokens > limit:
            raise ValueError(f"{n_tokens} tokens, but this model takes at most {limit}: truncate the text")
        attended = torch.ones(inputs.shape[:2], dtype=torch.bool, device=inputs.device)
        lead = None
        if mask is not None:
            attended = mask.bool()
            first = attended.int().argmax(1)
            if first.any():
                lead = first
                inputs, attended = _roll(inputs, lead), _roll(attended, lead)
        if self.config.attend_padding:
            inputs, attended = self._fill_up(inputs, attended)
        return inputs, attended, lead

    def _fill_up(self, inputs: Tensor, attended: Tensor) -> tuple[Tensor, Tensor]:
        """Extend to full length; everything behind the last attended position becomes an attended unknown word."""
        missing = self.config.max_position_embeddings - inputs.shape[1]
        attended = functional.pad(attended, (0, missing), value=False)
        padding = attended.flip(1).int().cumsum(1).flip(1) == 0
        unknown = torch.tensor(self.config.unk_token_id, device=inputs.device)
        if inputs.ndim == 2:
            inputs = torch.where(padding, unknown, functional.pad(inputs, (0, missing)))
        else:
            inputs = functional.pad(inputs, (0, 0, 0, missing))
            inputs = torch.where(padding[..., None], self.embeddings(unknown), inputs)
        return inputs, attended | padding

    def _hide_words(self, ids: Tensor, attended: Tensor) -> tuple[Tensor, Tensor]:
        """Training only: hide words the ways explanations will, half ignored, a quarter unknown, a quarter masked."""
        draw = torch.rand(ids.shape, device=ids.device) / self.config.word_dropout
        draw[:, 0] = math.inf
        words = attended & (ids != self.config.pad_token_id)
        ids = torch.where(words & (draw < 0.5), self.config.unk_token_id, ids)
        ids = torch.where(words & (draw < 0.25), self.config.mask_token_id, ids)
        return ids, attended & ~((draw >= 0.5) & (draw < 1))


@dataclass(frozen=True, eq=False)
class FoldedTables:
    """Look-up tables of one model: any masked text's logits without a forward pass.

    Attributes:
        embedding: the model's word vectors (vocabulary, d_e).
        probe: float64 (heads * (1 + classes), d_e), see `AttentionPoolingForSequenceClassification`.
        position: float64 (positions, heads, 1 + classes): position part of the attention logit, then of the values.
    """

    embedding: Tensor
    probe: Tensor
    position: Float64[np.ndarray, "positions heads columns"]

    def token(self, ids: Int[np.ndarray, " tokens"]) -> Float64[np.ndarray, "tokens heads columns"]:
        """Token part of the attention logit (column 0) and of each class's value (columns 1 ...).

        A token's numbers are the same bits whatever other tokens are asked for.
        """
        vectors = self.embedding[torch.as_tensor(ids, device=self.embedding.device)].double().cpu().numpy()
        probe = np.ascontiguousarray(self.probe.detach().cpu().numpy().T)
        rows = np.empty((len(ids), probe.shape[1]))
        in_parallel(lambda some: products(vectors[some], probe, rows[some]), parts(len(ids), _ROWS_A_THREAD))
        return rows.reshape(len(ids), *self.position.shape[1:])

    def distinct(
        self, ids: Int[np.ndarray, " tokens"]
    ) -> tuple[Float64[np.ndarray, "words heads columns"], Int64[np.ndarray, " tokens"]]:
        """Return the token parts of the different words among the ids, and which of these rows each token has."""
        row_of_word = np.full(len(self.embedding), -1)
        row_of_word[ids] = 0
        words = np.flatnonzero(row_of_word == 0)
        row_of_word[words] = np.arange(len(words))
        return self.token(words), row_of_word[ids]

    def logits(
        self, texts: Sequence[Int64[np.ndarray, " _"]], padding_id: int | None = None
    ) -> Float64[np.ndarray, "texts classes"]:
        """Return the logits of texts given as ids, [CLS] first; the same bits for a text alone and among others.

        Args:
            texts: token ids, no more than there are positions.
            padding_id: id of padding that is attended to, None where padding is masked.
        """
        padding = [] if padding_id is None else [padding_id]
        rows, row_of = self.distinct(np.concatenate([*texts, np.array(padding, dtype=np.int64)]))
        starts = np.cumsum([0, *map(len, texts)])
        behind = -1 if padding_id is None else int(row_of[-1])
        values = np.empty((len(texts), rows.shape[2] - 1))

        def fill(some: slice) -> None:
            pooled(rows, row_of, starts[some.start : some.stop + 1], self.position, behind, values[some])

        in_parallel(fill, parts(len(texts), _TEXTS_A_THREAD))
        return values

    def outputs(self, mix: Float64[np.ndarray, "outputs classes"]) -> FoldedTables:
        """Tables whose values are linear combinations of the classes' values."""
        n_heads, columns = self.position.shape[1:]
        full = np.zeros((1 + len(mix), columns))
        full[0, 0] = 1.0
        full[1:, 1:] = mix
        probe = torch.from_numpy(full).to(self.probe) @ self.probe.reshape(n_heads, columns, -1)
        return FoldedTables(self.embedding, probe.flatten(0, 1), self.position @ full.T)


def sinusoids(n_positions: int, size: int) -> Float[Tensor, "positions size"]:
    """Sinusoidal position vectors (Vaswani et al. 2017, section 3.5): sines in even columns, cosines in odd ones."""
    rate = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000) / size))
    angle = torch.arange(n_positions)[:, None] * rate
    table = torch.empty(n_positions, size)
    table[:, 0::2] = angle.sin()
    table[:, 1::2] = angle.cos()[:, : size // 2]
    return table


def _roll(x: Tensor, lead: Tensor) -> Tensor:
    """Move every row left by its own `lead`, around the end."""
    index = (torch.arange(x.shape[1], device=x.device) + lead[:, None]) % x.shape[1]
    return x.gather(1, index.reshape(*index.shape, *[1] * (x.ndim - 2)).expand(x.shape))


def _unroll(weights: Tensor, lead: Tensor | None, n_tokens: int) -> Tensor:
    """Attention weights (batch, tokens, heads) back at the caller's positions; padding added here is left out."""
    weights = weights[:, :n_tokens]
    return weights if lead is None else _roll(weights, -lead)
