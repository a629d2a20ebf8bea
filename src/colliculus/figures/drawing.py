"""Panels put together into a figure, and a figure as PNG or as the SVG of a page."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from html import escape
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Literal

from colliculus.figures.palette import LIGHT, STYLE
from colliculus.figures.panel import Panel
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

LEGEND_ROW, TITLE = 0.2, 0.35
"""Inches."""
VARIABLES = {value: f"var(--{name})" for name, value in LIGHT.items()}


def figure(*rows: Sequence[Panel], title: str = "", legend: Literal["each", "shared"] = "each") -> Figure:
    r"""Draw panels into a figure: the panels of a row beside each other, the rows below each other.

    No window is opened and nothing global changes: the figure is a `matplotlib.figure.Figure` that shows itself in a
    notebook, and that `to_png` and `to_svg` write. Every panel keeps its own size; panels of a row with the same rows
    (bars beside a heat map) line up.

    Args:
        rows: panels of each row. `grid(panels)` makes rows of three.
        title: title above all panels.
        legend: "each" gives every panel a legend of its own where it needs one; "shared" draws one legend below
            all, with every name once. For "shared" a name must look the same in all panels: give its series a `colour`.

    Raises:
        ColliculusError: matplotlib is not installed.

    Example:
        >>> from colliculus.figures import Bars, BarSeries, Lines, Series, figure, to_png
        >>> loss = Series(name="loss", x=[1, 2, 3], y=[0.9, 0.5, 0.4])
        >>> drawn = figure(
        ...     [Lines(series=[loss], xlabel="epoch", whole=True)],
        ...     [Bars(names=["audio", "visual"], series=[BarSeries(values=[0.7, 0.8])])],
        ...     title="A run",
        ... )
        >>> len(drawn.subfigs), to_png(drawn)[:4]
        (2, b'\x89PNG')
    """
    heights = [max(panel.size[1] + _legend_height(panel, legend) for panel in row) for row in rows]
    widths = [sum(panel.size[0] for panel in row) for row in rows]
    shared = list(dict.fromkeys(n for row in rows for panel in row for n in panel.legend)) if legend == "shared" else []
    if shared:
        heights.append(LEGEND_ROW * -(-len(shared) // _columns(shared, max(widths))) + 0.1)
    with _style():
        from colliculus.figures.notebook import Drawing

        size = max(widths), sum(heights) + (TITLE if title else 0)
        drawing = Drawing(figsize=size, layout="constrained")
        drawing.rows = rows
        if title:
            drawing.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        parts = drawing.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, row in zip(parts, rows, strict=False):
            _draw_row(part, row, max(widths), legend)
        if shared:
            _share_legend(list(parts), shared, max(widths))
    return drawing


def grid(panels: Sequence[Panel], columns: int = 3) -> list[Sequence[Panel]]:
    """Panels in rows of at most `columns`, for `figure(*grid(panels))`."""
    return [panels[i : i + columns] for i in range(0, len(panels), columns)]


def to_png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as a PNG file on white; the same figure gives the same bytes."""
    file = BytesIO()
    with _style():
        figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def to_svg(figure: Figure, *, name: str, alt: str) -> str:
    """The figure as an `<svg>` element to stand within a page.

    Its colours are the CSS variables of `colliculus.figures.palette.css`, so that they follow the light and dark of
    the page; texts stay texts. It holds no script, no style sheet, no date and no reference to another file.

    Args:
        figure: what `figure` made.
        name: unique on the page; the ids within the element follow from it.
        alt: description for readers who do not see it.
    """
    file = StringIO()
    plain = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with _style({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=plain)
    text = file.getvalue()
    _, width, height = re.split(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text, maxsplit=1)[:3]
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace(' xlink:href="', ' href="')
    body = re.sub(r' style="[^"]*"', lambda found: _with_variables(found[0]), body)
    body = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda found: _rounded(found[0]), body)
    body = re.sub(r"\n+", "\n", body)
    described = escape(alt)
    look = f'class="chart" role="img" aria-label="{described}" style="max-width: {float(width) / 10.7:.1f}rem"'
    return f'<svg viewBox="0 0 {width} {height}" {look}><title>{described}</title>{body.rstrip()}'


def _with_variables(style: str) -> str:
    """A style attribute with the colours and the font of the page."""
    style = re.sub(r"#[0-9a-f]{6}\b", lambda found: VARIABLES.get(found[0], found[0]), style)
    return re.sub(r"font-family: [^;\"]*", "font-family: inherit", style)


def _rounded(attribute: str) -> str:
    """An attribute of coordinates with two digits after the point, on one line."""
    return re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", attribute.replace("\n", " "))


@contextmanager
def _style(more: dict[str, str] | None = None) -> Generator[None]:
    try:
        from matplotlib import style
    except ImportError as error:
        raise ColliculusError("figures need matplotlib: pip install 'colliculus[report]'") from error
    with style.context(["default", STYLE | (more or {})]):
        yield


def _draw_row(part: SubFigure, row: Sequence[Panel], width: float, legend: Literal["each", "shared"]) -> None:
    """Draw panels beside each other; a row that is narrower than the figure leaves the rest empty."""
    widths = [panel.size[0] for panel in row]
    rest = width - sum(widths)
    blanks = round(rest / widths[-1])
    ratios = [*widths, *[rest / blanks] * blanks] if blanks else widths
    all_axes: Sequence[Axes] = part.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
    for axes in all_axes[len(row) :]:
        axes.set_axis_off()
    for axes, panel in zip(all_axes, row, strict=False):
        axes.tick_params(labelsize=8, labelcolor=LIGHT["ink"], color=LIGHT["faint"], length=2.5)
        panel.draw_on(axes)
        if legend == "each" and panel.legend:
            _put_legend_below(axes, _columns(panel.legend, panel.size[0] - panel.margin))


def _put_legend_below(axes: Axes, columns: int) -> None:
    from matplotlib.transforms import ScaledTranslation

    below = 0.42 if len(axes.get_xticks()) else 0.08  # inches for ticks and the name of the axis
    figure = axes.figure.get_figure(root=True)
    assert figure is not None  # noqa: S101 the axes were just made in it
    place = axes.transAxes + ScaledTranslation(-0.1, -below, figure.dpi_scale_trans)
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=place, ncols=columns)


def _share_legend(parts: Sequence[SubFigure], names: Sequence[str], width: float) -> None:
    """Draw each name once, in the last part."""
    found = {
        label: handle
        for part in parts[:-1]
        for axes in part.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    handles = [found[name] for name in names]
    parts[-1].legend(handles, names, loc="center left", ncols=_columns(names, width))


def _columns(names: Sequence[str], width: float) -> int:
    """Columns of a legend that fit into so many inches."""
    return max(1, min(len(names), int(width / (0.5 + 0.062 * max(map(len, names))))))


def _legend_height(panel: Panel, legend: Literal["each", "shared"]) -> float:
    if legend == "shared" or not panel.legend:
        return 0.0
    return LEGEND_ROW * -(-len(panel.legend) // _columns(panel.legend, panel.size[0] - panel.margin)) + 0.05
