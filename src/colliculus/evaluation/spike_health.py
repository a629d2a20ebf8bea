"""Spike health: does every layer fire, and does every parameter learn?

A spiking layer that never fires passes nothing on, and it does not show: the network around it learns all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from colliculus.model import MultimodalSNN
from colliculus.neurons import SpikingNeuron
from colliculus.types import Output

HEALTHY_RATE = (0.01, 0.60)
"""Share of ones among a layer's spikes, lowest and highest that raise no warning."""

NAMES_SHOWN = 4
"""Layers named in a warning; the table has them all."""


@dataclass(frozen=True)
class LayerHealth:
    """Firing of one spiking layer over a batch.

    Args:
        name: qualified name of its neuron module.
        rate: share of ones among all spikes, 0 to 1.
        step_rates: the same at each time step, T numbers.
        num_neurons: neurons of the layer.
        silent: share of its neurons that never fired, in no sample and at no step.
    """

    name: str
    rate: float
    step_rates: tuple[float, ...]
    num_neurons: int
    silent: float

    @property
    def label(self) -> str:
        """The name without the "neuron" that ends nearly all of them."""
        return self.name.removesuffix(".neuron")

    @property
    def part(self) -> str:
        """The part of the model it belongs to: the first two words of its name, such as "encoders.audio"."""
        return ".".join(self.name.split(".")[:2])


@dataclass(frozen=True)
class SpikeHealth:
    """Firing of every spiking layer, and the parameters that nothing reaches.

    Args:
        layers: each spiking layer, in the order in which they fire.
        num_parameters: numbers the model can learn.
        zero_gradient: parameter tensors whose gradient is exactly zero everywhere, with their number of elements;
            None when no objective was given.
        trained_steps: optimiser steps that the model was trained; None where that is not known. Few of them excuse
            silent layers.
    """

    layers: tuple[LayerHealth, ...]
    num_parameters: int
    zero_gradient: dict[str, int] | None = None
    trained_steps: int | None = None

    def warnings(self) -> list[str]:
        """What is wrong, a sentence each: silent layers, rates outside `HEALTHY_RATE`, parameters nothing reaches."""
        low, high = HEALTHY_RATE
        after = "" if self.trained_steps is None else f" after {self.trained_steps:,} steps of training"
        kinds = {
            f"are silent{after}": [x.label for x in self.layers if x.rate == 0],
            f"fire below {low:.0%}": [x.label for x in self.layers if 0 < x.rate < low],
            f"fire above {high:.0%}": [x.label for x in self.layers if x.rate > high],
        }
        found = [
            f"{len(names)} of {len(self.layers)} layers {kind}: {_listed(names)}"
            for kind, names in kinds.items()
            if names
        ]
        if self.zero_gradient:
            idle = sum(self.zero_gradient.values())
            found.append(f"{idle:,} of {self.num_parameters:,} parameters have a gradient of exactly zero")
        return found


def measure_spike_health(
    model: MultimodalSNN,
    inputs: dict[str, Tensor],
    labels: Tensor | None = None,
    objective: Callable[[Output, Tensor], dict[str, Tensor]] | None = None,
) -> SpikeHealth:
    """Run one batch through a copy of `model` and count its spikes.

    The copy runs in the mode the model is in: training mode normalises by the batch, as training does; eval mode by the
    learned statistics. The model, its gradients and statistics, and the random numbers drawn later stay untouched.

    Args:
        model: the model, not wrapped for several ranks.
        inputs: (B, C, H, W) or (T, B, C, H, W) of each modality, on the model's device.
        labels: (B,) classes; needed with `objective`.
        objective: terms to differentiate, to find parameters whose gradient is exactly zero.

    Raises:
        ValueError: an objective came without labels.
    """
    if objective is not None and labels is None:
        raise ValueError("an objective needs labels")
    probe = deepcopy(model)
    probe.zero_grad(set_to_none=True)
    layers: list[LayerHealth] = []
    for name, module in probe.named_modules():
        if isinstance(module, SpikingNeuron):
            module.register_forward_hook(_recorder(name, layers))
    devices = [x.device for x in inputs.values() if x.device.type == "cuda"][:1]
    with torch.random.fork_rng(devices=devices), torch.set_grad_enabled(objective is not None):
        output = probe(inputs)
        if objective is not None and labels is not None:
            torch.stack(list(objective(output, labels).values())).sum().backward()
    return SpikeHealth(
        layers=tuple(layers),
        num_parameters=sum(p.numel() for p in probe.parameters()),
        zero_gradient=None if objective is None else _zero_gradient(probe),
    )


def _recorder(name: str, layers: list[LayerHealth]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def record(_module: nn.Module, _inputs: tuple[Tensor, ...], spikes: Tensor) -> None:
        fired = spikes.detach().float().flatten(2)  # (T, B, neurons)
        layers.append(
            LayerHealth(
                name=name,
                rate=fired.mean().item(),
                step_rates=tuple(fired.mean(dim=(1, 2)).tolist()),
                num_neurons=fired.shape[2],
                silent=(fired.amax(dim=(0, 1)) == 0).float().mean().item(),
            )
        )

    return record


def _zero_gradient(model: nn.Module) -> dict[str, int]:
    return {
        name: parameter.numel()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    }


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
