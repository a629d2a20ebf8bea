"""Charts made of plain numbers and names, in one style and one palette for PNG files, notebooks and the HTML page."""

from __future__ import annotations

from colliculus.figures.bars import Bars, BarSeries
from colliculus.figures.drawing import figure, grid, to_png, to_svg
from colliculus.figures.heat import Heat, confusion
from colliculus.figures.lines import Lines, Series
from colliculus.figures.panel import Panel
from colliculus.figures.scatter import Scatter

__all__ = [
    "BarSeries",
    "Bars",
    "Heat",
    "Lines",
    "Panel",
    "Scatter",
    "Series",
    "confusion",
    "figure",
    "grid",
    "to_png",
    "to_svg",
]
