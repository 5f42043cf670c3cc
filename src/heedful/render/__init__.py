"""Explanations as people see them: HTML and terminal. Nothing here computes a score."""
