"""Heat maps: rates by time step, temporal weights by class, time alignments, confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colliculus.figures.lines import Series, draw_series
from colliculus.figures.palette import LIGHT
from colliculus.figures.panel import ROW, Panel, name_rows, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRONGEST = 0.65
"""Opacity of the strongest cell: numbers in ink stay readable on it, on white and on black."""
MOST_NAMES, MOST_TEXTS = 30, 900
"""Rows or columns that are all named; cells beyond which their texts are left out."""


@dataclass(frozen=True, kw_only=True)
class Heat(Panel):
    """A table of numbers as coloured cells, with a text in each where there is room.

    A cell is as opaque as its value is far from `centre`: blue above, orange below. So a map follows the light and dark
    colours of the page.

    Args:
        values: rows of cells, the first row on top; None is an empty cell. Rows may have different lengths.
        rows, columns: names; empty for none, as beside a panel with the same rows.
        ylabel: name of the vertical axis.
        centre: value of a cell without colour.
        far: distance from `centre` at which a cell has the full colour; None takes the largest there is.
        texts: text of each cell, in the shape of `values`; empty for none. Left out where there are too many cells.
        outlined: cells with a frame, as (row, column).
        paths: curves over the cells, x in columns and y in rows, from 0.
        borders: rows above which a thin line is drawn.

    Example:
        >>> Heat(values=[[0.1, 0.9], [0.4, None]], rows=["conv 1", "conv 2"], columns=["1", "2"]).legend
        ['full colour: 0.9']
    """

    values: Sequence[Sequence[float | None]]
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    ylabel: str = ""
    centre: float = 0.0
    far: float | None = None
    texts: Sequence[Sequence[str]] = ()
    outlined: Sequence[tuple[int, int]] = ()
    paths: Sequence[Series] = ()
    borders: Sequence[int] = ()

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        count, across = len(self.values), max(map(len, self.values))
        wide = min(max((0.34 if self.texts else 0.2) * across, 1.2, 0.085 * len(self.title)), 9.0)
        return wide + self.margin, max(1.2, 0.75 + min(ROW * count, 7.5))

    @property
    def margin(self) -> float:
        """Inches to the left of the axes, about."""
        return 0.2 + width_of(self.rows)

    @property
    def legend(self) -> list[str]:
        """Names of the paths; without texts, also the value of the strongest colour."""
        return [*(path.name for path in self.paths), *(name for name, _ in self._scale())]

    def draw_on(self, axes: Axes) -> None:
        """Draw the cells, the texts in them, and the paths over them."""
        count, across = len(self.values), max(map(len, self.values))
        cells = self._cells()
        self._draw_cells(axes, cells)
        for name, colour in self._scale():
            axes.plot([], [], "s", color=LIGHT[colour], alpha=STRONGEST, label=name)
        if len(cells) <= MOST_TEXTS:
            for y, row in enumerate(self.texts):
                for x, text in enumerate(row):
                    axes.text(x, y, text, ha="center", va="center", fontsize=6.5)
        for i, path in enumerate(self.paths):
            draw_series(axes, path, i, halo=True)
        for row in self.borders:
            axes.axhline(row - 0.5, color=LIGHT["faint"], linewidth=0.6)
        axes.set(title=self.title, xlabel=self.xlabel, ylabel=self.ylabel, xlim=(-0.5, across - 0.5))
        axes.spines[:].set_visible(False)
        name_rows(axes, self.rows, count, every=-(-count // MOST_NAMES))
        self._name_columns(axes)

    def _cells(self) -> list[tuple[int, int, float]]:
        """Column, row and value of every cell that is not empty."""
        return [(x, y, v) for y, row in enumerate(self.values) for x, v in enumerate(row) if v is not None]

    def _far(self) -> float:
        return self.far or max((abs(v - self.centre) for _, _, v in self._cells()), default=0.0) or 1.0

    def _scale(self) -> list[tuple[str, str]]:
        """Text and palette name of the strongest colours, where the cells have no texts."""
        cells = self._cells()
        if self.texts and len(cells) <= MOST_TEXTS:
            return []
        below, above = (f"full colour: {self.centre + far:.3g}" for far in (-self._far(), self._far()))
        return [*([(below, "c2")] if any(v < self.centre for _, _, v in cells) else []), (above, "heat")]

    def _draw_cells(self, axes: Axes, cells: Sequence[tuple[int, int, float]]) -> None:
        from matplotlib.collections import PatchCollection
        from matplotlib.colors import to_rgba
        from matplotlib.patches import Rectangle

        far = self._far()
        colours = [
            to_rgba(LIGHT["heat" if v >= self.centre else "c2"], STRONGEST * min(abs(v - self.centre) / far, 1.0))
            for _, _, v in cells
        ]
        boxes = [Rectangle((x - 0.5, y - 0.5), 1, 1) for x, y, _ in cells]
        axes.add_collection(PatchCollection(boxes, facecolors=colours, edgecolors=LIGHT["line"], linewidths=0.3))
        for y, x in self.outlined:
            frame = Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=LIGHT["faint"], linewidth=0.9)
            axes.add_patch(frame)

    def _name_columns(self, axes: Axes) -> None:
        every = -(-len(self.columns) // MOST_NAMES)
        places = range(0, len(self.columns), every or 1)
        turned = max(map(len, self.columns), default=0) > 4
        axes.set_xticks(places, [self.columns[i] for i in places], rotation=90 if turned else 0)
        axes.tick_params(axis="x", length=0)


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str], title: str = "Confusion matrix") -> Heat:
    """Confusion matrix: rows are true classes, columns predictions.

    A cell is as strong as its share of the true class and shows its count of (K, K); the diagonal is framed.
    """
    return Heat(
        values=[[n / max(sum(row), 1) for n in row] for row in counts],
        texts=[[f"{n:,}" if n else "" for n in row] for row in counts],
        rows=names,
        columns=names,
        title=title,
        xlabel="predicted class",
        ylabel="true class",
        far=1.0,
        outlined=[(k, k) for k in range(len(names))],
    )
