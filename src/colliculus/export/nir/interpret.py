"""Running a graph of NIR step by step, to check what was written: the equations of NIR, with Euler's steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import reduce
from graphlib import TopologicalSorter
from operator import add
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.types import ColliculusError

Step = Callable[[Tensor], Tensor]
"""One time step of a node: what comes in to what goes out, (B, *) both."""


@torch.no_grad()
def interpret(
    graph: Any,
    inputs: Tensor,
    *,
    dt: float,
    watched: Collection[str] = (),
    given: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Outputs of a graph over T steps, starting from v = 0.

    Edges that meet are added. Membranes follow v <- v + (v_leak - v + r I) dt / tau; above the threshold there is a
    spike, and the membrane becomes v_reset.

    Args:
        graph: without cycles, with one input and one output.
        inputs: (T, B, *).
        dt: length of a step in seconds.
        watched: names of further nodes whose outputs are returned.
        given: outputs (T, B, *) of some nodes, which the nodes behind them get in the place of what these computed.

    Returns:
        The output (T, B, *), and what the watched nodes computed.

    Raises:
        ColliculusError: the graph has a node of a kind that Colliculus does not write.

    Example:
        >>> import nir
        >>> import numpy as np
        >>> one = np.ones(1)
        >>> neuron = nir.LIF(tau=2e-4 * one, r=one, v_leak=0 * one, v_threshold=one)
        >>> interpret(nir.NIRGraph.from_list(neuron), torch.full((4, 1, 1), 3.0), dt=1e-4)[0].flatten()
        tensor([1., 1., 1., 1.])
    """
    before: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        before[target].append(source)
    order = [*TopologicalSorter(before).static_order()]
    run = {name: _step(name, node, dt) for name, node in graph.nodes.items()}
    (first,), (last,) = graph.inputs, graph.outputs
    found, sent = defaultdict[str, list[Tensor]](list), given or {}
    for t, frame in enumerate(inputs):
        values = {first: frame}
        for name in order:
            if name == first:
                continue
            computed = run[name](reduce(add, (values[source] for source in before[name])))
            values[name] = sent[name][t] if name in sent else computed
            if name == last or name in watched:
                found[name].append(computed)
    out = {name: torch.stack(steps) for name, steps in found.items()}
    return out[last], {name: out[name] for name in watched}


def _step(name: str, node: Any, dt: float) -> Step:
    match type(node).__name__:
        case "Input" | "Output":
            return lambda x: x
        case "Conv2d":
            return _convolution(node)
        case "AvgPool2d":
            kernel, stride, padding = (
                tuple(int(n) for n in pair) for pair in (node.kernel_size, node.stride, node.padding)
            )
            return lambda x: functional.avg_pool2d(x, kernel, stride, padding)
        case "LIF":
            return _Neurons(node, dt)
        case other:
            raise ColliculusError(f"the node {name} is of the kind {other}, which Colliculus does not write")


def _convolution(node: Any) -> Step:
    weight, bias = torch.from_numpy(node.weight), torch.from_numpy(node.bias)
    options = {key: tuple(int(n) for n in getattr(node, key)) for key in ("stride", "padding", "dilation")}
    return lambda x: functional.conv2d(x, weight, bias, groups=int(node.groups), **options)


class _Neurons:
    """Leaky integrate-and-fire neurons, with their membranes."""

    def __init__(self, node: Any, dt: float) -> None:
        self.leak, self.r, self.rest, self.threshold, self.reset = (
            torch.from_numpy(x).float() for x in (dt / node.tau, node.r, node.v_leak, node.v_threshold, node.v_reset)
        )
        self.membrane: Tensor | None = None

    def __call__(self, current: Tensor) -> Tensor:
        v = torch.zeros_like(current) if self.membrane is None else self.membrane
        v = v + (self.rest - v + self.r * current) * self.leak
        fired = v > self.threshold
        self.membrane = torch.where(fired, self.reset, v)
        return fired.to(current.dtype)
