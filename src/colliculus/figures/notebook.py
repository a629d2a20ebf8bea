"""A matplotlib figure that shows itself in a notebook. Importing this file needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from colliculus.figures.drawing import to_png
from colliculus.figures.panel import Panel


class Drawing(Figure):
    """A figure without a window; a notebook shows it also where pyplot was never imported.

    Attributes:
        rows: panels that it was made of, in their rows.
    """

    rows: Sequence[Sequence[Panel]] = ()

    def _repr_png_(self) -> bytes:
        return to_png(self, dpi=110)
