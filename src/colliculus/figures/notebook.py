"""A matplotlib figure that shows itself in a notebook. Importing this file needs matplotlib."""

from __future__ import annotations

from matplotlib.figure import Figure

from colliculus.figures.drawing import to_png


class Drawing(Figure):
    """A figure without a window; a notebook shows it also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        return to_png(self, dpi=110)
