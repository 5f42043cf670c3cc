"""The views that results offer by name: everything an `Explanation` or a `Comparison` shows of itself."""

from importlib import import_module
from typing import Any

from heedful.metrics.agreement import pairwise
from heedful.render.columns import csv, frame
from heedful.render.for_shap import to_shap
from heedful.render.html import fragment, page
from heedful.render.view import find

_PLOTS = ("plot_comparison", "plot_explanation")


def __getattr__(name: str) -> Any:
    if name in _PLOTS:  # these need matplotlib, an extra
        return getattr(import_module("heedful.render.plots"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["csv", "find", "fragment", "frame", "page", "pairwise", "to_shap"]
