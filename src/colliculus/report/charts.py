"""Drawings as SVG in the colours of the page: they follow light and dark, and stay sharp in print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from colliculus.report.markup import Html, figure, join, tag, void

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 40
NUM_COLOURS = 8
"""Of series, by the classes c0, c1, ... of the style sheet; each also has a dash and a mark of its own."""
DASHES = ("", "6 3", "2 3", "8 3 2 3")
MARKED = 24
"""With more points, marks would hide the line."""


@dataclass(frozen=True)
class Series:
    """A curve.

    Args:
        name: stands in the legend.
        points: (x, y); a y of None leaves a gap.
        band: (x, low, high) around it, such as a 95 % interval; may be empty.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What a drawing measures.

    Args:
        title: of the drawing, read out by a screen reader.
        across: name of x.
        up: name of y.
        low, high: bounds of y that are shown at least; None: as the data have them.
        level: a height to mark by a line, with its name.
    """

    title: str
    across: str
    up: str
    low: float | None = None
    high: float | None = None
    level: tuple[float, str] | None = None


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between `low` and `high`, about `count` of them.

    Example:
        >>> ticks(0, 1), ticks(1, 16)
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [5.0, 10.0, 15.0])
    """
    if not high > low:
        return [low]
    rough = (high - low) / count
    unit = 10.0 ** floor(log10(rough))
    step = unit * next(factor for factor in (1, 2, 5, 10) if factor * unit >= 0.999 * rough)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def lines(axes: Axes, series: Sequence[Series], caption: str) -> Html:
    """Curves over one another, with a legend and a caption.

    Args:
        axes: what is measured.
        series: at least one, at least one point among them.
        caption: stands below.
    """
    place, grid = _frame(axes, series)
    drawn: list[Html] = [grid]
    for i, one in enumerate(series):
        drawn += _curve(i, one, place)
    keys = [tag("li", _key(i), " ", one.name) for i, one in enumerate(series)]
    if axes.level is not None:
        keys.append(tag("li", _small(28, void("path", {"class": "level", "d": "M0 6H28"})), " ", axes.level[1]))
    legend = [tag("ul", *keys, attributes={"class": "legend"})] if len(keys) > 1 else []
    return figure(_svg(axes.title, *drawn), caption, *legend)


def scatter(title: str, points: Sequence[tuple[float, float]], groups: Sequence[int], names: Sequence[str]) -> Html:
    """Points in the plane, those of a group in one colour and mark.

    Args:
        title: of the drawing.
        points: (x, y) each.
        groups: number of the group of each.
        names: of the groups.
    """
    xs, ys = [p[0] for p in points], [p[1] for p in points]

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - min(xs)) / max(max(xs) - min(xs), 1e-9)
        up = (y - min(ys)) / max(max(ys) - min(ys), 1e-9)
        return 10 + across * (WIDTH - 20), HEIGHT - 10 - up * (HEIGHT - 20)

    marks = [_mark(group, *place(*point)) for point, group in zip(points, groups, strict=True)]
    shown = sorted(set(groups))
    keys = [tag("li", _swatch(k), " ", names[k]) for k in shown]
    return figure(_svg(title, *marks), title, tag("ul", *keys, attributes={"class": "legend"}))


def bar(share: float, bounds: tuple[float, float] | None = None, text: str = "") -> Html:
    """A cell with a bar from 0 to 1 behind its text, and an interval as a thin line."""
    parts = [void("rect", {"class": "bar", "width": f"{100 * share:.1f}", "height": "10", "y": "1"})]
    if bounds is not None:
        low, high = (100 * bound for bound in bounds)
        parts.append(void("path", {"class": "whisker", "d": f"M{low:.1f} 3v6M{low:.1f} 6H{high:.1f}M{high:.1f} 3v6"}))
    picture = {"class": "inline", "viewBox": "0 0 100 12", "aria-hidden": "true", "preserveAspectRatio": "none"}
    return _barred(tag("svg", *parts, attributes=picture), text)


def signed_bar(value: float, largest: float, text: str) -> Html:
    """A cell with a bar to the right of its middle for what is positive, else to the left."""
    length = 50 * min(abs(value) / largest, 1) if largest else 0
    start = 50 if value >= 0 else 50 - length
    kind = "bar" if value >= 0 else "bar against"
    rect = void("rect", {"class": kind, "x": f"{start:.1f}", "width": f"{length:.1f}", "height": "10", "y": "1"})
    middle = void("path", {"class": "whisker", "d": "M50 0v12"})
    picture = {"class": "inline", "viewBox": "0 0 100 12", "aria-hidden": "true", "preserveAspectRatio": "none"}
    return _barred(tag("svg", rect, middle, attributes=picture), text)


