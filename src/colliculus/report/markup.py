"""HTML in small pieces: whatever is not marked as HTML is escaped, so that no class or file name can break a page."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

NARROW = "\N{NARROW NO-BREAK SPACE}"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: str, attributes: Mapping[str, str] | None = None) -> Html:
    """An element.

    Args:
        name: of the element.
        children: what stands in it; plain text is escaped.
        attributes: by name.

    Example:
        >>> tag("p", "a < b", tag("em", "c"), attributes={"class": "x"})
        '<p class="x">a &lt; b<em>c</em></p>'
    """
    inside = "".join(child if isinstance(child, Html) else escape(child, quote=False) for child in children)
    return Html(f"<{name}{_attributes(attributes)}>{inside}</{name}>")


def void(name: str, attributes: Mapping[str, str]) -> Html:
    """An element without an inside, such as an image or a line of a drawing."""
    return Html(f"<{name}{_attributes(attributes)}/>")


def join(*parts: str) -> Html:
    """Parts one after the other; plain text is escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part, quote=False) for part in parts))


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "") -> Html:
    """A table that scrolls within itself where the page is narrow; the first cell of a row is its heading.

    Args:
        caption: what it shows.
        header: a heading for each column.
        rows: of cells.
        kind: class of the element, for its looks.
    """
    head = tag("thead", tag("tr", *(tag("th", text, attributes={"scope": "col"}) for text in header)))
    body = tag("tbody", *(tag("tr", _first(row[0]), *map(_cell, row[1:])) for row in rows))
    return titled_table(caption, head, body, kind=kind)


def titled_table(caption: str, *inside: Html, kind: str = "") -> Html:
    """A table of any inside below its title, which stays in sight where the table scrolls."""
    looks = {"aria-label": caption} | ({"class": kind} if kind else {})
    scrolled = scrolling(caption, tag("table", *inside, attributes=looks))
    return tag("figure", tag("figcaption", caption), scrolled, attributes={"class": "table"})


def scrolling(label: str, inside: Html) -> Html:
    """What may be wider than the page, in a box that scrolls, by keyboard too."""
    return tag("div", inside, attributes={"class": "scroll", "role": "region", "aria-label": label, "tabindex": "0"})


def figure(drawing: Html, caption: str, *more: Html, kind: str = "") -> Html:
    """A drawing with what stands below it."""
    return tag("figure", drawing, *more, tag("figcaption", caption), attributes={"class": kind} if kind else None)


def picture(content: bytes, alt: str, *, kind: str = "pixels") -> Html:
    """A PNG within the page.

    Args:
        content: of the file.
        alt: what it shows, for those who do not see it.
        kind: class of the element.
    """
    source = "data:image/png;base64," + b64encode(content).decode()
    return void("img", {"src": source, "alt": alt, "class": kind})


def facts(rows: Mapping[str, str]) -> Html:
    """Names and what they are."""
    pairs = (tag("div", tag("dt", name), tag("dd", value)) for name, value in rows.items())
    return tag("dl", *pairs, attributes={"class": "facts"})


def command(*lines: str) -> Html:
    """Command lines to copy."""
    return scrolling("command line", tag("pre", tag("code", "\n".join(lines))))


def note(*parts: str) -> Html:
    """A remark."""
    return tag("p", *parts, attributes={"class": "note"})


def percent(share: float | None) -> str:
    """A share as text that no line breaks in two.

    Example:
        >>> percent(0.7325).split(), percent(None)
        (['73.2', '%'], '-')
    """
    return "-" if share is None else f"{100 * share:.1f}{NARROW}%"


def interval(bounds: Sequence[float]) -> str:
    """An interval of shares as text.

    Example:
        >>> interval((0.6, 0.98))
        '60.0 to 98.0'
    """
    low, high = bounds
    return f"{100 * low:.1f} to {100 * high:.1f}"


def breakable(name: str) -> Html:
    """A name of several parts, such as a layer's, that a narrow page breaks between the parts.

    Example:
        >>> breakable("encoders.audio")
        'encoders.<wbr/>audio'
    """
    return Html(re.sub(r"(?<=[._/+])\b", "<wbr/>", escape(name, quote=False)))


def _first(cell: str) -> Html:
    return tag("th", breakable(cell), attributes={"scope": "row"})


def _cell(cell: str) -> Html:
    """A cell, itself where it is one already."""
    return cell if isinstance(cell, Html) and cell.startswith("<td") else tag("td", cell)


def _attributes(attributes: Mapping[str, str] | None) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in (attributes or {}).items())
