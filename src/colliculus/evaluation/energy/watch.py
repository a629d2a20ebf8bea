"""One forward pass, watched: every product and every neuron update in it, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from colliculus.evaluation.energy.events import GradedSpikes
from colliculus.evaluation.energy.products import Product, count_call, elementwise, tokenwise
from colliculus.fusion import JointLayer, ReadoutWeights
from colliculus.fusion.mask import MaskedAttention
from colliculus.layers import QKAttention, SpikingAttention
from colliculus.model import MultimodalSNN
from colliculus.neurons import GradedNeuron, Neuron, SpikingNeuron
from colliculus.types import Output

Inputs = Mapping[str, Tensor]
Change = Callable[[Neuron, Tensor, Tensor], Tensor]
"""Neuron, its currents and what it sent -> what it sends on."""

ATTENTION = ("q k^T", "(q k^T) v")
"""Products inside a `SpikingAttention`, in order; products of other modules are numbered."""

OF_SPIKES = JointLayer, MaskedAttention, QKAttention
"""Modules that multiply spikes by spikes, value by value."""

_MULTIPLICATIONS = torch.mul, Tensor.mul, Tensor.__mul__


@dataclass(frozen=True)
class Event:
    """A product or a neuron update of a forward pass.

    Args:
        name: name of the module that owns the weight or is the neuron; for a product without a weight, of the module
            that computes it and its place there.
        product: operations of the product; None for an update.
        result: result of the product, or the values that the neuron sends (T, B, *).
        neuron: the neuron that is updated; None for a product.
    """

    name: str
    product: Product | None
    result: Tensor
    neuron: Neuron | None = None


@dataclass(frozen=True)
class WatchedForward:
    """Products and neuron updates of one forward pass in order, T of each modality's coded input, and the output."""

    events: tuple[Event, ...]
    steps: dict[str, int]
    output: Output

    def steps_of(self, name: str) -> int:
        """Steps of a layer: those of its modality in an encoder, those of the decision behind it."""
        room, _, rest = name.partition(".")
        modality = rest.partition(".")[0]
        return self.steps[modality] if room == "encoders" else len(self.output.step_logits)


@dataclass
class _Running:
    """A module that is running, and how many products without a weight it has made."""

    name: str
    module: nn.Module
    products: int = 0


class _Watch(TorchFunctionMode):
    """Record every product that is computed from Python while the mode is active.

    Args:
        owners: name of the module that owns a weight, by the weight's id.
        units: values of a level of the model's spiking neurons, if there are graded ones.
        change: change of the values that neurons send; None in a forward pass that is counted.
    """

    def __init__(self, owners: Mapping[int, str], units: frozenset[float], change: Change | None) -> None:
        super().__init__()
        self.owners = owners
        self.units = units
        self.change = change
        self.running: list[_Running] = []
        self.events: list[Event] = []
        self.steps: dict[str, int] = {}
        self.fired: set[str] = set()
        self.storages: set[int] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function and count it."""
        del types
        if self.change is not None and func is Tensor.detach:
            return args[0]
        result = func(*args, **(kwargs or {}))
        product = (
            self._elementwise(result, args)
            if func in _MULTIPLICATIONS
            else count_call(func, result, self.owners, args, kwargs or {}, self._graded())
        )
        if product is not None:
            self.events.append(Event(self._name(product), product, result))
        return result

    def _elementwise(self, result: Tensor, operands: tuple[Any, ...]) -> Product | None:
        """Count spikes that are multiplied by spikes; any other product value by value scales the data."""
        if not isinstance(self.running[-1].module, OF_SPIKES):
            return None
        if any(not isinstance(x, Tensor) or x.numel() == 1 for x in operands):
            return None
        return elementwise(result, *operands, graded=self._graded())

    def _graded(self) -> GradedSpikes:
        """Graded spikes that a product here may see: none before an encoder's first neuron, where data arrive."""
        part = _part(self.running[-1].name)
        if part.startswith("encoders.") and part not in self.fired:
            return GradedSpikes()
        return GradedSpikes((*self.units,), frozenset(self.storages))

    def _name(self, product: Product) -> str:
        inside = self.running[-1]
        if product.weight_shape:
            return product.name or inside.name
        inside.products += 1
        if isinstance(inside.module, SpikingAttention):
            return f"{inside.name} {ATTENTION[inside.products - 1]}"
        return f"{inside.name} product {inside.products}"

    def follow(self, name: str, module: nn.Module) -> list[Any]:
        """Register hooks that follow a module and record the spikes of a neuron."""

        def begin(module: nn.Module, _inputs: object) -> None:
            self.running.append(_Running(name, module))

        def end(module: nn.Module, inputs: tuple[Any, ...], result: Any) -> Any:
            if isinstance(module, ReadoutWeights):
                product = tokenwise(result, self.owners, inputs[0], module.change, graded=self._graded())
                self.events.append(Event(product.name, product, result))
            self.running.pop()
            if isinstance(module, Neuron):
                sent: Tensor = result if self.change is None else self.change(module, inputs[0], result)
                self.events.append(Event(name, None, sent, module))
                self.fired.add(_part(name))
                self.storages.add(sent.untyped_storage().data_ptr())  # the event keeps this memory from other use
                return sent
            if name.startswith("coding."):
                self.steps[name.removeprefix("coding.")] = len(result)
                return result.contiguous()  # steps expanded from one would be counted once
            return None

        return [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]


def _part(name: str) -> str:
    """The part of the model that a module is in: an encoder of a modality, or another child of the model.

    Example:
        >>> _part("encoders.audio.stages.0.conv"), _part("fusion.mlp")
        ('encoders.audio', 'fusion')
    """
    words = name.split(".")
    return ".".join(words[: 2 if words[0] == "encoders" else 1])


def watch(model: MultimodalSNN, inputs: Inputs, change: Change | None = None) -> WatchedForward:
    """Run `model` once, in its mode, and record every product and every neuron update.

    With a `change` of the values that neurons send, the pass shows the structure of the model and its counts mean
    nothing (see `probe`): `detach` is skipped, so that the graph also holds what gradients do not pass.
    """
    tensors = chain(model.named_parameters(), model.named_buffers())
    owners = {id(x): name.rpartition(".")[0] or name for name, x in tensors}
    spiking = [module for module in model.modules() if isinstance(module, SpikingNeuron)]
    graded = any(isinstance(neuron, GradedNeuron) for neuron in spiking)
    seen = _Watch(owners, frozenset(neuron.unit for neuron in spiking if graded), change)
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            for hook in seen.follow(name, module):
                hooks.enter_context(hook)
        with seen:
            output: Output = model(inputs)
    return WatchedForward(tuple(seen.events), seen.steps, output)
