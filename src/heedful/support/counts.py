"""How many of something, in words for people."""

from __future__ import annotations


def count(n: int, noun: str) -> str:
    """Say how many there are, the noun in the plural where there is not exactly one.

    Example:
        >>> count(1, "text"), count(1200, "text")
        ('1 text', '1,200 texts')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"
