"""One forward, watched: every product and every update of neurons in it, in order, and which of them decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from colliculus.evaluation.energy.products import Product, count_call
from colliculus.layers import SpikingAttention
from colliculus.model import MultimodalSNN
from colliculus.neurons import SpikingNeuron
from colliculus.types import Output

Inputs = Mapping[str, Tensor]

ATTENTION = ("q k^T", "(q k^T) v")
"""Products inside a `SpikingAttention`, in order; those of other modules are numbered."""


@dataclass(frozen=True)
class Event:
    """A product, or an update of neurons, as it happened.

    Args:
        name: of the module that owns the weight or is the neuron; of a product without a weight, of the module in which
            it happened and what it is there.
        product: what it took; None for an update.
        result: of the product, or the spikes (T, B, *).
    """

    name: str
    product: Product | None
    result: Tensor


@dataclass(frozen=True)
class Forward:
    """What was seen.

    Args:
        events: in order.
        steps: T of each modality's coded input.
        output: of the model.
    """

    events: tuple[Event, ...]
    steps: dict[str, int]
    output: Output


@dataclass
class _Running:
    """A module that is running, and how many products without a weight it made itself."""

    name: str
    module: nn.Module
    products: int = 0


class _Watch(TorchFunctionMode):
    """Sees every call of PyTorch made in Python while it is on, and keeps those that are products.

    Args:
        owners: name of the module that owns a weight, by the weight's id.
        undetached: leave out `detach`, so that the graph also holds what is not learned through.
    """

    def __init__(self, owners: Mapping[int, str], *, undetached: bool) -> None:
        super().__init__()
        self.owners = owners
        self.undetached = undetached
        self.running: list[_Running] = []
        self.events: list[Event] = []
        self.steps: dict[str, int] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call, and count what was called."""
        del types
        if self.undetached and func is Tensor.detach:
            return args[0]
        result = func(*args, **(kwargs or {}))
        product = count_call(func, result, self.owners, args, kwargs or {})
        if product is not None:
            self.events.append(Event(self._name(product), product, result))
        return result

    def _name(self, product: Product) -> str:
        if product.owner is not None:
            return self.owners.get(product.owner, self.running[-1].name)
        inside = self.running[-1]
        inside.products += 1
        if isinstance(inside.module, SpikingAttention):
            return f"{inside.name} {ATTENTION[inside.products - 1]}"
        return f"{inside.name} product {inside.products}"

    def follow(self, name: str, module: nn.Module) -> list[Any]:
        """Hooks on a module: know when it runs, and note the spikes of a neuron."""

        def begin(module: nn.Module, _inputs: object) -> None:
            self.running.append(_Running(name, module))

        def end(module: nn.Module, _inputs: object, result: Any) -> None:
            self.running.pop()
            if isinstance(module, SpikingNeuron):
                self.events.append(Event(name, None, result))
            if name.startswith("coding."):
                self.steps[name.removeprefix("coding.")] = len(result)

        return [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]


def watch(model: MultimodalSNN, inputs: Inputs, *, undetached: bool = False) -> Forward:
    """Run `model` once and note every product and every update of neurons.

    Args:
        model: as it stands, in the mode it is in.
        inputs: of each modality.
        undetached: see `deciding`.
    """
    owners = {id(x): name.rpartition(".")[0] or name for name, x in _tensors(model)}
    seen = _Watch(owners, undetached=undetached)
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            for hook in seen.follow(name, module):
                hooks.callback(hook.remove)
        with seen:
            output: Output = model(inputs)
    return Forward(tuple(seen.events), seen.steps, output)


def _tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def deciding(model: MultimodalSNN, inputs: Inputs) -> list[bool]:
    """Whether the logits depend on each event of a forward, in order.

    A head may compute more than the decision takes: what each modality alone would say, its share of the logits. The
    graph that PyTorch keeps for the gradient knows what the logits were made of.

    Args:
        model: in eval mode, its weights open to gradients.
        inputs: of each modality, one sample is enough.
    """
    with torch.enable_grad():
        seen = watch(model, inputs, undetached=True)
    reached: set[Any] = set()
    waiting = [seen.output.logits.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in reached:
            reached.add(node)
            waiting.extend(parent for parent, _ in node.next_functions)
    return [event.result.grad_fn in reached for event in seen.events]
