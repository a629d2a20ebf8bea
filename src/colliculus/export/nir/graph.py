"""A graph of NIR under construction: signals, and the few kinds of nodes that a network needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import product
from math import copysign, log2, prod
from typing import Any

import numpy as np

from colliculus.export.nir.fold import Affine, Pair, identity, whole_numbers, window_sum
from colliculus.export.nir.target import Pool
from colliculus.types import ColliculusError

Shape = tuple[int, int, int]
"""(C, H, W)."""
FORGETS = 1.0001
"""Time constant in steps of a neuron that keeps almost nothing; readers want more than 1."""


def nir_package() -> Any:
    """The package `nir`.

    Raises:
        ColliculusError: it is not installed.
    """
    try:
        return import_module("nir")
    except ModuleNotFoundError as error:
        raise ColliculusError("NIR graphs need nir: pip install 'colliculus[nir]'") from error


@dataclass(frozen=True)
class Signal:
    """Output of a layer: the sum of the outputs of some nodes, times a number.

    Args:
        nodes: the nodes.
        shape: (C, H, W).
        unit: the number; of spikes, the value of one.
        start: first of the nodes' channels that belong to the signal.
    """

    nodes: tuple[str, ...]
    shape: Shape
    unit: float = 1.0
    start: int = 0

    def times(self, factor: float) -> Signal:
        """The signal, multiplied."""
        return replace(self, unit=self.unit * factor)


class GraphWriter:
    """Collects the nodes and edges of a graph. Every method adds nodes and returns the signal they send.

    Args:
        steps: T.
        dt: length of a step in seconds.
        pool: max-pooling of spikes by "avg", `AvgPool2d` and a neuron, or by "conv", a convolution and a neuron.
        bits: bits of a learned weight, with one scale for each channel; None keeps float32.

    Attributes:
        spikes: the signal of each neuron of the network, by its name there.
    """

    def __init__(self, *, steps: int, dt: float, pool: Pool, bits: int | None = None) -> None:
        self.steps, self.dt, self.bits = steps, dt, bits
        self.pool: Pool = pool
        self.nir = nir_package()
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.channels: dict[str, int] = {}
        self.spikes: dict[str, Signal] = {}

    def input(self, shape: Shape) -> Signal:
        """The only input."""
        return self._add("input", self.nir.Input(input_type=np.array(shape)), None, shape)

    def conv(self, name: str, layer: Affine, x: Signal, *, learned: bool = True) -> Signal:
        """A convolution of a signal; the nodes of a sum are added before it."""
        read = layer.times(x.unit).reading(x.start, self.channels[x.nodes[0]]).square()
        weight, bias = read.weight.astype(np.float32), read.bias.astype(np.float32)
        if learned and self.bits is not None:
            weight = whole_numbers(weight, self.bits)
        node = self.nir.Conv2d(
            input_shape=x.shape[1:],
            weight=weight,
            stride=read.stride,
            padding=read.padding,
            dilation=(1, 1),
            groups=1,
            bias=bias,
        )
        kernel = (weight.shape[2], weight.shape[3])
        return self._add(name, node, x, (len(weight), *_sizes(x.shape, kernel, read.stride, read.padding)))

    def fires(self, name: str, x: Signal, *, threshold: float, tau: float) -> Signal:
        """Neurons that fire at the threshold, reset to 0 and start at 0; tau in steps.

        NIR fires above the threshold, ours at it: the next smaller float32 makes both the same.
        """
        current = self.plain(f"{name}_current", x)
        below = np.nextafter(np.float32(threshold), np.float32(0))
        zeros = np.zeros(x.shape, dtype=np.float32)
        node = self.nir.LIF(
            tau=np.full(x.shape, tau * self.dt),
            r=np.ones(x.shape, dtype=np.float32),
            v_leak=zeros,
            v_reset=zeros,
            v_threshold=np.full(x.shape, below),
        )
        return self._add(name, node, current, x.shape)

    def any_in_window(self, name: str, x: Signal, kernel: Pair, stride: Pair, padding: Pair) -> Signal:
        """The maximum of spikes over windows: the smallest sum above 0 fires a neuron, which the reset empties.

        The nodes of a graded neuron fire one after the other as its level rises. So each passes by itself: the maximum
        of their sum is the sum of their maxima.
        """
        alone = [self._window(f"{name}_{i}", node, x, (kernel, stride, padding)) for i, node in enumerate(x.nodes)]
        return replace(alone[0], nodes=tuple(node for each in alone for node in each.nodes), unit=x.unit)

    def _window(self, name: str, node: str, x: Signal, window: tuple[Pair, Pair, Pair]) -> Signal:
        one = replace(x, nodes=(node,), unit=1.0)
        kernel, stride, padding = window
        if self.pool == "conv":
            found = self.conv(f"{name}_sum", window_sum(x.shape[0], kernel, stride, padding), one, learned=False)
            return self.fires(name, found, threshold=1 / 4, tau=2.0)
        made = self.nir.AvgPool2d(kernel_size=np.array(kernel), stride=np.array(stride), padding=np.array(padding))
        found = self._add(f"{name}_mean", made, one, (x.shape[0], *_sizes(x.shape, kernel, stride, padding)))
        return self.fires(name, found, threshold=1 / (4 * kernel[0] * kernel[1]), tau=2.0)

    def all_of(self, name: str, signals: Sequence[Signal]) -> Signal:
        """The product of signals of spikes: for every choice of a node from each, a neuron that fires if all do."""
        sent: list[str] = []
        for chosen in product(*(signal.nodes for signal in signals)):
            nodes = tuple(dict.fromkeys(chosen))
            together = Signal(nodes, signals[0].shape)
            sent += self.fires(f"{name}_{len(sent)}", together, threshold=len(nodes) - 0.5, tau=FORGETS).nodes
        return Signal(tuple(sent), signals[0].shape, prod(signal.unit for signal in signals))

    def sum(self, name: str, signals: Sequence[Signal]) -> Signal:
        """The sum of signals, by edges into the next node; where they differ in unit, it passes a convolution."""
        first, *others = signals
        for i, x in enumerate(others):
            added = x
            if x.unit != first.unit or not (self._whole(x) and self._whole(first)) or {*x.nodes} & {*first.nodes}:
                first = self.plain(f"{name}_{i}_left", first)
                added = self.conv(f"{name}_{i}_right", identity(x.shape[0]), x, learned=False)
            first = replace(first, nodes=first.nodes + added.nodes)
        return first

    def plain(self, name: str, x: Signal) -> Signal:
        """The signal as a sum of nodes, times 1; where it is not, a convolution makes it so."""
        if x.unit == 1 and self._whole(x):
            return x
        return self.conv(name, identity(x.shape[0]), x, learned=False)

    def edge_weight(self, weight: float) -> float:
        """The weight of an edge; where weights have few bits, the nearest power of two, which shifts."""
        return weight if self.bits is None or not weight else copysign(2.0 ** round(log2(abs(weight))), weight)

    def output(self, x: Signal) -> Any:
        """The finished graph; a sum passes a convolution, because readers do not add the edges into an output."""
        single = len(x.nodes) == 1 and x.unit == 1 and self._whole(x)
        one = x if single else self.conv("output_sum", identity(x.shape[0]), x, learned=False)
        self._add("output", self.nir.Output(output_type=np.array(one.shape)), one, one.shape)
        return self.nir.NIRGraph(nodes=self.nodes, edges=self.edges)

    def _whole(self, x: Signal) -> bool:
        """True if the signal is all of its nodes' channels."""
        return x.shape[0] == self.channels[x.nodes[0]]

    def _add(self, name: str, node: Any, x: Signal | None, shape: Shape) -> Signal:
        free = re.sub(r"\W", "_", name)  # readers make attributes of the names
        while free in self.nodes:
            free += "_"
        self.nodes[free], self.channels[free] = node, shape[0]
        self.edges += [(source, free) for source in (() if x is None else x.nodes)]
        return Signal((free,), shape)


def _sizes(shape: Shape, kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    """Rows and columns of what a window of that kind gives."""
    rows, columns = ((n + 2 * p - k) // s + 1 for n, k, s, p in zip(shape[1:], kernel, stride, padding, strict=True))
    return rows, columns
