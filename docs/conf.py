"""How Sphinx makes a site of these pages: `make docs`."""

import re
from typing import Any

from realtime_fast import __version__

project = "realtime_fast"
copyright = "the authors of realtime_fast"  # noqa: A001 - Sphinx's name
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_external_toc",
]
exclude_patterns = ["_site"]
external_toc_path = "toc.yml"
default_role = "code"  # docstrings quote code by single backticks

html_theme = "furo"
html_title = project
html_copy_source = html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"  # prompts, and what commands print

myst_heading_anchors = 3
myst_enable_extensions = ["fieldlist"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

_CITED = re.compile(r"docs/([a-z/-]+)\.md")
_TYPE = ":type: "


def _mend(_app: Any, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Link the pages that docstrings cite by their files, and undo a guess of napoleon's.

    It takes what precedes the first colon in the docstring of an attribute for its type.
    """
    if what in ("attribute", "data", "property") and any(line.startswith(_TYPE) for line in lines):
        guess = next(line for line in lines if line.startswith(_TYPE))
        lines.remove(guess)
        lines[0] = f"{guess.removeprefix(_TYPE)}: {lines[0]}"
    lines[:] = [_CITED.sub(r":doc:`/\1`", line) for line in lines]


def setup(app: Any) -> None:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", _mend)
