"""The number of spikes that a network sends for each clip, as a tensor that gradients flow through."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from colliculus.neurons.neuron import SpikingNeuron


class SpikeTally:
    """Adds up the binary spikes of all spiking neurons of a network, by sample; graded spikes count unfolded.

    Example:
        >>> from colliculus.neurons import GradedNeuron
        >>> neuron, tally = GradedNeuron(), SpikeTally()
        >>> tally.listen(neuron, active=True)
        >>> _ = neuron(torch.tensor([[[1.0, 0.5]]]))  # 2 levels and 1
        >>> tally.total()
        tensor([3.])
    """

    def __init__(self) -> None:
        self._sums: list[Tensor] = []
        self._handles: list[RemovableHandle] = []

    def listen(self, network: nn.Module, *, active: bool) -> None:
        """Register a hook on every spiking neuron, or remove all hooks: those that are there cost a fused layer."""
        for handle in self._handles:
            handle.remove()
        neurons = [module for module in network.modules() if isinstance(module, SpikingNeuron)] if active else []
        self._handles = [neuron.register_forward_hook(self._add) for neuron in neurons]

    def begin(self) -> None:
        """Forget what was counted, also by a backward pass that computed a part again."""
        self._sums.clear()

    def total(self) -> Tensor:
        """Spikes of each sample, (B,), since `begin`; the count begins again."""
        total = torch.stack(self._sums).sum(0)
        self._sums.clear()
        return total

    def _add(self, neuron: SpikingNeuron, _inputs: object, spikes: Tensor) -> None:
        """Add spikes (T, B, *)."""
        self._sums.append(spikes.flatten(2).sum((0, 2), dtype=torch.float32) / neuron.unit)
