"""Operations of every layer, counted in a real forward pass on real data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from colliculus.evaluation.energy.events import VALUES
from colliculus.evaluation.energy.probe import Role, probe
from colliculus.evaluation.energy.products import Product
from colliculus.evaluation.energy.watch import Event, Inputs, WatchedForward, watch
from colliculus.evaluation.inference import inference_mode
from colliculus.model import MultimodalSNN
from colliculus.neurons import SpikingNeuron
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class LayerCount(Product):
    """Operations of one layer, summed over samples and time steps; graded spikes count as binary ones.

    Its `name` is that of the module that owns the weight; for a product without one, of the module that computes it.
    Its `values` are the most expensive that occurred; "spikes" cost additions, the others multiplications. For a
    product without a weight, `stored` are the numbers of the other operand of one sample and step.

    Args:
        decides: whether the decision depends on it; a layer that only explains (a modality's own head) need not run.
        first: whether it is the first layer of a modality.
        steps: T, steps it runs.
        repeats: T where it computes the same at every step, so that it may run once; otherwise 1.
        artificial_repeats: the same in the ANN counterpart.
        sources: inputs of one sample and step.
        results: outputs of one sample and step.
    """

    decides: bool
    first: bool
    steps: int
    repeats: int
    artificial_repeats: int
    sources: float
    results: float

    def __add__(self, more: LayerCount) -> LayerCount:
        summed = ("inputs", "events", "uses", "dense_uses", "macs", "outputs")
        values = max(self.values, more.values, key=VALUES.index)
        repeats = _together(self, more)
        sums = {name: getattr(self, name) + getattr(more, name) for name in summed}
        return replace(self, values=values, **repeats, **sums)

    @property
    def rate(self) -> float:
        """Events per input; above 1 where graded spikes of many levels arrive."""
        return self.events / self.inputs

    @property
    def ac(self) -> int:
        """Accumulates: the uses of spikes."""
        return self.uses if self.values == "spikes" else 0

    @property
    def mac(self) -> int:
        """Multiply-accumulates: the uses of other values."""
        return self.uses - self.ac

    @property
    def conventional(self) -> float:
        """Operations as usually reported: rate x T x MACs of the layer."""
        return self.rate * self.macs


@dataclass(frozen=True, kw_only=True)
class NeuronCount:
    """Updates of one layer of neurons, summed over samples.

    A graded neuron counts unfolded, as the binary one that does the same: D updates a step, and a spike for each level.

    Args:
        name: name of the neuron module.
        decides: whether the decision depends on it.
        repeats: as in `LayerCount`, and `artificial_repeats`.
        neurons: N.
        updates: samples * T * N, of graded neurons times D.
        spikes: binary spikes that it sent.
        levels: D, most binary spikes of a neuron in one step; 0 if it sends numbers (ReLU), which takes no membrane.
    """

    name: str
    decides: bool
    repeats: int
    artificial_repeats: int
    neurons: int
    updates: int
    spikes: int
    levels: int = 1

    @property
    def values(self) -> int:
        """Values that it sent, samples * T * N: an artificial network compares each with 0."""
        return self.updates // max(self.levels, 1)

    def __add__(self, more: NeuronCount) -> NeuronCount:
        repeats = _together(self, more)
        return replace(self, **repeats, updates=self.updates + more.updates, spikes=self.spikes + more.spikes)


CountT = TypeVar("CountT", LayerCount, NeuronCount)


def _together(one: CountT, more: CountT) -> dict[str, int]:
    """How often a module that runs twice repeats."""
    return {name: min(getattr(one, name), getattr(more, name)) for name in ("repeats", "artificial_repeats")}


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of a forward pass, summed over samples.

    Args:
        samples: number of samples.
        steps: T of the decision.
        layers: in the order of execution.
        neurons: in the order of execution.
    """

    samples: int
    steps: int
    layers: tuple[LayerCount, ...]
    neurons: tuple[NeuronCount, ...]


def count(model: MultimodalSNN, batches: Iterable[Inputs]) -> Counts:
    """Classify batches of inputs, (B, C, H, W) or (T, B, C, H, W) by modality, and count every operation.

    Counted are convolutions, linear maps and matrix products, wherever they occur, and membrane updates. BatchNorm
    folds into the layer before it. Sums of streams, products with a scalar, means, pooling and softmax are not counted:
    they take one operation per value, where a layer takes one per value and channel. Of the products value by value
    those count that are synapses: the weights of a weighted readout, one use of a token for each map, and spikes that
    meet spikes in the joint layer and in a mask. These are an AND of binary spikes, and count as accumulates.

    Raises:
        ColliculusError: there is no batch, or the model makes a product of a kind that cannot be counted.

    Example:
        >>> import torch
        >>> from colliculus import DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3)
        >>> model = LateFusion(dim=16, encoder="shallow", time_steps=2).model(spec)
        >>> found = count(model, [{"audio": torch.rand(1, 1, 16, 16)}])
        >>> found.layers[0].values, found.layers[0].mac > 0, found.layers[1].values
        ('numbers', True, 'spikes')
    """
    with inference_mode(model):
        parts = [_count_batch(model, inputs) for inputs in batches]
    if not parts:
        raise ColliculusError("no sample to count: give at least one")
    return together(parts)


def together(parts: Iterable[Counts]) -> Counts:
    """Sum the counts of several batches; at least one, all of the same model."""
    first, *others = parts
    return replace(
        first,
        samples=first.samples + sum(part.samples for part in others),
        layers=_merged(x for part in (first, *others) for x in part.layers),
        neurons=_merged(x for part in (first, *others) for x in part.neurons),
    )


def _count_batch(model: MultimodalSNN, inputs: Inputs) -> Counts:
    samples = next(iter(inputs.values())).shape[-4]
    roles = probe(model, inputs)
    seen = watch(model, inputs)
    firsts = _firsts(inputs, seen)
    layers: list[LayerCount] = []
    neurons: list[NeuronCount] = []
    for event, role in zip(seen.events, roles, strict=True):
        if event.product is None:
            neurons.append(_neuron(event, role, samples))
        else:
            layers.append(_layer(event.name, event.product, role, firsts, seen.steps_of(event.name), samples))
    return Counts(samples=samples, steps=len(seen.output.step_logits), layers=_merged(layers), neurons=_merged(neurons))


def _merged(counts: Iterable[CountT]) -> tuple[CountT, ...]:
    """Counts of the same module summed, in the order in which modules first appear."""
    found: dict[tuple[str, bool], CountT] = {}
    for x in counts:
        key = (x.name, x.decides)
        found[key] = found[key] + x if key in found else x
    return (*found.values(),)


def _layer(name: str, product: Product, role: Role, firsts: set[str], steps: int, samples: int) -> LayerCount:
    parts = samples * steps
    stored = product.stored if product.weight_shape else product.stored / parts
    return LayerCount(
        **vars(replace(product, name=name, stored=stored)),
        **vars(role),
        first=name in firsts,
        steps=steps,
        sources=product.inputs / parts,
        results=product.outputs / parts,
    )


def _neuron(event: Event, role: Role, samples: int) -> NeuronCount:
    sent, neuron = event.result, event.neuron
    levels = neuron.levels if isinstance(neuron, SpikingNeuron) else 0
    spikes = sent.sum(dtype=torch.float64) / neuron.unit if isinstance(neuron, SpikingNeuron) else 0
    return NeuronCount(
        name=event.name,
        **vars(role),
        neurons=sent.numel() // (len(sent) * samples),
        updates=sent.numel() * max(levels, 1),
        spikes=round(float(spikes)),
        levels=levels,
    )


def _firsts(inputs: Inputs, seen: WatchedForward) -> set[str]:
    """The first layer of each modality."""
    layers = [event.name for event in seen.events if event.product]
    found = (next((name for name in layers if name.startswith(f"encoders.{m}.")), None) for m in inputs)
    return {name for name in found if name is not None}
