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
# # Audit
#
# May this model's attention be shown as an explanation? An audit over 40 planted reviews, in which every word's part is
# known. (For your own: `heedful audit MODEL DATA --out audit/`.)

# %%
import heedful

clf = heedful.load("demo")
reviews = heedful.planted.generate(40, seed=1)
result = heedful.audit(
    clf,
    [review.text for review in reviews],
    ["attention-mean", "gradient-x-input", "occlusion"],
    ["deletion"],
    checks=[],
)
result.verdict["level"]

# %% [markdown]
# The verdict comes from three figures, each a mean over texts with a 95 % interval: [the rule](../audit.md).

# %%
for sentence in result.verdict["sentences"]:
    print(sentence)

# %% [markdown]
# ## Which explanation is the most faithful
#
# `random` and `reversed` stand in every table: a metric that prefers them measures nothing here.

# %%
for row in result.table("deletion"):
    print(f"{row['method']:18} {row['value']:+.2f}")

# %% [markdown]
# ## A text in which attention misleads
#
# The most attended word is one that speaks against the prediction.

# %%
for review in reviews:
    attention = heedful.explain(clf, review.text, "attention-mean")
    effects = heedful.explain(clf, review.text, "shapley-exact", output="logit_difference")
    if effects.scores[attention.scores.argmax()] < 0:
        break

attention.plot("text")

# %%
effects.plot("text")
