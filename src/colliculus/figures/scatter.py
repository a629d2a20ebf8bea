"""Points in the plane by class: features after PCA or t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colliculus.figures.palette import look
from colliculus.figures.panel import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True)
class Scatter(Panel):
    """Points in a plane whose units mean nothing, each class with a colour and a marker of its own.

    Args:
        points: (x, y) of each point.
        groups: number of the class of each point.
        names: names of the classes; those without a point are not in the legend.

    Example:
        >>> Scatter(points=[(0, 0), (1, 2)], groups=[0, 2], names=["cat", "dog", "owl"]).legend
        ['cat', 'owl']
    """

    points: Sequence[Sequence[float]]
    groups: Sequence[int]
    names: Sequence[str]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 3.8, 2.9

    @property
    def legend(self) -> list[str]:
        """Names of the classes that have points."""
        return [self.names[k] for k in sorted(set(self.groups))]

    def draw_on(self, axes: Axes) -> None:
        """Draw the points of each class."""
        for k in sorted(set(self.groups)):
            colour, marker, _ = look(k)
            mine = [point for point, group in zip(self.points, self.groups, strict=True) if group == k]
            x, y = zip(*mine, strict=True)
            axes.scatter(x, y, s=14, color=colour, marker=marker, linewidths=0, label=self.names[k])
        axes.set(title=self.title, xlabel=self.xlabel, xticks=[], yticks=[])
