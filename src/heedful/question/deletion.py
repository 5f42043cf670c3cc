"""DeletionGame: deletion of words from a text of the paper's classifier, on its look-up tables.

Deletion closes positions up, so it is no ratio game: a word's weight depends on how many words before it are left.
But weights are still products, exp(token part) * exp(position part), and two small tables hold every factor.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from heedful.errors import SettingError
from heedful.models.modeling import FoldedTables
from heedful.question.compiled import deleted_scores, pool_suffixes
from heedful.support.parallel import in_parallel, parts
from heedful.text.units import Units

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
        token, position = _heads_first(tables.token(ids)), _heads_first(tables.position)
        rest = np.zeros((len(token), n_tokens + 1, token.shape[2]))
        rest[..., 0] = -np.inf
        top = token[..., 0].max(1, keepdims=True)
        if padding_id is not None:
            padding = _heads_first(tables.token(np.array([padding_id])))
            rest = _suffixes(padding + position)[:, : n_tokens + 1]
            top = np.maximum(top, padding[..., 0])
        furthest = position[..., 0].max(1, keepdims=True)
        self._token = _with_weights(token, top)  # no weight above 1
        self._position = _with_weights(position[:, :n_tokens], furthest)
        self._rest = _with_weights(rest, top + furthest)

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
        values = np.empty((len(masks), self._token.shape[2] - 2))

        def fill(rows: slice) -> None:
            deleted_scores(masks[rows], self._units.of_token, self._token, self._position, self._rest, values[rows])

        in_parallel(fill, parts(len(masks), ROWS_A_THREAD))
        return values


def _heads_first(table: Float64[np.ndarray, "rows heads columns"]) -> Float64[np.ndarray, "heads rows columns"]:
    return np.ascontiguousarray(table.swapaxes(0, 1))


def _with_weights(
    table: Float64[np.ndarray, "heads rows columns"], top: Float64[np.ndarray, "heads 1"]
) -> Float64[np.ndarray, "heads rows columns_and_1"]:
    """Log weights relative to `top`, their exponentials, then the values."""
    logs = table[..., :1] - top[..., None]
    return np.concatenate([logs, np.exp(logs), table[..., 1:]], axis=2)


def _suffixes(rows: Float64[np.ndarray, "heads rows columns"]) -> Float64[np.ndarray, "heads rows_and_1 columns"]:
    """Entry n pools rows n, n + 1, ... into one: log of the summed weight, weighted mean of the values."""
    pooled = np.empty((len(rows), rows.shape[1] + 1, rows.shape[2]))
    pool_suffixes(rows, pooled)
    return pooled
