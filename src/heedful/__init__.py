"""heedful: does a text classifier's attention explain its predictions, and if not, what does?

The public surface, loaded lazily: `import heedful` costs milliseconds, torch comes with the first classifier.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heedful import corpus as corpus
    from heedful import data, errors, games, methods, metrics, models
    from heedful import page as page
    from heedful.api import compare, explain, load
    from heedful.auditing.audit import audit as audit
    from heedful.auditing.result import Audit as Audit
    from heedful.classifier import Classifier
    from heedful.data import planted
    from heedful.explaining.windows import Windows
    from heedful.explanation import Comparison, Explanation

    __version__: str

_HOME = {
    "Audit": "heedful.auditing.result",
    "Classifier": "heedful.classifier",
    "Comparison": "heedful.explanation",
    "Explanation": "heedful.explanation",
    "Windows": "heedful.explaining.windows",
    "audit": "heedful.auditing.audit",
    "compare": "heedful.api",
    "explain": "heedful.api",
    "load": "heedful.api",
}
_MODULES = {
    name: f"heedful.{name}" for name in ("corpus", "data", "errors", "games", "methods", "metrics", "models", "page")
} | {"planted": "heedful.data.planted"}

__all__ = [  # but for Audit, audit, corpus and page, which need an extra
    "Classifier",
    "Comparison",
    "Explanation",
    "Windows",
    "compare",
    "data",
    "errors",
    "explain",
    "games",
    "load",
    "methods",
    "metrics",
    "models",
    "planted",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name == "__version__":
        return import_module("importlib.metadata").version("heedful")  # which takes as long as all the rest
    raise AttributeError(f"module 'heedful' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_HOME, "__version__"})
