"""Spiking patch splitting: from frames to tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from colliculus.layers import ConvBNSpike, NeuronFactory, tokens_of
from colliculus.neurons import LIF

Depth = Literal["deep", "medium", "shallow"]
WIDTHS: Mapping[Depth, tuple[int, ...]] = {"deep": (8, 4, 2, 1), "medium": (4, 2, 1), "shallow": (2, 1)}
"""D divided by the width of each stage; every stage halves the image."""


class SpikingPatchSplitting(nn.Module):
    """Stages of Conv3x3 - BatchNorm - LIF - MaxPool(3, stride 2), then x + LIF(BN(Conv3x3(x))): SPS.

    Source: Spikformer (arXiv 2209.15425), as S-CMRL (arXiv 2502.12488) uses it.

    "deep" has four stages of widths D/8, D/4, D/2, D and 16-pixel patches; "medium" three of D/4, D/2, D and 8-pixel
    patches; "shallow" (small inputs) two of D/2, D and 4-pixel patches. Every pooling rounds up, so that
    N = ceil(H/16) * ceil(W/16), or /8, or /4. If several spikes in a pooling
    window are equal, the gradient goes to the first one in row-major order.

    Args:
        channels: C.
        size: (H, W); None if inputs may have any size.
        dim: D, a multiple of 8 ("deep"), 4 ("medium") or 2 ("shallow").
        depth: "deep", "medium" or "shallow".
        neuron: makes the neurons.

    Example:
        >>> import torch
        >>> encoder = SpikingPatchSplitting(3, (48, 48), 32)
        >>> encoder(torch.zeros(4, 2, 3, 48, 48)).shape, encoder.grid
        (torch.Size([4, 2, 32, 9]), (3, 3))
    """

    def __init__(
        self, channels: int, size: tuple[int, int] | None, dim: int, depth: Depth = "deep", neuron: NeuronFactory = LIF
    ) -> None:
        super().__init__()
        widths = [dim // divisor for divisor in WIDTHS[depth]]
        self.stages = nn.ModuleList(
            ConvBNSpike(before, after, neuron, pool=nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
            for before, after in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.position = ConvBNSpike(dim, dim, neuron)
        patch = 2 ** len(widths)
        self.grid = None if size is None else (-(-size[0] // patch), -(-size[1] // patch))

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> tokens (T, B, D, N)."""
        for stage in self.stages:
            x = stage(x)
        return tokens_of(x + self.position(x))


def fitting_depth(size: tuple[int, int]) -> Depth:
    """The depth with the largest patches that leave at least four along the shorter side of an image.

    Example:
        >>> fitting_depth((128, 128)), fitting_depth((48, 48)), fitting_depth((28, 28))
        ('deep', 'medium', 'shallow')
    """
    for depth in ("deep", "medium"):
        if min(size) >= 4 * 2 ** len(WIDTHS[depth]):
            return depth
    return "shallow"
