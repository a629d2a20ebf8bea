"""Horizontal bars: rates of layers, contributions of modalities, energies of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colliculus.figures.palette import LIGHT, SERIES
from colliculus.figures.panel import ROW, Panel, name_rows, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
class BarSeries:
    """One bar for each row.

    Args:
        values: length of each bar; below 0 it goes to the left.
        name: name in the legend.
        low, high: bounds of an interval at each bar, drawn as a thin line; empty for none.
        labels: text at the end of each bar; empty for none.
        colours: palette name of each bar (`colliculus.figures.palette`: "c0" to "c7", GOOD, ODD, BAD); empty gives all
            bars the colour of the series.
        colour: number of the colour of the series; None takes its place in the panel, from c1 on.
    """

    values: Sequence[float]
    name: str = ""
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    labels: Sequence[str] = ()
    colours: Sequence[str] = ()
    colour: int | None = None


@dataclass(frozen=True, kw_only=True)
class Bars(Panel):
    """Horizontal bars, a row for each name, the first on top.

    Several series stand below each other within a row, or end to end where they are stacked.

    Args:
        names: name of each row; empty for none, as beside a panel with the same rows.
        series: one or more, each with a bar for every row.
        low, high: bounds of the axis; None follows the data and leaves room for the labels.
        span: a shaded range of values, such as the healthy rates.
        borders: rows above which a thin line is drawn.
        stacked: put the bars of a row end to end.

    Example:
        >>> bars = BarSeries(values=[0.9, -0.1], low=[0.8, -0.2], high=[0.95, 0.0], labels=["90 %", "-10 %"])
        >>> Bars(names=["audio", "visual"], series=[bars], xlabel="contribution").legend
        []
    """

    names: Sequence[str]
    series: Sequence[BarSeries]
    low: float | None = None
    high: float | None = None
    span: tuple[float, float] | None = None
    borders: Sequence[int] = ()
    stacked: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        rows, bars = len(self.series[0].values), 1 if self.stacked else len(self.series)
        return 2.4 + self.margin, max(1.2, 0.75 + ROW * rows * (0.4 + 0.6 * bars))

    @property
    def margin(self) -> float:
        """Inches to the left of the axes, about."""
        return 0.2 + width_of(self.names)

    @property
    def legend(self) -> list[str]:
        """Names of the series."""
        return [one.name for one in self.series if one.name]

    def draw_on(self, axes: Axes) -> None:
        """Draw the bars, their intervals and labels."""
        count = len(self.series[0].values)
        if self.span is not None:
            axes.axvspan(*self.span, color=LIGHT["line"], alpha=0.5, linewidth=0, zorder=0)
        height = 0.72 if self.stacked else 0.72 / len(self.series)
        left = [0.0] * count
        for i, one in enumerate(self.series):
            shift = 0.0 if self.stacked else (i - (len(self.series) - 1) / 2) * height
            rows = [row + shift for row in range(count)]
            axes.barh(rows, one.values, left=left, height=0.94 * height, color=_colours(one, i), label=one.name)
            _draw_intervals(axes, rows, one)
            _draw_labels(axes, rows, left, one)
            left = [a + b for a, b in zip(left, one.values, strict=True)] if self.stacked else left
        for row in self.borders:
            axes.axhline(row - 0.5, color=LIGHT["faint"], linewidth=0.6)
        axes.axvline(0, color=LIGHT["faint"], linewidth=0.7)
        axes.set(title=self.title, xlabel=self.xlabel)
        labelled = any(one.labels for one in self.series)
        axes.margins(x=0.22 if labelled else 0.05)
        axes.set_xlim(self.low, self.high)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        name_rows(axes, self.names, count)


def _colours(one: BarSeries, place: int) -> list[str]:
    own = SERIES[(place + 1 if one.colour is None else one.colour) % len(SERIES)]
    return [LIGHT[name] for name in one.colours or [own] * len(one.values)]


def _draw_intervals(axes: Axes, rows: Sequence[float], one: BarSeries) -> None:
    for row, low, high in zip(rows, one.low, one.high, strict=bool(one.low)):
        axes.plot([low, high], [row, row], color=LIGHT["ink"], linewidth=1, marker="|", markersize=4)


def _draw_labels(axes: Axes, rows: Sequence[float], left: Sequence[float], one: BarSeries) -> None:
    for i, label in enumerate(one.labels):
        end = left[i] + one.values[i]
        right = end >= 0
        if one.high:
            end = one.high[i] if right else one.low[i]
        axes.annotate(
            label,
            (end, rows[i]),
            xytext=(4 if right else -4, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=7,
        )
