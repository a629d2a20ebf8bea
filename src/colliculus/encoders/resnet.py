"""Spiking ResNet-18: from frames to tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from colliculus.layers import ConvBNSpike, CurrentResidualBlock, NeuronFactory, SpikeResidualBlock, tokens_of
from colliculus.neurons import LIF

Residual = Literal["current", "spike"]

LARGE = 112
"""Length of the shorter side in pixels from which the stem reduces an image to a quarter."""


class SpikingResNet18(nn.Module):
    """ResNet-18 (He et al., arXiv 1512.03385) of spiking residual blocks; its last grid gives the tokens.

    A stem is followed by four stages of two blocks with widths D/8, D/4, D/2, D; the last three stages halve the grid.
    For images whose shorter side has at least 112 pixels the stem is Conv7x7 (stride 2) - BN - LIF - MaxPool(3, stride
    2), for smaller ones Conv3x3 - BN - LIF. Every halving rounds up: N = ceil(H/32) * ceil(W/32), or /8 for small
    images. The mean over the tokens is the network's global average pool.

    Args:
        channels: C.
        size: (H, W).
        dim: D, a multiple of 8; 512 is ResNet-18's own width.
        residual: "current" adds the currents before a neuron, "spike" adds spikes (SEW).
        neuron: makes the neurons.

    Example:
        >>> import torch
        >>> encoder = SpikingResNet18(2, (32, 28), 16)
        >>> encoder(torch.zeros(4, 2, 2, 32, 28)).shape, encoder.grid
        (torch.Size([4, 2, 16, 16]), (4, 4))
        >>> SpikingResNet18(3, (112, 130), 16).grid
        (4, 5)
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        dim: int,
        residual: Residual = "current",
        neuron: NeuronFactory = LIF,
    ) -> None:
        super().__init__()
        block: Callable[..., nn.Module] = CurrentResidualBlock if residual == "current" else SpikeResidualBlock
        widths = [dim // 8, dim // 4, dim // 2, dim]
        large = min(size) >= LARGE
        if large:
            pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
            self.stem = ConvBNSpike(channels, widths[0], neuron, kernel_size=7, stride=2, pool=pool)
        else:
            self.stem = ConvBNSpike(channels, widths[0], neuron)
        self.stages = nn.ModuleList(
            nn.Sequential(block(before, after, neuron, stride=stride), block(after, after, neuron))
            for before, after, stride in zip([widths[0], *widths[:-1]], widths, (1, 2, 2, 2), strict=True)
        )
        patch = 32 if large else 8
        self.grid: tuple[int, int] = (-(-size[0] // patch), -(-size[1] // patch))

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> tokens (T, B, D, N)."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return tokens_of(x)
