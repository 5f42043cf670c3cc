"""The views that results offer by name: everything an `Explanation` or a `Comparison` shows of itself."""

from heedful.metrics.agreement import pairwise
from heedful.render.columns import csv, frame
from heedful.render.for_shap import to_shap
from heedful.render.html import fragment, page
from heedful.render.view import find

__all__ = ["csv", "find", "fragment", "frame", "page", "pairwise", "to_shap"]
