"""Spans of time, as people write and read them."""

from __future__ import annotations

import math
import re

from heedful.errors import SettingError
from heedful.support.names import shown

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds_of(name: str, given: str | float | int) -> float:
    """Return seconds: of a number, or of words such as "90s", "10m" and "1.5h".

    Raises:
        SettingError: it is neither, or not above 0.

    Example:
        >>> seconds_of("budget", "10m"), seconds_of("budget", 90)
        (600.0, 90.0)
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(s|m|min|h)?\s*", str(given))
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else math.nan
    if isinstance(given, bool) or not 0 < seconds < math.inf:
        raise SettingError(f"{name} is a time above 0, such as 90s, 10m or 1.5h, got {shown(given)}")
    return seconds


def duration(seconds: float | int) -> str:
    """Say how long something takes, to two units.

    Example:
        >>> duration(0.4), duration(75), duration(8000)
        ('under 1 s', '1 min 15 s', '2 h 13 min')
    """
    whole = round(seconds)
    if whole < 1:
        return "under 1 s"
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
