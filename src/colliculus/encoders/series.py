"""Spiking encoder of series: one-dimensional kernels over time, sensor axes as channels."""

from __future__ import annotations

from torch import Tensor, nn

from colliculus.layers import ConvBNSpike, NeuronFactory, tokens_of
from colliculus.neurons import LIF

KERNEL = 5
"""Length of a kernel in samples."""


class SpikingSeriesEncoder(nn.Module):
    """Three stages of Conv(1x5) - BatchNorm - neuron - MaxPool(1x3, stride 2), of widths D/2, D, D.

    A series is (C, 1, W): the axes of the sensors (joints, accelerations, ...) are channels and W is time. Each stage
    halves W, rounded up: N = ceil(W / 8).

    Args:
        channels: C.
        length: W; None if inputs may have any length.
        dim: D, a multiple of 2.
        neuron: makes the neurons.

    Example:
        >>> import torch
        >>> encoder = SpikingSeriesEncoder(6, 128, 32)
        >>> encoder(torch.zeros(1, 2, 6, 1, 128)).shape, encoder.grid
        (torch.Size([1, 2, 32, 16]), (1, 16))
    """

    def __init__(self, channels: int, length: int | None, dim: int, neuron: NeuronFactory = LIF) -> None:
        super().__init__()
        widths = [dim // 2, dim, dim]
        self.stages = nn.ModuleList(
            ConvBNSpike(
                before,
                after,
                neuron,
                kernel_size=(1, KERNEL),
                pool=nn.MaxPool2d(kernel_size=(1, 3), stride=(1, 2), padding=(0, 1)),
            )
            for before, after in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.grid = None if length is None else (1, -(-length // 8))

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, 1, W) -> tokens (T, B, D, N)."""
        for stage in self.stages:
            x = stage(x)
        return tokens_of(x)
