"""Images and spike rasters as panels of a figure; `pixels` makes PNG files of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from colliculus.figures.palette import LIGHT
from colliculus.figures.panel import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False)
class Image(Panel):
    """An image, such as an input or a map over it (`colliculus.figures.pixels.overlay`).

    Args:
        pixels: (H, W) or (H, W, 3), from 0 to 1.
        title: title of the panel.
        upside_down: draw the first row at the bottom, as for a spectrogram with its low frequencies first.
    """

    pixels: NDArray[Any]
    title: str = ""
    upside_down: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        high, wide = self.pixels.shape[:2]
        return min(max(1.6 * wide / high, 1.2), 4.8), 1.9

    def draw_on(self, axes: Axes) -> None:
        """Draw the image, pixel by pixel."""
        axes.imshow(
            self.pixels,
            cmap="gray",
            vmin=0,
            vmax=1,
            interpolation="nearest",
            origin="lower" if self.upside_down else "upper",
        )
        axes.set(title=self.title, xticks=[], yticks=[])
        axes.spines[:].set_visible(False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Raster(Panel):
    """Spikes of some neurons: time to the right, neurons downwards.

    Args:
        fired: whether each neuron fired at each time step, (T, neurons).
        title: title of the panel.
    """

    fired: NDArray[Any] | Sequence[Sequence[bool]]
    title: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        steps, neurons = np.shape(self.fired)
        return min(max(1.2 + 0.06 * steps, 1.9), 4.8), min(max(0.9 + 0.03 * neurons, 1.9), 4.0)

    def draw_on(self, axes: Axes) -> None:
        """Draw a short line for each spike."""
        from matplotlib.ticker import MaxNLocator

        spikes = np.asarray(self.fired, dtype=bool)
        steps, neurons = spikes.shape
        times = [np.flatnonzero(train) + 1 for train in spikes.T]
        axes.eventplot(times, colors=LIGHT["c1"], linelengths=0.8, linewidths=min(2.0, 60 / steps))
        axes.set(title=self.title, xlabel="time step", ylabel="neuron", xlim=(0.5, steps + 0.5), yticks=[])
        axes.set_ylim(neurons - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
