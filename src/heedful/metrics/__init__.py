"""Measures of explanations: so far, how far two of them agree."""

from heedful.metrics.agreement import kendall_tau_b, pairwise, sign_agreement, spearman, top_k_overlap

__all__ = ["kendall_tau_b", "pairwise", "sign_agreement", "spearman", "top_k_overlap"]
