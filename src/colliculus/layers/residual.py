"""Residual blocks of spiking convolutions: currents are added before a neuron, or spikes behind it."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from colliculus.layers.conv_bn_spike import ConvBNSpike, NeuronFactory
from colliculus.layers.convolution import convolve
from colliculus.layers.time import channels_last, stepwise
from colliculus.neurons import LIF


class ConvBN(nn.Sequential):
    """Convolution and BatchNorm of every frame, without a neuron: (B, C, H, W) -> (B, D, H', W').

    Example:
        >>> import torch
        >>> ConvBN(8, 16, stride=2)(torch.zeros(4, 8, 6, 5)).shape
        torch.Size([4, 16, 3, 3])
    """

    def __init__(self, before: int, after: int, *, kernel_size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, after, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (PyTorch's name)
        """(B, C, H, W) -> (B, D, H', W')."""
        conv, norm = self
        return norm(convolve(cast("nn.Conv2d", conv), channels_last(input)))


class CurrentResidualBlock(nn.Module):
    """s = LIF(BN(Conv(LIF(BN(Conv(x))))) + shortcut(x)): the sum of two currents feeds a neuron.

    The shortcut is x itself, or BN(Conv1x1(x)) if the width or the size changes.

    Example:
        >>> import torch
        >>> CurrentResidualBlock(8, 16, stride=2)(torch.zeros(4, 2, 8, 6, 5)).shape
        torch.Size([4, 2, 16, 3, 3])
    """

    def __init__(self, before: int, after: int, neuron: NeuronFactory = LIF, *, stride: int = 1) -> None:
        super().__init__()
        self.first = ConvBNSpike(before, after, neuron, stride=stride)
        self.second = ConvBN(after, after)
        changes = before != after or stride != 1
        self.shortcut = ConvBN(before, after, kernel_size=1, stride=stride) if changes else nn.Identity()
        self.neuron = neuron()

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> spikes (T, B, D, H', W')."""
        return self.neuron(stepwise(self.second, self.first(x)) + stepwise(self.shortcut, x))


class SpikeResidualBlock(nn.Module):
    """s = LIF(BN(Conv(LIF(BN(Conv(x)))))) + shortcut(x): spikes are added to spikes.

    Spike-element-wise residual with ADD (SEW, Fang et al., NeurIPS 2021, arXiv 2102.04159). The shortcut is x itself,
    or LIF(BN(Conv1x1(x))) if the width or the size changes; s is a number of spikes, 0, 1, 2, ...

    Example:
        >>> import torch
        >>> SpikeResidualBlock(8, 16, stride=2)(torch.zeros(4, 2, 8, 6, 5)).shape
        torch.Size([4, 2, 16, 3, 3])
    """

    def __init__(self, before: int, after: int, neuron: NeuronFactory = LIF, *, stride: int = 1) -> None:
        super().__init__()
        self.first = ConvBNSpike(before, after, neuron, stride=stride)
        self.second = ConvBNSpike(after, after, neuron)
        changes = before != after or stride != 1
        self.shortcut = ConvBNSpike(before, after, neuron, kernel_size=1, stride=stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> numbers of spikes (T, B, D, H', W')."""
        counts: Tensor = self.second(self.first(x)) + self.shortcut(x)
        return counts
