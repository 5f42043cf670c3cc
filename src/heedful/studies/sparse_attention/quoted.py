"""Numbers of the counter-paper, beside which the report puts its own; none of them is used in a verdict.

Source: Neely and Schouten 2020, Table 1 (softmax) and Table 2 (sparsemax), as in the history of the repository
sfschouten/court-of-xai (MIT): bidirectional LSTM of 128 units, additive attention, Kendall's tau of attention with
gradients by inputs, apart for the texts of class 0 and of class 1. Read off files of that repository; that the row of
the softmax is about full lists is our reading.
"""

from __future__ import annotations

SOURCE = "Neely and Schouten 2020, Tables 1 and 2, in the history of github.com/sfschouten/court-of-xai"
SOFTMAX, SPARSE, SUPPORT = "softmax, all words", "sparsemax, all words", "sparsemax, words above 0"
THEIRS = {
    ("IMDb", SOFTMAX): (0.235, 0.319),
    ("IMDb", SPARSE): (0.248, 0.226),
    ("IMDb", SUPPORT): (0.722, 0.834),
    ("SST-2", SOFTMAX): (0.280, 0.186),
    ("SST-2", SPARSE): (0.305, 0.336),
    ("SST-2", SUPPORT): (0.824, 0.784),
}
THEIRS_DOT = {("IMDb", SPARSE): (0.436, 0.349), ("SST-2", SPARSE): (0.258, 0.020)}
