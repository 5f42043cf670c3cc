"""DeletionGame: deletion of words from a text of the paper's classifier, on its look-up tables.

Deletion closes positions up, so it is no ratio game: a word's weight depends on how many words before it are left.
But weights are still products, exp(token part) * exp(position part), and two small tables hold every factor.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from heedful.errors import SettingError
from heedful.games.kernels import deleted_scores
from heedful.models.modeling import FoldedTables
from heedful.units import Units

ROWS_A_THREAD = 128


class DeletionGame:
    """Outputs of the paper's classifier (softmax attention) as units of one text are deleted.

    Args:
        tables: look-up tables of the model; its last axis holds the attention logit, then one value an output.
        ids: the text's token ids, [CLS] first.
        units: the text's units.
        padding_id: id of padding that is attended to, or None where padding is masked.

    Raises:
        ValueError: more tokens than positions.
    """

    def __init__(
        self, tables: FoldedTables, ids: Int64[np.ndarray, " tokens"], units: Units, padding_id: int | None = None
    ) -> None:
        n_tokens = len(ids)
        if n_tokens > len(tables.position):
            raise ValueError(f"{n_tokens} tokens, but there are {len(tables.position)} positions")
        self._units = units
        token, position = tables.token(ids), tables.position
        padding = tables.token(np.array([] if padding_id is None else [padding_id], dtype=np.int64))
        shift = np.concatenate([token, padding])[..., 0].max(0), position[..., 0].max(0)  # no weight above 1
        self._token, self._position = _with_weights(token, shift[0]), _with_weights(position[:n_tokens], shift[1])
        if padding_id is None:
            rest = np.zeros((n_tokens + 1, *position.shape[1:]))
            rest[..., 0] = -np.inf
        else:
            rest = _suffixes(padding + position)[: n_tokens + 1]
        self._rest = _with_weights(rest, shift[0] + shift[1])

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self._units)

    def __call__(self, masks: Bool[np.ndarray, "n units"]) -> Float64[np.ndarray, "n outputs"]:
        """Outputs of the masked texts; True keeps a unit.

        Raises:
            SettingError: masks are not (n, units).
        """
        if masks.ndim != 2 or masks.shape[1] != self.n_units:  # the compiled loop would read past the end
            raise SettingError(f"masks must be (n, {self.n_units}), got {masks.shape}")
        values = np.empty((len(masks), self._token.shape[1] - 2))
        blocks = [slice(i, i + ROWS_A_THREAD) for i in range(0, len(masks), ROWS_A_THREAD)]

        def fill(block: slice) -> None:
            deleted_scores(masks[block], self._units.of_token, self._token, self._position, self._rest, values[block])

        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(fill, blocks))
        return values


def _with_weights(
    table: Float64[np.ndarray, "rows heads columns"], shift: Float64[np.ndarray, " heads"]
) -> Float64[np.ndarray, "rows columns_and_1 heads"]:
    """Log weights relative to `shift`, their exponentials, then the values; heads last."""
    logs = table[..., :1] - shift[:, None]
    return np.ascontiguousarray(np.concatenate([logs, np.exp(logs), table[..., 1:]], axis=2).swapaxes(1, 2))


def _suffixes(rows: Float64[np.ndarray, "rows heads columns"]) -> Float64[np.ndarray, "rows_and_1 heads columns"]:
    """Entry n pools rows n, n + 1, ... into one: log of the summed weight, weighted mean of the values."""
    pooled = np.zeros((len(rows) + 1, *rows.shape[1:]))
    pooled[-1, :, 0] = -np.inf
    for n in range(len(rows) - 1, -1, -1):
        pooled[n, :, 0] = np.logaddexp(rows[n, :, 0], pooled[n + 1, :, 0])
        share = np.exp(rows[n, :, 0] - pooled[n, :, 0])[:, None]
        pooled[n, :, 1:] = share * rows[n, :, 1:] + (1.0 - share) * pooled[n + 1, :, 1:]
    return pooled
