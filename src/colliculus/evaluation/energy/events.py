"""Events among the values that go into a product: what is not zero, and each level of a graded spike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Values = Literal["spikes", "counts", "numbers"]

VALUES: tuple[Values, ...] = ("spikes", "counts", "numbers")
"""From the cheapest to the most expensive."""


def values_of(x: Tensor) -> Values:
    """The kind of a tensor's values.

    Example:
        >>> import torch
        >>> [values_of(torch.tensor(x)) for x in ([0.0, 1.0], [0.0, 2.0], [0.0, 0.5], [-1.0])]
        ['spikes', 'counts', 'numbers', 'numbers']
    """
    if bool(((x == 0) | (x == 1)).all()):
        return "spikes"
    return "counts" if bool(((x >= 0) & (x == x.round())).all()) else "numbers"


@dataclass(frozen=True)
class GradedSpikes:
    """Where graded spikes may be found.

    Args:
        units: values of one level; empty where there are only binary spikes, or none.
        storages: addresses of the memory that the neurons wrote.
    """

    units: tuple[float, ...] = ()
    storages: frozenset[int] = frozenset()

    def units_of(self, x: Tensor) -> tuple[float, ...]:
        """The units if `x` is what a neuron sent, or a view of it; sums of products may be multiples of them too."""
        return self.units if x.untyped_storage().data_ptr() in self.storages else ()


def events_of(x: Tensor, units: Sequence[float] = ()) -> tuple[Tensor, Values]:
    """Number of events at each place of a tensor, and the kind of its values.

    Graded spikes, or sums of them, are multiples of a unit of at least 0. Unfolded they are binary spikes, one for each
    level, and each is an event. Any other value is one event, unless it is 0.

    Args:
        x: the values.
        units: values of a level of the graded neurons that `x` may come from; the largest that divides all is taken.

    Example:
        >>> import torch
        >>> x = torch.tensor([0.0, 0.5, 2.0])
        >>> events_of(x), events_of(x, units=[0.5])
        ((tensor([0., 1., 1.]), 'numbers'), (tensor([0., 1., 4.]), 'spikes'))
    """
    for unit in sorted(units, reverse=True):
        levels = (x / unit).round()
        if bool(((x >= 0) & ((x - levels * unit).abs() <= 1e-5 * unit * levels.clamp(min=1))).all()):
            return levels, "spikes"
    return (x != 0).to(x.dtype), values_of(x)
