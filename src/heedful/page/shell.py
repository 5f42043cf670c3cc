"""The page itself, and the files it loads: its scripts, and the style sheet that it shares with the reports."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from heedful.errors import SettingError
from heedful.methods.registry import REGISTRY
from heedful.models import builtin
from heedful.page import looks
from heedful.page.served import NOT_OFFERED, Served, works_on
from heedful.page.view import dark_from
from heedful.render.html import style
from heedful.support.visible import shortened

KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FIRST = ("shapley-exact", "lime-exact", "lime", "occlusion", "attention-mean", "gradient-x-input")
INSTEAD = ("lime", "occlusion", "attention-mean", "gradient-x-input", "integrated-gradients")
OUTPUTS = ("logit", "probability", "logit_difference")
UNITS = ("word_type", "word", "token", "sentence")
MASKINGS = ("auto", "unk", "mask", "pad", "delete")
EXAMPLES = (
    ("the report's example", builtin.REVIEW),
    ("plain praise", "A charming film with a superb soundtrack and a wonderful ending."),
    ("plain blame", "A dull plot, boring acting and a terrible ending."),
    ("“not good”", "The plot was not good, not bad, and not at all charming."),
    ("a question of order", "It was dull at first, but good in the end; or good at first, but dull in the end?"),
)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("heedful.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(served: Served) -> str:
    """Return the page with everything that scripts need to begin."""
    return _environment().get_template("index.html.j2").render(start=start(served), outputs=OUTPUTS, units=UNITS)


def start(served: Served) -> dict[str, Any]:
    """What scripts begin with: models, methods, examples, limits, folders."""
    cards = [card for card in REGISTRY.cards() if card.name not in NOT_OFFERED]
    names = [card.name for card in cards]
    models = []
    for name, classifier in served.models.items():
        missing = works_on(classifier, names)
        usual = [one for one in FIRST if one not in missing] if FIRST[0] not in missing else list(INSTEAD)
        models.append(
            {
                "name": name,
                "shown": shortened(classifier.name, 200),
                "classes": [shortened(label, 200) for label in classifier.labels],
                "missing": missing,
                "methods": [one for one in usual if one not in missing],
                "exact": FIRST[0] not in missing,
            }
        )
    return {
        "models": models,
        "methods": [
            {"name": card.name, "family": card.family, "signed": card.signed, "source": card.source} for card in cards
        ],
        "examples": [{"title": title, "text": text} for title, text in EXAMPLES],
        "units": list(UNITS),
        "outputs": list(OUTPUTS),
        "maskings": list(MASKINGS),
        "counts": list(looks.COUNTS),
        "dark_from": dark_from(),
        "characters": served.limits.characters,
        "upload": served.limits.upload,
        "audits": list(served.audits),
        "corpora": list(served.corpora),
    }


@cache
def static(name: str) -> tuple[str, str]:
    """Return the content and the media type of a file that the page loads.

    Raises:
        SettingError: there is none of that name.
    """
    if name == "look.css":
        return style(), KINDS[".css"]
    suffix = name[name.rfind(".") :] if "." in name else ""
    folder = files("heedful.page").joinpath("static")
    if suffix not in KINDS or name not in {path.name for path in folder.iterdir()}:
        raise SettingError(f"there is no {shortened(name, 100)} here")
    return folder.joinpath(name).read_text("utf-8"), KINDS[suffix]
