"""How Sphinx builds the site: `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import heedful

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "heedful"
author = "The heedful authors"
project_copyright = "The heedful authors, Apache-2.0"
release = version = heedful.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.bibtex",
    "mathml",
    "notebook_pages",
    "tables",
    "site_check",
    "tidy",
]
exclude_patterns = ["_build", "_extensions", "conf.py", "conftest.py"]
nitpicky = True
# What libraries define has no page here: only public names of our own must lead somewhere.
nitpick_ignore_regex = [
    ("py:.*", r"(?!heedful).*"),
    ("py:class", r"heedful\.\w+(\.\w+)+"),  # classes in annotations, by their modules, which are not public
]
suppress_warnings = ["toc.not_readable"]  # tests/test_site.py looks at the entries of tables of contents

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_update_mathjax = False
html_math_renderer = "mathml"

default_role = "code"  # `name` in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"  # names within a class, in the narrow list beside the page
napoleon_numpy_docstring = False
napoleon_use_admonition_for_examples = False
napoleon_use_ivar = True  # fields of a class as one list
napoleon_preprocess_types = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

html_theme = "pydata_sphinx_theme"
html_title = "heedful"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "navigation_depth": 3,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "search_bar_text": "Search these pages",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def _literally(*given: Any) -> None:
    r"""Take a backslash in a docstring as one, and the star of a pattern such as *.csv: no markup.

    What is in front of a colon in a description of a result or a property is no type: an empty type before it says so.
    """
    _, kind, _, _, _, lines = given
    for place, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[place] = re.sub(r"\*(?=\.)", r"\\*", line.replace("\\", "\\\\"))
        described = lines[place - 1].strip() == "Returns:" if place else kind in ("property", "attribute", "data")
        if described and ":" in line:
            lines[place] = re.sub(r"^(\s*)", r"\1: ", lines[place])


def setup(app: Any) -> None:
    """Take docstrings at their word, before they are read as Google style."""
    app.connect("autodoc-process-docstring", _literally, priority=400)
