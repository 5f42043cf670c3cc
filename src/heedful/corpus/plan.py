"""What is explained of every text, by which methods, and in which columns the results stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from heedful import methods as registry
from heedful.errors import SettingError
from heedful.explaining.windows import Windows
from heedful.methods.base import Method
from heedful.question import Choices
from heedful.support.names import shown

NUMBERS = ("float64", "float32")


@dataclass(frozen=True)
class Plan:
    """What is explained of every text, and by which methods.

    Attributes:
        methods: by the names that their columns begin with.
        choices: target, output, unit, masking and seed.
        windows: how texts beyond the classifier's limit are read; None cuts them there.
        numbers: "float64", or "float32" for scores of half the size.
    """

    methods: Mapping[str, Method]
    choices: Choices = field(default_factory=Choices)
    windows: Windows | None = None
    numbers: str = "float64"

    def __post_init__(self) -> None:
        if self.numbers not in NUMBERS:
            raise SettingError(f"numbers are one of {', '.join(NUMBERS)}, got {shown(self.numbers)}")

    @classmethod
    def of(
        cls,
        methods: str | Method | Sequence[str | Method],
        choices: Choices,
        long_text: str | Windows = "truncate",
        numbers: str = "float64",
    ) -> Plan:
        """Make one from names or objects of methods.

        Raises:
            SettingError: there is no method, no such method, or two of one name.
        """
        return cls(named(methods), choices, Windows.of(long_text), numbers)

    def explaining(self, output: str) -> Plan:
        """Return the same plan for another output."""
        return replace(self, choices=replace(self.choices, output=output))

    def settings(self) -> dict[str, Any]:
        """Return all that decides the scores, but for the model: what JSON can hold."""
        described = {name: {"method": one.card.name, "settings": one.settings()} for name, one in self.methods.items()}
        windows = None if self.windows is None else asdict(self.windows)
        every = {"methods": described, **asdict(self.choices), "windows": windows, "numbers": self.numbers}
        return dict(json.loads(json.dumps(every, default=str)))


def named(methods: str | Method | Iterable[str | Method]) -> dict[str, Method]:
    """Return methods by the names that their columns begin with: letters, digits and underscores.

    Raises:
        SettingError: there is no method, no such method, or two of one name.

    Example:
        >>> list(named(["shapley-exact", "lime:n_samples=200"]))
        ['shapley_exact', 'lime_n_samples_200']
    """
    given = [methods] if isinstance(methods, (str, Method)) else list(methods)
    chosen: dict[str, Method] = {}
    for one in given:
        method = registry.get(one)
        settings = one.partition(":")[2] if isinstance(one, str) else ""
        name = column_name(f"{method.card.name} {settings}")
        if name in chosen:
            raise SettingError(f"{shown(name)} is there twice: give it once, or with settings that differ")
        chosen[name] = method
    if not chosen:
        raise SettingError("give at least one method")
    return chosen


def column_name(name: str) -> str:
    """Return the name of a method as letters, digits and underscores, with which its columns begin."""
    return re.sub(r"\W+", "_", name.strip()).strip("_").lower()
