"""The layers of encoders and streams in NIR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from math import frexp

from torch import Tensor, nn

from colliculus.encoders import SpikingPatchSplitting, SpikingResNet18, SpikingSeriesEncoder
from colliculus.export.nir.fold import Pair, linear, normalised, window_sum
from colliculus.export.nir.graph import GraphWriter, Signal
from colliculus.fusion import SynapticCurrent
from colliculus.fusion.cross_modal import SemanticBranch
from colliculus.fusion.mask import MaskedAttention
from colliculus.layers import (
    ConvBNSpike,
    CurrentResidualBlock,
    ProjectionBNSpike,
    SpikeResidualBlock,
    SpikingAttention,
    SpikingMLP,
)
from colliculus.neurons import LIF, PLIF, GradedNeuron, LeakyNeuron, Neuron
from colliculus.types import ColliculusError

ATTENTION = "multiplies spikes with spikes (attention)"


class NotInNIRError(ColliculusError):
    """A part of a network that NIR cannot say; the text goes on after the name of the method."""


@dataclass(frozen=True)
class Writing:
    """A graph and the names of the modules that are written to it."""

    graph: GraphWriter
    names: Mapping[nn.Module, str]


@singledispatch
def write(module: nn.Module, to: Writing, x: Signal) -> Signal:  # noqa: ARG001
    """Write a layer that takes `x`; its neurons have the names of their modules.

    Raises:
        NotInNIRError: NIR has no nodes for it.
    """
    reason = ATTENTION if any(isinstance(part, SpikingAttention) for part in module.modules()) else "computes something"
    raise NotInNIRError(f"{reason} in {to.names[module]} ({type(module).__name__})")


@write.register
def _(module: nn.Identity, to: Writing, x: Signal) -> Signal:  # noqa: ARG001
    return x


@write.register
def _(module: nn.Sequential, to: Writing, x: Signal) -> Signal:
    first, *later = module
    if isinstance(first, nn.Conv2d):  # of a residual block, with its BatchNorm
        (norm,) = later
        return to.graph.conv(to.names[module], linear(first, norm), x)
    for part in module:
        x = write(part, to, x)
    return x


@write.register
def _(module: ConvBNSpike, to: Writing, x: Signal) -> Signal:
    name = to.names[module]
    current = to.graph.conv(f"{name}_conv", linear(module.conv, module.norm), x)
    spikes = write(module.neuron, to, current)
    if module.pool is None:
        return spikes
    assert isinstance(module.pool, nn.MaxPool2d)  # noqa: S101
    kernel, stride, padding = (_pair(n) for n in (module.pool.kernel_size, module.pool.stride, module.pool.padding))
    pooled = to.graph.any_in_window(f"{name}_pool", spikes, kernel, stride, padding)
    if module.neuron.keeps_order(to.graph.steps):  # PyTorch pools before this neuron
        to.graph.spikes[to.names[module.neuron]] = pooled
    return pooled


@write.register
def _(module: ProjectionBNSpike, to: Writing, x: Signal) -> Signal:
    current = to.graph.conv(f"{to.names[module]}_linear", linear(module.linear, module.norm), x)
    return write(module.neuron, to, current)


@write.register
def _(module: SpikingMLP, to: Writing, x: Signal) -> Signal:
    return to.graph.sum(to.names[module], [x, write(module.contract, to, write(module.expand, to, x))])


@write.register
def _(module: SynapticCurrent, to: Writing, x: Signal) -> Signal:
    spikes = write(module.expand, to, x)
    return to.graph.conv(f"{to.names[module]}_contract", linear(module.contract, module.norm), spikes)


@write.register
def _(module: SpikingPatchSplitting, to: Writing, x: Signal) -> Signal:
    for stage in module.stages:
        x = write(stage, to, x)
    return to.graph.sum(to.names[module], [x, write(module.position, to, x)])


@write.register
def _(module: SpikingSeriesEncoder, to: Writing, x: Signal) -> Signal:
    for stage in module.stages:
        x = write(stage, to, x)
    return x


@write.register
def _(module: SpikingResNet18, to: Writing, x: Signal) -> Signal:
    for part in (module.stem, *module.stages):
        x = write(part, to, x)
    return x


@write.register
def _(module: CurrentResidualBlock, to: Writing, x: Signal) -> Signal:
    currents = [write(module.second, to, write(module.first, to, x)), write(module.shortcut, to, x)]
    return write(module.neuron, to, to.graph.sum(to.names[module], currents))


@write.register
def _(module: SpikeResidualBlock, to: Writing, x: Signal) -> Signal:
    spikes = [write(module.second, to, write(module.first, to, x)), write(module.shortcut, to, x)]
    return to.graph.sum(to.names[module], spikes)


@write.register
def _(module: SemanticBranch, to: Writing, x: Signal) -> Signal:
    current = to.graph.conv(f"{to.names[module]}_linear", linear(module.linear, module.norm), x)
    return write(module.neuron, to, current)


def write_mask(module: MaskedAttention, to: Writing, x: Signal, y: Signal) -> Signal:
    """r = N(BN(sum_n q k)) v; every place adds the whole grid, first its column, then the row of these sums."""
    if x.shape[1:] != y.shape[1:]:
        raise NotInNIRError(f"{to.names[module]} takes tokens of a grid {y.shape[1:]} at the places of {x.shape[1:]}")
    name, (channels, rows, columns) = to.names[module], x.shape
    query, key, value = write(module.query, to, x), write(module.key, to, y), write(module.value, to, y)
    both = to.graph.all_of(f"{name}_both", [query, key])
    column = window_sum(channels, (2 * rows - 1, 1), (1, 1), (rows - 1, 0))
    row = window_sum(channels, (1, 2 * columns - 1), (1, 1), (0, columns - 1))
    counted = to.graph.conv(f"{name}_column", column, both, learned=False)
    counted = to.graph.conv(f"{name}_grid", row, counted, learned=False)
    if not isinstance(module.norm, nn.Identity):
        one = window_sum(channels, (1, 1), (1, 1), (0, 0))
        counted = to.graph.conv(f"{name}_norm", normalised(one, module.norm), counted)
    return to.graph.all_of(f"{name}_passed", [write(module.neuron, to, counted), value])


@write.register
def _(module: Neuron, to: Writing, x: Signal) -> Signal:  # noqa: ARG001
    raise ColliculusError(f"a {type(module).__name__} sends numbers, and the neurons of NIR send spikes: use --to onnx")


@write.register
def _(module: LIF | PLIF, to: Writing, x: Signal) -> Signal:
    if module.dynamics.reset == "soft":
        raise ColliculusError(
            "NIR's LIF resets to a value, soft reset subtracts: train with --method.neuron.reset hard"
        )
    name = to.names[module]
    spikes = to.graph.fires(name, x, threshold=module.dynamics.threshold, tau=_tau(module))
    to.graph.spikes[name] = spikes
    return spikes


@write.register
def _(module: GradedNeuron, to: Writing, x: Signal) -> Signal:
    """A level is the number of thresholds reached, each by a binary neuron that keeps nothing for the next step."""
    unit, name = module.dynamics.step, to.names[module]
    if module.decay:
        raise ColliculusError(
            f"a graded neuron with `decay` {module.decay} subtracts what it sends, and NIR's LIF resets to a value: "
            "train with --method.neuron.decay 0"
        )
    if frexp(unit)[0] != 0.5:
        raise ColliculusError(
            f"`step` {unit} of the graded neurons is not a power of two, so that NIR's spikes would differ in the last "
            "digit: train with --method.neuron.step 0.5"
        )
    tau = 2.0 if to.graph.steps == 1 else 1.0  # in a single step half the current meets half the threshold
    current = to.graph.plain(f"{name}_current", x)
    thresholds = [(level - 0.5) * unit / tau for level in range(1, module.dynamics.levels + 1)]
    levels = [
        to.graph.fires(f"{name}_{level}", current, threshold=threshold, tau=tau)
        for level, threshold in enumerate(thresholds, 1)
    ]
    spikes = Signal(tuple(node for each in levels for node in each.nodes), x.shape, unit)
    to.graph.spikes[name] = spikes
    return spikes


def _tau(neuron: LeakyNeuron) -> float:
    leak = neuron.leak()
    return 1 / (float(leak.detach()) if isinstance(leak, Tensor) else leak)


def _pair(value: int | tuple[int, ...]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
