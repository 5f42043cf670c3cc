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
# # Tour
#
# One review, several explanations of the same prediction. The model is the small one that comes with heedful; put a
# folder or a hub id in place of `"demo"`.

# %%
import heedful

clf = heedful.load("demo")
review = (
    "We saw it on a Friday evening. The soundtrack was charming, "
    "but the plot was not good and the ending was truly dull."
)
clf.predict(review).label

# %% [markdown]
# ## One explanation
#
# Exact Shapley values of every word: how much it moves the logit, averaged over all orders in which words come back.

# %%
e = heedful.explain(clf, review, "shapley-exact", target="positive")
e.plot("bars")

# %% [markdown]
# They add up: from the base value (the text without any of its words) to the prediction.

# %%
e.plot("waterfall")

# %%
e.plot("text")

# %% [markdown]
# ## Attention has no signs
#
# The most attended word is *dull*. It speaks against "positive", and attention cannot say so.

# %%
attention = heedful.explain(clf, review, "attention-mean", target="positive")
attention.plot("text")

# %% [markdown]
# ## Several methods side by side

# %%
c = heedful.compare(
    clf, review, ["shapley-exact", "attention-mean", "gradient-x-input", "lime", "occlusion"], target="positive"
)
c.plot("agreement")

# %% [markdown]
# Points on a rising line agree with exact Shapley values. Attention rises on both sides of zero: words that speak
# against have large weights, too.

# %%
c.plot("scatter")

# %% [markdown]
# ## Noise
#
# LIME draws random removals. With 200 of them the bars have whiskers: 95 % intervals.

# %%
heedful.explain(clf, review, "lime:n_samples=200", target="positive").plot("bars")

# %% [markdown]
# `c.save("report.html")` writes all of it as one page. Next: the [theory](theory.py) behind exact values, or an
# [audit](audit.py) over many texts.
