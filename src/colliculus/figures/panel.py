"""The interface of a panel: one pair of axes of a figure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
class Panel(ABC):
    """A chart on one pair of axes, made of plain numbers and names: `Lines`, `Bars`, `Heat` or `Scatter`.

    `colliculus.figures.figure` puts panels beside and below each other.

    Args:
        title: title of the panel.
        xlabel: name of the horizontal axis, with its unit.
    """

    title: str = ""
    xlabel: str = ""

    @property
    @abstractmethod
    def size(self) -> tuple[float, float]:
        """Width and height in inches, without a legend."""

    @property
    def margin(self) -> float:
        """Inches to the left of the axes, about."""
        return 0.5

    @property
    def legend(self) -> Sequence[str]:
        """Names in the legend; empty where the panel needs none."""
        return ()

    @abstractmethod
    def draw_on(self, axes: Axes) -> None:
        """Draw into empty axes. Artists with a name in the legend carry it as their label."""


ROW, MOST_LETTERS = 0.24, 52
"""Height in inches of a row of bars or cells; letters of a name beside it."""


def shortened(name: str) -> str:
    """A name that fits beside a row: its middle is left out where it is long.

    Example:
        >>> shortened("fusion.attention.audio_from_visual.stages.0.temporal.query")
        'fusion.attention.audio_fro…l.stages.0.temporal.query'
    """
    half = MOST_LETTERS // 2
    return name if len(name) <= MOST_LETTERS else f"{name[:half]}…{name[-half + 1 :]}"


def name_rows(axes: Axes, names: Sequence[str], count: int, every: int = 1) -> None:
    """Label one of `every` of `count` rows, the first on top; no names means no labels."""
    axes.set_yticks(range(0, len(names), every), [shortened(name) for name in names[::every]])
    axes.set_ylim(count - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def width_of(names: Sequence[str]) -> float:
    """Inches that the longest name takes beside its row."""
    return 0.068 * max((len(shortened(name)) for name in names), default=0)
