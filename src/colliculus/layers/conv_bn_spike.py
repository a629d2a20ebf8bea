"""The basic layers: convolution or projection, normalisation, neuron; and the MLP of two projections."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from colliculus.layers.convolution import convolve, project
from colliculus.layers.norm_spike import norm_spike
from colliculus.layers.time import channels_last, is_static
from colliculus.neurons import LIF, Neuron

NeuronFactory = Callable[[], Neuron]


class ConvBNSpike(nn.Module):
    """Convolution (3x3, stride 1, no bias) - BatchNorm - neuron - pooling: (T, B, C, H, W) -> (T, B, D, H, W).

    BatchNorm sees T*B images as its batch. A static input (every step a view of the same frames) passes convolution and
    BatchNorm once.

    Args:
        in_channels: C.
        out_channels: D.
        neuron: makes the neuron.
        kernel_size: odd, or (rows, columns); the edges are padded by half of it.
        stride: stride of the convolution; 2 halves H and W, rounded up.
        pool: pooling of every frame of spikes; None leaves them unchanged (see `norm_spike`).

    Example:
        >>> import torch
        >>> ConvBNSpike(3, 8)(torch.zeros(4, 2, 3, 16, 16)).shape
        torch.Size([4, 2, 8, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        neuron: NeuronFactory = LIF,
        *,
        kernel_size: int | tuple[int, int] = 3,
        stride: int = 1,
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        rows, columns = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self.conv = nn.Conv2d(
            in_channels, out_channels, (rows, columns), stride=stride, padding=(rows // 2, columns // 2), bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)
        self.neuron = neuron()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> (T, B, D, H, W)."""
        static = is_static(x)
        frames = channels_last(x[0] if static else x.flatten(0, 1))
        return norm_spike(
            convolve(self.conv, frames), self.norm, self.neuron, steps=x.shape[0], static=static, pool=self.pool
        )


class ProjectionBNSpike(nn.Module):
    """A linear map of every token (1x1 convolution) - BatchNorm - neuron: (T, B, D, N) -> (T, B, E, N)."""

    def __init__(self, in_dim: int, out_dim: int, neuron: NeuronFactory = LIF, *, bias: bool = False) -> None:
        super().__init__()
        self.linear = nn.Conv1d(in_dim, out_dim, kernel_size=1, bias=bias)
        self.norm = nn.BatchNorm1d(out_dim)
        self.neuron = neuron()

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, N) -> (T, B, E, N)."""
        tokens = channels_last(x.flatten(0, 1).unsqueeze(-2))
        return norm_spike(project(self.linear, tokens), self.norm, self.neuron, steps=x.shape[0]).squeeze(-2)


class SpikingMLP(nn.Module):
    """x + MLP(x), the MLP being two projections with bias and a hidden width of 4 D: (T, B, D, N) -> same.

    Example:
        >>> import torch
        >>> SpikingMLP(16)(torch.zeros(4, 2, 16, 9)).shape
        torch.Size([4, 2, 16, 9])
    """

    def __init__(self, dim: int, neuron: NeuronFactory = LIF) -> None:
        super().__init__()
        self.expand = ProjectionBNSpike(dim, 4 * dim, neuron, bias=True)
        self.contract = ProjectionBNSpike(4 * dim, dim, neuron, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, N) -> (T, B, D, N)."""
        return x + self.contract(self.expand(x))
