"""What the structure of a model decides, whatever the data: which operations the logits need, and which repeat."""

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
    """

    decides: bool
    repeats: int


def probe(model: MultimodalSNN, inputs: Inputs) -> list[Role]:
    """The role of each event of a forward pass, in order.

    One sample of random numbers in the shape of `inputs` passes through the model, which is in eval mode, with weights
    that require gradients. PyTorch's gradient graph shows which events the logits were made of. A neuron with a state
    may differ from step to step, and here always does: it sends random numbers. What is then still equal at every step
    repeats: a static input up to the first such neuron, and in a network without any (ReLU) up to the logits.
    """
    device = next(iter(inputs.values())).device
    generator = torch.Generator(device).manual_seed(0)

    def at_random(like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=generator, device=device)

    def changed(neuron: Neuron, sent: Tensor) -> Tensor:
        return sent if _is_stateless(neuron, len(sent)) else sent + at_random(sent)

    with torch.enable_grad():
        seen = watch(model, {m: at_random(x.narrow(-4, 0, 1)) for m, x in inputs.items()}, changed)
    reached = _ancestors(seen.output.logits)
    return [Role(event.result.grad_fn in reached, _repeats(seen, event)) for event in seen.events]


def _is_stateless(neuron: Neuron, steps: int) -> bool:
    """True if no step of the neuron depends on another."""
    return neuron.keeps_order(steps) or (isinstance(neuron, GradedNeuron) and not neuron.decay)


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
    """T where the results of all T steps are equal, otherwise 1; a result without time in front counts as different."""
    steps, result = seen.steps_of(event.name), event.result.detach()
    if len(result) != steps or (event.neuron is not None and not _is_stateless(event.neuron, steps)):
        return 1
    return steps if bool((result - result[:1]).abs().amax() <= _SAME * result.abs().amax()) else 1
