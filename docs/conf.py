"""The docs site: `make docs` builds it into docs/_build/html."""

import re

from sphinx.application import Sphinx

import obftnet

project = "obftnet"
author = "The obftnet authors"
copyright = author
release = version = obftnet.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # `make nightly` runs them; they are stored without outputs
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository outside the docs

# Docstrings give shapes and errors in words; a name in single backquotes is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"obftnet {release}"

#: A class's docstring says what its fields are as "name, name: what", further lines indented.
_FIELD = re.compile(r"[a-z_]\w*(, [a-z_]\w*)*: \S")


def fields_as_list(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """The fields in a class's docstring as a list of definitions."""
    found: list[str] = []
    inside = False
    for line in lines if what == "class" else ():
        if _FIELD.match(line):
            names, _, meaning = line.partition(": ")
            found += [*([] if inside else [""]), f"* ``{names}``: {meaning}"]
            inside = True
        elif inside and line.startswith(" "):
            found.append(f"  {line.strip()}")
        else:
            found += [*([""] if inside else []), line]
            inside = False
    if what == "class":
        lines[:] = found


def setup(app: Sphinx) -> None:
    """Before napoleon, which reads the rest."""
    app.connect("autodoc-process-docstring", fields_as_list, priority=400)