def _barred(drawing: Html, text: str) -> Html:
    return tag("td", tag("div", drawing, tag("span", text)), attributes={"class": "barred"})


def heat(share: float, text: str, *, kind: str = "heat") -> Html:
    """A cell whose ground is as strong as `share`, 0 to 1."""
    return tag("td", text, attributes={"class": kind, "style": f"--share:{share:.3f}"})


Place = Callable[[float, float], tuple[float, float]]


def _frame(axes: Axes, series: Sequence[Series]) -> tuple[Place, Html]:
    """Where a point of the data lies, and the grid with its numbers."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points if y is not None]
    ys += [y for one in series for _, low, high in one.band for y in (low, high)]
    left, right = min(xs), max(xs)
    low = min(ys) if axes.low is None else min(*ys, axes.low)
    high = max(ys) if axes.high is None else max(*ys, axes.high)
    wide, tall = max(right - left, 1e-9), max(high - low, 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / wide if right > left else 0.5
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - (y - low) / tall * (HEIGHT - TOP - BOTTOM)

    parts: list[Html] = []
    for y in ticks(low, high):
        height = place(left, y)[1]
        parts.append(void("path", {"class": "rule", "d": f"M{LEFT} {height:.1f}H{WIDTH - RIGHT}"}))
        parts.append(_text(LEFT - 6, height + 4, f"{y:g}", "end"))
    parts += [_text(place(x, low)[0], HEIGHT - BOTTOM + 16, f"{x:g}", "middle") for x in ticks(left, right)]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, axes.across, "middle"))
    turned = {"transform": f"translate(12 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)", "text-anchor": "middle"}
    parts.append(tag("text", axes.up, attributes=turned))
    if axes.level is not None:
        height = place(left, axes.level[0])[1]
        parts.append(void("path", {"class": "level", "d": f"M{LEFT} {height:.1f}H{WIDTH - RIGHT}"}))
    return place, join(*parts)


def _curve(i: int, one: Series, place: Place) -> Iterable[Html]:
    if one.band:
        over = [place(x, high) for x, _, high in one.band]
        under = [place(x, low) for x, low, _ in reversed(one.band)]
        ring = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*over, *under])
        yield void("polygon", {"class": f"band c{i % NUM_COLOURS}", "points": ring})
    path, pen = "", "M"
    for x, y in one.points:
        if y is None:
            pen = "M"
            continue
        across, up = place(x, y)
        path, pen = path + f"{pen}{across:.1f} {up:.1f}", "L"
    yield void("path", {"class": f"line c{i % NUM_COLOURS}", "d": path or "M0 0", "stroke-dasharray": _dash(i)})
    if len(one.points) <= MARKED:
        yield from (_mark(i, *place(x, y)) for x, y in one.points if y is not None)


def _dash(i: int) -> str:
    return DASHES[i % len(DASHES)] or "none"


def _mark(i: int, x: float, y: float) -> Html:
    """A disc, a square, a triangle or a diamond."""
    shapes = (
        f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
        f"M{x - 2.7:.1f} {y - 2.7:.1f}h5.4v5.4h-5.4z",
        f"M{x:.1f} {y - 3.4:.1f}l3.4 6h-6.8z",
        f"M{x:.1f} {y - 3.8:.1f}l3.8 3.8l-3.8 3.8l-3.8 -3.8z",
    )
    return void("path", {"class": f"mark c{i % NUM_COLOURS}", "d": shapes[(i + i // NUM_COLOURS) % len(shapes)]})


def _key(i: int) -> Html:
    line = void("path", {"class": f"line c{i % NUM_COLOURS}", "d": "M0 6H28", "stroke-dasharray": _dash(i)})
    return _small(28, line, _mark(i, 14, 6))


def _swatch(i: int) -> Html:
    return _small(12, _mark(i, 6, 6))


def _small(width: int, *parts: Html) -> Html:
    return tag(
        "svg",
        *parts,
        attributes={"viewBox": f"0 0 {width} 12", "width": f"{width}", "height": "12", "aria-hidden": "true"},
    )


def _text(x: float, y: float, text: str, anchor: str) -> Html:
    return tag("text", text, attributes={"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})


def _svg(title: str, *parts: Html) -> Html:
    look = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "aria-label": title, "class": "chart"}
    return tag("svg", tag("title", title), *parts, attributes=look)
