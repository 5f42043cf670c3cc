"""What a command prints on stdout: tables for people, or JSON."""

from __future__ import annotations

import re

from rich.console import Console

from heedful.explanation import Comparison, Explanation
from heedful.render.terminal import print_comparison, print_explanation

_STEERING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # DEL, C1, line ends and directions of Unicode


def print_json(text: str) -> None:
    """Print equal JSON whose characters cannot steer a terminal: JSON itself escapes no more of them than C0."""
    print(_STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text))  # noqa: T201 - its purpose


def print_result(result: Explanation | Comparison, *, as_json: bool) -> None:
    """Print an explanation or a comparison."""
    if as_json:
        print_json(result.to_json())
    elif isinstance(result, Explanation):
        print_explanation(result, Console())
    else:
        print_comparison(result, Console())
