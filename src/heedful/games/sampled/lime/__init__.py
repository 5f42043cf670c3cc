"""LIME from random masks: which are drawn, how much each weighs, and the regression on them."""
