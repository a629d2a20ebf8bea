"""Spike rasters and joint features of a model on given samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from colliculus.data.evenly import evenly
from colliculus.evaluation.inference import inference_mode
from colliculus.model import MultimodalSNN
from colliculus.neurons import SpikingNeuron
from colliculus.types import Fused


def spike_rasters(model: MultimodalSNN, inputs: Mapping[str, Tensor], most_neurons: int) -> dict[str, Tensor]:
    """Spikes of every spiking layer by name, (B, T, neurons), True where a neuron fires.

    Args:
        model: runs in eval mode and is returned to its mode.
        inputs: of each modality, on the model's device.
        most_neurons: neurons of a larger layer that are taken, evenly over it.
    """
    rasters: dict[str, Tensor] = {}

    def recorder(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def record(_module: nn.Module, _inputs: object, spikes: Tensor) -> None:
            fired = spikes.flatten(2).transpose(0, 1) > 0
            count = fired.shape[2]
            rows = torch.from_numpy(evenly(most_neurons, count)).to(fired.device)
            rasters[name.removesuffix(".neuron")] = fired[..., rows]

        return record

    neurons = [(name, module) for name, module in model.named_modules() if isinstance(module, SpikingNeuron)]
    handles = [module.register_forward_hook(recorder(name)) for name, module in neurons]
    try:
        with inference_mode(model):
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return rasters


def fused_features(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> Tensor:
    """The joint feature that the head reads, its mean over time, (B, F).

    Args:
        model: runs in eval mode and is returned to its mode.
        inputs: of each modality, on the model's device.
    """
    seen: list[Tensor] = []

    def record(_module: nn.Module, given: tuple[Fused, ...]) -> None:
        seen.append(given[0].joint.mean(0))

    handle = model.head.register_forward_pre_hook(record)
    try:
        with inference_mode(model):
            model(inputs)
    finally:
        handle.remove()
    return seen[0]
