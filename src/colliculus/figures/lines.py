"""Curves: accuracy by severity, losses by epoch, probability by time step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colliculus.figures.palette import DASHES, LIGHT, look
from colliculus.figures.panel import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKED = 30
"""Points of a curve beyond which markers would hide the line."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One curve.

    Args:
        name: name in the legend.
        x: positions.
        y: value at each position; None leaves a gap.
        low, high: bounds of a band around the curve, such as a 95 % interval; empty for no band.
        colour: number of its colour and marker in the palette; None takes the place of the series in its panel. Give
            the same number to a modality in every panel.
        dash: number of its dash; None follows the colour.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: int | None = None
    dash: int | None = None


@dataclass(frozen=True, kw_only=True)
class Lines(Panel):
    """Curves over a common axis, with bands, levels and marks.

    Shares are drawn as they are given: multiply by 100 for an axis in percent.

    Args:
        series: curves, from back to front.
        ylabel: name of the vertical axis, with its unit.
        low, high: bounds of y; None follows the data.
        levels: horizontal lines, each a height and a name, such as `(50.0, "chance")`; they stand in the legend.
        marks: vertical lines, each a position and a name, such as `(3, "best epoch")`.
        falling: let x fall to the right (an SNR, so that severity grows to the right).
        whole: ticks of x at whole numbers only (epochs, time steps).

    Example:
        >>> curve = Series(name="audio", x=[1, 2, 4], y=[50.0, 70.0, None], low=[45, 66, 0], high=[55, 74, 0])
        >>> Lines(series=[curve], xlabel="time steps", ylabel="accuracy, %", levels=[(25.0, "chance")]).legend
        ['audio', 'chance']
    """

    series: Sequence[Series]
    ylabel: str = ""
    low: float | None = None
    high: float | None = None
    levels: Sequence[tuple[float, str]] = ()
    marks: Sequence[tuple[float, str]] = ()
    falling: bool = False
    whole: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 3.8, 2.5

    @property
    def legend(self) -> list[str]:
        """Names of the curves, levels and marks, where there are two or more."""
        names = [*(one.name for one in self.series), *(name for _, name in (*self.levels, *self.marks))]
        return names if len(names) > 1 else []

    def draw_on(self, axes: Axes) -> None:
        """Draw the curves, and the levels and marks behind them."""
        from matplotlib.ticker import MaxNLocator

        for i, one in enumerate(self.series):
            draw_series(axes, one, i)
        for i, (height, name) in enumerate(self.levels):
            style = DASHES[1 + i % 2]
            axes.axhline(height, color=LIGHT["faint"], linewidth=0.9, linestyle=style, zorder=0.5, label=name)
        for position, name in self.marks:
            axes.axvline(position, color=LIGHT["faint"], linewidth=0.9, linestyle="-.", zorder=0.5, label=name)
        axes.set(title=self.title, xlabel=self.xlabel, ylabel=self.ylabel)
        axes.set_ylim(self.low, None if self.high is None else self.high + 0.02 * (self.high - (self.low or 0)))
        axes.grid(axis="y")
        if self.whole:
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        if self.falling:
            axes.invert_xaxis()


def draw_series(axes: Axes, one: Series, place: int, *, halo: bool = False) -> None:
    """Draw one curve with its band; `place` gives it a colour where it has none, a halo shows it on coloured cells."""
    from matplotlib.patheffects import withStroke

    number = place if one.colour is None else one.colour
    colour, marker, dash = look(number)
    if one.low and any(a != b for a, b in zip(one.low, one.high, strict=True)):
        axes.fill_between(one.x, one.low, one.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        one.x,
        [float("nan") if value is None else value for value in one.y],
        label=one.name,
        color=colour,
        marker=marker if len(one.x) <= MARKED else "",
        markersize=3.6,
        markeredgewidth=0,
        linestyle=dash if one.dash is None else DASHES[one.dash % len(DASHES)],
        linewidth=1.5,
        path_effects=[withStroke(linewidth=3.4, foreground=LIGHT["ground"])] if halo else None,
    )
