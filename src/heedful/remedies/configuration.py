"""Configuration of classifiers that pool the states of an encoder by attention."""

from __future__ import annotations

from transformers import PreTrainedConfig

from heedful.errors import SettingError
from heedful.remedies.sparse import SCORERS, checked_alpha
from heedful.support.names import choose

ENCODERS = ("words", "bilstm", "self-attention")


class PooledEncoderConfig(PreTrainedConfig):
    """Sizes and switches of `PooledEncoderForSequenceClassification`.

    Attributes:
        vocab_size: rows of the word embedding.
        hidden_size: of a word vector.
        encoder: "words" (each state is a function of its own word alone: nothing is mixed), "bilstm" (a bidirectional
            LSTM) or "self-attention" (one block of it, with positions).
        state_size: of a state; of the LSTM half of it in each direction.
        num_attention_heads: of the block of self-attention.
        scorer, alpha: of the pooling: see `SparseAttention`.
        dropout: share of the numbers of word vectors and of pooled states that are set to 0 in training.
        max_position_embeddings: longest text.

    Raises:
        SettingError: a size is below 1, or the block's heads do not divide its states; an unknown encoder or scorer;
            alpha outside 1..2; dropout outside [0, 1).

    Example:
        >>> PooledEncoderConfig(vocab_size=100, encoder="bilstm", alpha=2.0).state_size
        128
    """

    model_type = "pooled-encoder"

    vocab_size: int = 30_000
    hidden_size: int = 64
    encoder: str = "bilstm"
    state_size: int = 128
    num_attention_heads: int = 2
    scorer: str = "additive"
    alpha: float = 1.5
    dropout: float = 0.2
    max_position_embeddings: int = 256
    pad_token_id: int | None = 0

    def __post_init__(self, **kwargs: object) -> None:
        super().__post_init__(**kwargs)
        for name in ("vocab_size", "hidden_size", "state_size", "num_attention_heads", "max_position_embeddings"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, got {getattr(self, name)}")
        self.encoder = choose(self.encoder, ENCODERS, "encoder")
        self.scorer, self.alpha = choose(self.scorer, SCORERS, "scorer"), checked_alpha(self.alpha)
        parts = {"words": 1, "bilstm": 2, "self-attention": self.num_attention_heads}[self.encoder]
        if self.state_size % parts:
            raise SettingError(f"state_size {self.state_size} of encoder {self.encoder} must be a multiple of {parts}")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout must lie in [0, 1), got {self.dropout}")
