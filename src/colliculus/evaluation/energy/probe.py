"""Roles of operations, whatever the data: which of them the logits need, and which are the same at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from colliculus.evaluation.energy.watch import Event, Inputs, WatchedForward, watch
from colliculus.model import MultimodalSNN
from colliculus.neurons import GradedNeuron, Neuron

_SAME = 1e-4
"""Largest difference of equal steps, relative to the largest value: a matrix product may round its rows differently."""


@dataclass(frozen=True)
class Role:
    """The role of an event of a forward pass.

    Args:
        decides: whether the logits depend on it. A head may compute more than the decision needs, such as the logits of
            each modality alone.
        repeats: T where it computes the same at every step for any data, so that one step serves all; otherwise 1.
        artificial_repeats: the same in the ANN counterpart, whose neurons have no state.
    """

    decides: bool
    repeats: int
    artificial_repeats: int


def probe(model: MultimodalSNN, inputs: Inputs) -> list[Role]:
    """The role of each event of a forward pass, in order.

    One sample of random numbers in the shape of `inputs` passes through the model, which is in eval mode, with weights
    that require gradients. PyTorch's gradient graph shows which events the logits were made of. Neurons send random
    numbers: one with a state others at every step, one without the same as long as its currents are the same. What is
    then still equal at every step repeats: a static input up to the first neuron with a state, and in a network without
    any (ReLU) up to the logits.
    """
    with torch.enable_grad():
        seen = _at_random(model, inputs, artificial=False)
        artificial = _at_random(model, inputs, artificial=True)
    reached = _ancestors(seen.output.logits)
    return [
        Role(event.result.grad_fn in reached, _repeats(seen, event), _repeats(artificial, same))
        for event, same in zip(seen.events, artificial.events, strict=True)
    ]


def _at_random(model: MultimodalSNN, inputs: Inputs, *, artificial: bool) -> WatchedForward:
    """A forward pass of random numbers, of which neurons send others; without any state if `artificial`."""
    device = next(iter(inputs.values())).device
    generator = torch.Generator(device).manual_seed(0)

    def random(like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=generator, device=device)

    def changed(neuron: Neuron, currents: Tensor, sent: Tensor) -> Tensor:
        same = (artificial or _is_stateless(neuron, len(sent))) and _is_constant(currents)
        return 0 * sent + random(sent[:1] if same else sent)

    return watch(model, {m: random(x.narrow(-4, 0, 1)) for m, x in inputs.items()}, changed)


def _is_stateless(neuron: Neuron, steps: int) -> bool:
    """True if no step of the neuron depends on another."""
    return neuron.keeps_order(steps) or (isinstance(neuron, GradedNeuron) and not neuron.decay)


def _is_constant(x: Tensor) -> bool:
    """True if all steps of (T, *) are equal."""
    return bool((x - x[:1]).abs().amax() <= _SAME * x.abs().amax())


def _ancestors(result: Tensor) -> set[Any]:
    """The nodes of the gradient graph that a result was made of."""
    reached: set[Any] = set()
    waiting: list[Any] = [result.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in reached:
            reached.add(node)
            waiting.extend(parent for parent, _ in node.next_functions)
    return reached


def _repeats(seen: WatchedForward, event: Event) -> int:
    """T if all T steps of the result are equal, otherwise 1; a result without time in front counts as different."""
    steps, result = seen.steps_of(event.name), event.result.detach()
    return steps if len(result) == steps and _is_constant(result) else 1
