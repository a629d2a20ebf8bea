"""The page: one file, readable on a phone and in print, in light and dark, with no script and nothing from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files

from colliculus.report.accuracy import classes, confusions, curves
from colliculus.report.comparison import comparison
from colliculus.report.contribution import contribution
from colliculus.report.energy import energy
from colliculus.report.examples import examples
from colliculus.report.folder import UNREADABLE, Material
from colliculus.report.health import health
from colliculus.report.markup import Html, join, tag, void
from colliculus.report.robustness import robustness
from colliculus.report.setting import headline, measured_on, reproduce, setting

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


Show = Callable[[Material], Html]


def _parts(most_bytes: int) -> Mapping[str, Show]:
    """What is told of a run, by heading."""
    return {
        "Setting": setting,
        "Curves": curves,
        "Confusions": confusions,
        "Classes": classes,
        "Contribution of the modalities": partial(_analysis, "contribution", contribution),
        "Robustness": partial(_analysis, "robustness", robustness),
        "Energy": partial(_analysis, "energy", energy),
        "Spike health": partial(_readable, "inspect", health),
        "Example clips": partial(_analysis, "explain", partial(examples, most_bytes=most_bytes)),
        "How to make it again": reproduce,
    }


def _analysis(verb: str, show: Show, material: Material) -> Html:
    """What a verb found, below the clips that it looked at."""

    def shown(material: Material) -> Html:
        document = material.analyses.get(verb)
        return show(material) if document is None else join(measured_on(material, document), show(material))

    return _readable(verb, shown, material)


def _readable(verb: str, show: Show, material: Material) -> Html:
    """A part; where nobody can read the record that it tells of, how to make that anew."""
    if verb not in material.analyses:
        return show(material)
    try:
        return show(material)
    except UNREADABLE:
        return show(material.without(verb))


def _run(i: int, material: Material, most_bytes: int, several: bool) -> Html:
    """All of one run; of several, the first lies open."""
    told = _parts(most_bytes)
    parts = [_part("h3", name, _anchor(i, name), show(material)) for name, show in told.items()]
    inside = join(headline(material), *parts)
    if several:
        first = {"open": ""} if i == 0 else {}
        inside = tag("details", tag("summary", f"All of {material.name}"), inside, attributes=first)
    return _part("h2", f"Run {material.name}", f"run-{i}", inside)


def _part(heading: str, name: str, anchor: str, inside: Html) -> Html:
    return tag("section", tag(heading, name, attributes={"id": anchor}), inside, attributes={"aria-labelledby": anchor})


def _anchor(i: int, name: str) -> str:
    return f"run-{i}-{name.lower().replace(' ', '-')}"


def _contents(materials: Sequence[Material]) -> Html:
    if len(materials) > 1:
        links = {"comparison": "Comparison"} | {f"run-{i}": m.name for i, m in enumerate(materials)}
    else:
        links = {_anchor(0, name): name for name in _parts(MOST_PICTURES)}
    items = (tag("li", tag("a", name, attributes={"href": f"#{anchor}"})) for anchor, name in links.items())
    return tag("nav", tag("ul", *items), attributes={"aria-label": "Contents"})
