"""QKFormer: a hierarchical spiking transformer, from frames to tokens (NeurIPS 2024, arXiv 2403.16552)."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from torch import Tensor, nn

from colliculus.encoders.spikformer import SpikformerBlock
from colliculus.layers import ConvBNSpike, NeuronFactory, QKAttention, SpikingMLP, tokens_of
from colliculus.neurons import LIF, NeuronSettings

BLOCKS = (1, 1, 2)
"""Blocks of each stage, as in the published network for CIFAR."""
HEADS = 8
"""Most heads; a narrower network has the largest number that divides all of its stages."""
THRESHOLD = 0.5
"""Threshold of the attention's neurons, as published."""
LARGE = 64
"""Length of the shorter side in pixels from which the first stage takes patches of 4 pixels instead of 2."""


class DeformedPatchEmbedding(nn.Module):
    """N(BN(Conv(pool(N(BN(Conv(x))))))) + N(BN(Conv1x1, stride 2(x))): halves the grid, rounded up (SPEDS).

    Spiking patch embedding with deformed shortcut: 3x3 convolutions, max-pooling of 3x3 with stride 2, and a linear
    shortcut of the other width and half the grid. The sum is a number of spikes, 0, 1 or 2.

    Example:
        >>> import torch
        >>> DeformedPatchEmbedding(8, 16)(torch.zeros(4, 2, 8, 6, 5)).shape
        torch.Size([4, 2, 16, 3, 3])
    """

    def __init__(self, before: int, after: int, neuron: NeuronFactory = LIF) -> None:
        super().__init__()
        self.first = ConvBNSpike(before, after, neuron, pool=nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        self.second = ConvBNSpike(after, after, neuron)
        self.shortcut = ConvBNSpike(before, after, neuron, kernel_size=1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> numbers of spikes (T, B, D, H', W')."""
        counts: Tensor = self.second(self.first(x)) + self.shortcut(x)
        return counts


class QKFormerBlock(nn.Module):
    """x + Q-K attention of the tokens (x, x), then a spiking MLP as a residual.

    Example:
        >>> import torch
        >>> QKFormerBlock(16, 4)(torch.zeros(4, 2, 16, 9)).shape
        torch.Size([4, 2, 16, 9])
    """

    def __init__(self, dim: int, heads: int, neuron: NeuronSettings = NeuronSettings()) -> None:
        super().__init__()
        self.attention = QKAttention(dim, heads, "token", neuron, attention_neuron=neuron.with_threshold(THRESHOLD))
        self.mlp = SpikingMLP(dim, neuron)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, N) -> (T, B, D, N)."""
        return self.mlp(x + self.attention(x, x))


class QKFormerStage(nn.Module):
    """A patch embedding and the blocks of a stage: frames in, frames of half the grid out.

    Args:
        before: channels of the input.
        after: D, channels of the output.
        blocks: the blocks, (T, B, D, N) -> (T, B, D, N).
        neuron: makes the neurons of the embedding.

    Example:
        >>> import torch
        >>> QKFormerStage(8, 16, [QKFormerBlock(16, 4)])(torch.zeros(4, 2, 8, 6, 5)).shape
        torch.Size([4, 2, 16, 3, 3])
    """

    def __init__(self, before: int, after: int, blocks: Iterable[nn.Module], neuron: NeuronFactory = LIF) -> None:
        super().__init__()
        self.embedding = DeformedPatchEmbedding(before, after, neuron)
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> (T, B, D, H', W')."""
        x = self.embedding(x)
        mixed: Tensor = self.blocks(tokens_of(x)).unflatten(-1, x.shape[-2:])
        return mixed


class SpikingQKFormer(nn.Module):
    """Three stages of widths D/4, D/2, D, each a patch embedding with deformed shortcut and blocks of attention.

    The first two stages have Q-K attention of the tokens, which is linear in their number, and the last one spiking
    self-attention. Patches are of 4, 8 and 16 pixels for images whose shorter side has at least 64 pixels, else of 2, 4
    and 8: N = ceil(H/16) * ceil(W/16), or /8. The blocks of the stages are 1, 1 and 2, as in the network for CIFAR.

    Deviation: pooling follows the neuron, a convolution (with pooling for large images) stands before the first
    embedding, and BatchNorm before the neuron of the self-attention, whose neurons have the threshold 0.5, as in the
    other methods here (see docs/fidelity.md).

    Args:
        channels: C.
        size: (H, W).
        dim: D, a multiple of 8.
        neuron: makes the neurons.

    Attributes:
        grid: rows and columns of the tokens.
        stage_grids: the same of every stage.

    Example:
        >>> import torch
        >>> encoder = SpikingQKFormer(2, (32, 28), 16)
        >>> encoder(torch.zeros(4, 2, 2, 32, 28)).shape, encoder.grid
        (torch.Size([4, 2, 16, 16]), (4, 4))
        >>> SpikingQKFormer(3, (128, 100), 16).stage_grids
        ((32, 25), (16, 13), (8, 7))
    """

    def __init__(
        self, channels: int, size: tuple[int, int], dim: int, neuron: NeuronSettings = NeuronSettings()
    ) -> None:
        super().__init__()
        widths = (dim // 4, dim // 2, dim)
        heads = gcd(HEADS, widths[0])
        large = min(size) >= LARGE
        pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.stem = ConvBNSpike(channels, widths[0] // 2, neuron, pool=pool if large else None)
        self.stages = nn.ModuleList(
            QKFormerStage(before, after, [_block(stage, after, heads, neuron) for _ in range(BLOCKS[stage])], neuron)
            for stage, (before, after) in enumerate(zip((widths[0] // 2, *widths[:-1]), widths, strict=True))
        )
        patches = (4, 8, 16) if large else (2, 4, 8)
        self.stage_grids = tuple((-(-size[0] // patch), -(-size[1] // patch)) for patch in patches)
        self.grid = self.stage_grids[-1]

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> tokens (T, B, D, N)."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return tokens_of(x)

    def parts(self) -> tuple[nn.Module, list[nn.Module]]:
        """The network up to the tokens of the first stage, and the later stages, tokens to tokens.

        Run one after the other they are the network; a fusion may act between them.

        Example:
            >>> import torch
            >>> encoder, x = SpikingQKFormer(2, (32, 32), 16), torch.rand(4, 2, 2, 32, 32)
            >>> first, later = encoder.parts()
            >>> first(x).shape, later[0](first(x)).shape
            (torch.Size([4, 2, 4, 256]), torch.Size([4, 2, 8, 64]))
        """
        first, *later = self.stages
        pairs = zip(later, self.stage_grids, strict=False)
        return nn.Sequential(self.stem, first, Tokens()), [_OfTokens(stage, grid) for stage, grid in pairs]


class Tokens(nn.Module):
    """`tokens_of` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, H, W) -> (T, B, D, N)."""
        return tokens_of(x)


class _OfTokens(nn.Module):
    """A stage whose input are tokens on a known grid, and whose output are tokens."""

    def __init__(self, stage: nn.Module, grid: tuple[int, int]) -> None:
        super().__init__()
        self.stage = stage
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, N) -> (T, B, D', N')."""
        return tokens_of(self.stage(x.unflatten(-1, self.grid)))


def _block(stage: int, width: int, heads: int, neuron: NeuronSettings) -> nn.Module:
    if stage < len(BLOCKS) - 1:
        return QKFormerBlock(width, heads, neuron)
    inner = neuron.with_threshold(THRESHOLD)
    return SpikformerBlock(width, heads, neuron, attention_neuron=inner, normalise=True)
