"""Operations of every layer, from a real forward over real data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch

from colliculus.coding import Direct
from colliculus.evaluation.energy.products import VALUES, Kind, Product, Values
from colliculus.evaluation.energy.watch import Event, Forward, Inputs, deciding, watch
from colliculus.evaluation.evaluate import eval_mode, same_draws
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class LayerCount:
    """Operations of one layer, all samples and steps together.

    Args:
        name: of the module that owns the weight; of a product without one, of the module it happens in.
        kind: convolution, linear or product.
        values: what it multiplies by, the dearest that was met; "spikes" cost additions, the rest multiplications.
        decides: whether the decision depends on it; what only explains (a modality's own head) need not run.
        first: whether it is the first layer of a modality.
        steps: T, steps it runs.
        repeats: T where it sees the same input at every step, so that it may run once; otherwise 1.
        inputs: values that went in; of a product without a weight, those of the operand that holds the events.
        events: how many of these were not zero.
        uses: each event times its true fan-out; of a product without a weight, where the other factor is not zero.
        dense_uses: the same were no value zero.
        macs: as usually counted, padding included.
        outputs: values that came out.
        weight_shape: of the weight; empty where there is none.
        stored: numbers kept beside the events: those of the weight, or of the other operand of one sample and step.
        sources: inputs of one sample and step.
        results: outputs of one sample and step.
    """

    name: str
    kind: Kind
    values: Values
    decides: bool
    first: bool
    steps: int
    repeats: int
    inputs: int
    events: int
    uses: int
    dense_uses: int
    macs: int
    outputs: int
    weight_shape: tuple[int, ...]
    stored: float
    sources: float
    results: float

    @property
    def rate(self) -> float:
        """Share of the inputs that are not zero."""
        return self.events / self.inputs

    @property
    def ac(self) -> int:
        """Accumulates: uses of spikes."""
        return self.uses if self.values == "spikes" else 0

    @property
    def mac(self) -> int:
        """Multiply-accumulates: uses of whatever else is not zero."""
        return self.uses - self.ac

    @property
    def conventional(self) -> float:
        """Operations as usually reported: rate times T times the MACs of the layer."""
        return self.rate * self.macs


@dataclass(frozen=True, kw_only=True)
class NeuronCount:
    """Updates of one spiking layer's membranes, all samples together.

    Args:
        name: of the neuron module.
        decides: whether the decision depends on it.
        neurons: N.
        updates: samples * T * N.
        spikes: that it sent.
    """

    name: str
    decides: bool
    neurons: int
    updates: int
    spikes: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was counted; no number in it is divided by the samples.

    Args:
        samples: that were classified.
        steps: T of the decision.
        layers: in the order in which they run.
        neurons: the same.
    """

    samples: int
    steps: int
    layers: tuple[LayerCount, ...]
    neurons: tuple[NeuronCount, ...]


def count(model: MultimodalSNN, batches: Iterable[Inputs]) -> Counts:
    """Classify `batches` and count every operation on the way.

    Convolutions, linear maps and matrix products are counted wherever they happen, and the updates of the neurons.
    BatchNorm folds into what stands before it. Sums of streams, products by a scalar, means, pooling and softmax are
    not counted: they take an operation for each value, a layer takes one for each value and channel.

    Args:
        model: runs in eval mode, in the precision of its weights.
        batches: (B, C, H, W) or (T, B, C, H, W) of each modality, on the model's device; at least one batch.

    Raises:
        ColliculusError: there is no batch, or the model makes a product of a kind that is not counted.
    """
    layers: dict[tuple[str, bool], LayerCount] = {}
    neurons: dict[tuple[str, bool], NeuronCount] = {}
    decides: list[bool] = []
    samples = steps = 0
    with eval_mode(model), same_draws(next(model.parameters()).device):
        for inputs in batches:
            number = next(iter(inputs.values())).shape[-4]
            decides = decides or deciding(model, {m: x.narrow(-4, 0, 1) for m, x in inputs.items()})
            with torch.no_grad():
                seen = watch(model, inputs)
            steps = len(seen.output.step_logits)
            forward: dict[tuple[str, bool], LayerCount] = {}
            firsts = _firsts(model, inputs, seen)
            for event, matters in zip(seen.events, decides, strict=True):
                key = (event.name, matters)
                if event.product is None:
                    found = _neuron(event, matters, number)
                    neurons[key] = _more_updates(neurons[key], found) if key in neurons else found
                else:
                    layer = _layer(event.name, event.product, matters, firsts, _steps(seen, event.name), number)
                    forward[key] = _more_uses(forward[key], layer) if key in forward else layer
            for key, layer in forward.items():
                layers[key] = _more_uses(layers[key], layer) if key in layers else layer
            samples += number
    if not samples:
        raise ColliculusError("there is nothing to count: give at least one sample")
    return Counts(samples=samples, steps=steps, layers=(*layers.values(),), neurons=(*neurons.values(),))


def together(parts: Iterable[Counts]) -> Counts:
    """Counts of several batches as those of all of them; at least one, all of the same model."""
    first, *others = parts
    layers = {(x.name, x.decides): x for x in first.layers}
    neurons = {(x.name, x.decides): x for x in first.neurons}
    samples = first.samples
    for part in others:
        samples += part.samples
        for x in part.layers:
            known = layers.get((x.name, x.decides))
            layers[x.name, x.decides] = x if known is None else _more_uses(known, x)
        for n in part.neurons:
            known = neurons.get((n.name, n.decides))
            neurons[n.name, n.decides] = n if known is None else _more_updates(known, n)
    return replace(first, samples=samples, layers=(*layers.values(),), neurons=(*neurons.values(),))


def _layer(name: str, product: Product, decides: bool, firsts: dict[str, int], steps: int, samples: int) -> LayerCount:
    return LayerCount(
        name=name,
        kind=product.kind,
        values=product.values,
        decides=decides,
        first=name in firsts,
        steps=steps,
        repeats=firsts.get(name, 1),
        inputs=product.inputs,
        events=product.events,
        uses=product.uses,
        dense_uses=product.dense_uses,
        macs=product.macs,
        outputs=product.outputs,
        weight_shape=product.weight_shape,
        stored=product.stored if product.weight_shape else product.stored / (samples * steps),
        sources=product.inputs / (samples * steps),
        results=product.outputs / (samples * steps),
    )


def _neuron(event: Event, decides: bool, samples: int) -> NeuronCount:
    fired = event.result
    return NeuronCount(
        name=event.name,
        decides=decides,
        neurons=fired.numel() // (len(fired) * samples),
        updates=fired.numel(),
        spikes=int(fired.count_nonzero()),
    )


def _firsts(model: MultimodalSNN, inputs: Inputs, seen: Forward) -> dict[str, int]:
    """The first layer of each modality, and T where a static input is repeated in front of it, otherwise 1."""
    found: dict[str, int] = {}
    for m, x in inputs.items():
        name = next((e.name for e in seen.events if e.product and e.name.startswith(f"encoders.{m}.")), None)
        if name is not None:
            repeated = x.dim() == 4 and isinstance(model.coding[m], Direct)
            found[name] = seen.steps[m] if repeated else 1
    return found


def _steps(seen: Forward, name: str) -> int:
    """Steps of a layer: its modality's in an encoder, those of the decision behind it."""
    room, _, rest = name.partition(".")
    modality = rest.partition(".")[0]
    return seen.steps[modality] if room == "encoders" else len(seen.output.step_logits)


def _more_uses(sum_so_far: LayerCount, more: LayerCount) -> LayerCount:
    added = ("inputs", "events", "uses", "dense_uses", "macs", "outputs")
    return replace(
        sum_so_far,
        values=max(sum_so_far.values, more.values, key=VALUES.index),
        **{name: getattr(sum_so_far, name) + getattr(more, name) for name in added},
    )


def _more_updates(sum_so_far: NeuronCount, more: NeuronCount) -> NeuronCount:
    return replace(sum_so_far, updates=sum_so_far.updates + more.updates, spikes=sum_so_far.spikes + more.spikes)
