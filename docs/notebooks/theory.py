# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Theory, by example
#
# A score that pools by softmax is a mean of ratios of sums,
#
# $$
# f(S) = \frac{N_0 + \sum_{j \in S} a_j v_j + \sum_{j \notin S} b_j w_j}
# {D_0 + \sum_{j \in S} a_j + \sum_{j \notin S} b_j},
# $$
#
# where $S$ are the units that are kept. Averages of it over random $S$ are small integrals ([proofs](../theory.md)).

# %%
import numpy as np

from heedful.games import RatioGame, Terms, exact
from heedful.games.exact import enumeration

rng = np.random.default_rng(0)
d = 12
kept = Terms(2 * rng.normal(size=(1, d)), rng.normal(size=(1, d)))  # log weights, values
removed = Terms(rng.normal(size=(1, d)), np.zeros((1, d)))
fixed = Terms(np.zeros(1), np.zeros(1))
game = RatioGame(kept, removed, fixed)

# %% [markdown]
# ## Exact means exact
#
# With 12 units all 4,096 masks can be listed. The quadrature gives the same numbers, and says how far off they can be.

# %%
by_listing = enumeration.shapley(game, d)
result = exact.shapley(game)
float(np.abs(result.values - by_listing).max()) < 1e-12, result.error_bound < 1e-9

# %% [markdown]
# With 400 units there are more masks than atoms, and it still takes milliseconds. Weights here span 40 orders of
# magnitude, as trained attention's do.

# %%
large = RatioGame(
    Terms(rng.uniform(-46, 46, size=(1, 400)), rng.normal(size=(1, 400))),
    Terms(rng.normal(size=(1, 400)), np.zeros((1, 400))),
    Terms(np.zeros(1), np.zeros(1)),
)
values = exact.shapley(large)
nothing, everything = large.ends()
bool(abs(values.values.sum() - (everything - nothing)) < 1e-9), values.error_bound < 1e-8

# %% [markdown]
# ## How LIME's noise settles
#
# LIME fits a line to random masks. The dots are its coefficient of one unit for more and more samples, five seeds each;
# the line is the limit, by quadrature.

# %%
from matplotlib.figure import Figure

import heedful
from heedful.methods import Lime

clf = heedful.load("demo")
review = heedful.planted.generate(1, seed=1)[0].text
limit = heedful.explain(clf, review, "lime-exact", target="positive")
unit = int(np.argmax(np.abs(limit.scores)))
sizes = (50, 200, 800, 3200)
runs = {
    n: [heedful.explain(clf, review, Lime(n_samples=n), target="positive", seed=s).scores[unit] for s in range(5)]
    for n in sizes
}

# %%
import io

from IPython.display import Image

figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
for n, coefficients in runs.items():
    axes.scatter([n] * len(coefficients), coefficients, s=18, color="#2166ac")
axes.axhline(limit.scores[unit], color="#b2182b")
axes.set(xscale="log", xlabel="samples", ylabel=f"coefficient of “{limit.units[unit]}”")
picture = io.BytesIO()
figure.savefig(picture, format="png", dpi=120)
Image(picture.getvalue())

# %% [markdown]
# The spread falls like one over the root of the number of samples: sixteen times the samples, a quarter of the spread.

# %%
spread = {n: float(np.std(coefficients)) for n, coefficients in runs.items()}
spread[3200] < spread[50]
