"""The page: one file, readable on a phone and in print, in light and dark, with no script and nothing from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from colliculus.figures import figure, to_svg
from colliculus.figures.palette import css
from colliculus.records import Table, Tables
from colliculus.records.console import span
from colliculus.report import accuracy, examples, setting, wrong
from colliculus.report.comparison import compared
from colliculus.report.material import Material
from colliculus.types import ColliculusError, printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from matplotlib.figure import Figure

IMAGE_BYTES = 3_000_000
"""Bytes of the images on a page, all runs together, so that it stays below 5 MB."""
WRONG_BYTES = 1_000_000
"""Bytes of the pictures and sounds of wrong clips, all runs together."""
SECTIONS = (
    "Setting",
    "Curves",
    "Confusion matrix",
    "Classes",
    "Wrong clips",
    "Contribution of the modalities",
    "Robustness",
    "Energy",
    "Spike health",
    "Example clips",
    "Reproduction",
)
NARROW = "\N{NARROW NO-BREAK SPACE}"


def page(materials: Sequence[Material], title: str) -> str:
    """The whole file.

    Args:
        materials: at least one run; several are also compared.
        title: title of the page.

    Raises:
        ColliculusError: jinja2 or matplotlib is not installed.
    """
    several = len(materials) > 1
    contents = {f"run-0-{_slug(name)}": name for name in SECTIONS}
    if several:
        contents = {"comparison": "Comparison"} | {f"run-{i}": material.name for i, material in enumerate(materials)}
    return (
        environment()
        .get_template("page.html")
        .render(
            title=title,
            palette=css(),
            contents=contents,
            comparison=compared(materials) if several else None,
            runs=materials,
            sections=SECTIONS,
            image_bytes=IMAGE_BYTES // len(materials),
            accuracy=accuracy,
            examples=examples,
            setting=setting,
            wrong=wrong,
            wrong_bytes=WRONG_BYTES // len(materials),
            zip=zip,
        )
    )


def _shown(value: object) -> object:
    """Text from names without control characters; markup, which is another type, as it is."""
    return printable(value, "\n") if type(value) is str else value


def environment() -> Environment:
    """Templates of pages, with filters for tables and figures.

    Raises:
        ColliculusError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ColliculusError("the page needs jinja2: pip install 'colliculus[report]'") from error
    from markupsafe import Markup

    loader = PackageLoader("colliculus.report")
    made = Environment(
        loader=loader,
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = count()

    def svg(drawn: Figure, alt: str) -> Markup:
        return Markup(to_svg(drawn, name=f"chart-{next(numbers)}", alt=alt))  # noqa: S704 to_svg escapes every text

    def charts(drawn: Figure) -> Iterator[Markup]:
        """Each panel of a figure drawn by itself, so that it can be read on a phone."""
        rows = getattr(drawn, "rows", ())
        return (svg(figure([panel]), panel.title or drawn.get_suptitle()) for row in rows for panel in row)

    filters: Mapping[str, Any] = {
        "breakable": _breakable,
        "charts": charts,
        "interval": span,
        "percent": _percent,
        "slug": _slug,
        "svg": svg,
        "tables": _tables,
    }
    made.filters.update(filters)
    return made


def _tables(found: Table | Tables) -> Sequence[Table]:
    return [found] if isinstance(found, Table) else list(found)


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _percent(share: float) -> str:
    """A fraction in percent that no line break divides.

    Example:
        >>> _percent(0.7325).split()
        ['73.2', '%']
    """
    return f"{100 * share:.1f}{NARROW}%"


def _breakable(name: str) -> Markup:
    """A name of several parts, such as a layer's, that a narrow page breaks between the parts.

    Example:
        >>> _breakable("encoders.audio")
        Markup('encoders.<wbr>audio')
    """
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(map(escape, re.split(r"(?<=[._/+])\b", name)))
