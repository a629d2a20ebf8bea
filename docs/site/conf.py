"""Settings of Sphinx. `docs/site/build.py` gathers the pages and runs it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from colliculus.figures.palette import DARK, LIGHT

ROOT = Path(__file__).parents[2]

project = "Colliculus"
author = "The Colliculus authors"
project_copyright = author
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["downloads"]
smartquotes = False  # they would make a dash of `--out`

# Pages: Markdown, and notebooks that run once and again when they change.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # build.py turns it off with `--execute off`
nb_execution_cache_path = str(ROOT / "build" / "docs" / "notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_output_stderr = "remove"  # progress bars

# Reference: docstrings in Google's style, whose single backquotes are code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "inherited-members": "Module, Protocol, Exception, ModuleType"}
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# References to public names must resolve. Types of other packages and inner ones have no page.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!cl\.|colliculus\.(?!\w+\.)).*")]

linkcheck_timeout = 20
linkcheck_retries = 2

html_theme = "furo"
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_title = f"Colliculus {release}"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    f"{name}_css_variables": {
        "color-brand-primary": palette["accent"],
        "color-brand-content": palette["accent"],
        "color-background-primary": palette["ground"],
        "color-background-secondary": palette["raised"],
        "color-foreground-primary": palette["ink"],
    }
    for name, palette in (("light", LIGHT), ("dark", DARK))
}


def escape(kind: str, lines: list[str]) -> None:
    r"""Escape in place what reStructuredText would read as marks: our docstrings mark nothing but code.

    Example:
        >>> lines = ["Shape: (T, *rest), as in `*x`", "", ">>> 2 * 3", "6"]
        >>> escape("attribute", lines)
        >>> lines
        ['..', '', 'Shape: (T, \\*rest), as in `*x`', '', '>>> 2 * 3', '6']
    """
    example = False
    for i, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if not example:
            lines[i] = re.sub(r"(`[^`]*`)|([*|])", lambda m: m[1] or f"\\{m[2]}", line)
    if kind in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # a comment, or napoleon takes what stands before a colon for the type


def drop_blank_output(_app: Sphinx, document: nodes.document) -> None:
    """Drop blocks without text: a table in a notebook is a picture of its own, and printing it leaves a newline."""
    for block in [*document.findall(nodes.literal_block)]:
        if not block.astext().strip():
            block.parent.remove(block)


def shorten(signature: str) -> str:
    """A signature in which a default that is an object shows its class alone; the page of the class has its fields.

    Example:
        >>> shorten("(a: int = 1, n: N = N(x=1, s=S()), *, b: float = 0.5)")
        '(a: int = 1, n: N = N(...), *, b: float = 0.5)'
    """
    begin = re.search(r"= \w+\(", signature)
    if begin is None:
        return signature
    end, depth = begin.end(), 1
    while depth:
        depth += {"(": 1, ")": -1}.get(signature[end], 0)
        end += 1
    return f"{signature[: begin.end()]}...){shorten(signature[end:])}"


def setup(app: Sphinx) -> None:
    """Change docstrings before napoleon reads their sections, signatures, and what notebooks printed."""

    def read(_app: Sphinx, kind: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
        escape(kind, lines)

    def short(*event: Any) -> tuple[str | None, str | None]:
        signature, returned = event[-2:]
        return signature and shorten(signature), returned

    app.connect("autodoc-process-docstring", read, priority=400)
    app.connect("autodoc-process-signature", short)
    app.connect("doctree-read", drop_blank_output)
