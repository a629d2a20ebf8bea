"""The page: one file, readable on a phone and in print, in light and dark, with no script and nothing from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files

from colliculus.report.accuracy import classes, confusions, curves
from colliculus.report.comparison import comparison
from colliculus.report.contribution import contribution
from colliculus.report.energy import energy
from colliculus.report.examples import examples
from colliculus.report.folder import Material
from colliculus.report.health import health
from colliculus.report.markup import Html, join, tag, void
from colliculus.report.robustness import robustness
from colliculus.report.setting import headline, reproduce, setting

MOST_PICTURES = 3_000_000
"""Bytes of pictures on a page, all runs together, so that it stays below 5 MB."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the page may load: nothing. A browser that keeps it would refuse anything that slipped in."""


def page(materials: Sequence[Material], title: str) -> str:
    """The whole file.

    Args:
        materials: at least one run; several are also compared.
        title: of the page.
    """
    several = len(materials) > 1
    parts = [_run(i, material, MOST_PICTURES // len(materials), several) for i, material in enumerate(materials)]
    compared = [_part("h2", "Comparison", "comparison", comparison(materials))] if several else []
    body = tag(
        "body",
        tag("a", "Skip to the content", attributes={"class": "skip", "href": "#content"}),
        tag("header", tag("h1", title), _contents(materials)),
        tag("main", *compared, *parts, attributes={"id": "content"}),
    )
    return f'<!doctype html>\n<html lang="en">{_head(title)}{body}</html>\n'


def _head(title: str) -> Html:
    style = files("colliculus.report").joinpath("style.css").read_text(encoding="utf-8")
    return tag(
        "head",
        void("meta", {"charset": "utf-8"}),
        void("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        void("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        void("link", {"rel": "icon", "href": "data:,"}),
        tag("title", title),
        tag("style", Html(style)),
    )


PARTS: dict[str, Callable[[Material], Html]] = {
    "Setting": setting,
    "Curves": curves,
    "Confusions": confusions,
    "Classes": classes,
    "Contribution of the modalities": contribution,
    "Robustness": robustness,
    "Energy": energy,
    "Spike health": health,
}
EXAMPLES, REPRODUCE = "Example clips", "How to make it again"


def _run(i: int, material: Material, most_bytes: int, several: bool) -> Html:
    """All of one run; of several, the first lies open."""
    parts = [_part("h3", name, _anchor(i, name), show(material)) for name, show in PARTS.items()]
    parts.append(_part("h3", EXAMPLES, _anchor(i, EXAMPLES), examples(material, most_bytes)))
    parts.append(_part("h3", REPRODUCE, _anchor(i, REPRODUCE), reproduce(material)))
    inside = join(headline(material), *parts)
    if several:
        shown = {"open": ""} if i == 0 else {}
        inside = tag("details", tag("summary", f"All of {material.name}"), inside, attributes=shown)
    return _part("h2", f"Run {material.name}", f"run-{i}", inside)


def _part(heading: str, name: str, anchor: str, inside: Html) -> Html:
    return tag("section", tag(heading, name, attributes={"id": anchor}), inside, attributes={"aria-labelledby": anchor})


def _anchor(i: int, name: str) -> str:
    return f"run-{i}-{name.lower().replace(' ', '-')}"


def _contents(materials: Sequence[Material]) -> Html:
    if len(materials) > 1:
        links = {"comparison": "Comparison"} | {f"run-{i}": m.name for i, m in enumerate(materials)}
    else:
        links = {_anchor(0, name): name for name in (*PARTS, EXAMPLES, REPRODUCE)}
    items = (tag("li", tag("a", name, attributes={"href": f"#{anchor}"})) for anchor, name in links.items())
    return tag("nav", tag("ul", *items), attributes={"aria-label": "Contents"})
