"""Estimators of Shapley, Banzhaf and Owen values and of LIME from random masks, with their errors."""
