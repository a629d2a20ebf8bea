"""Alignment of streams of different lengths to common time steps (TAAF, arXiv 2505.14535): `source` T_m, `target` T."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from colliculus.fusion.joins import Pooled
from colliculus.layers import NeuronFactory, modules_of, per_modality, stepwise, widened
from colliculus.neurons import LIF
from colliculus.types import Fused

INITIAL_WIDTH = 0.35
"""Initial width of the warp's window in steps: a neighbour weighs 1.7 % of the centre, narrow but with a slope."""


def middles(source: int, target: int) -> Tensor:
    """Middle of each of `target` steps, in steps of the source, (T,), clamped to its ends.

    Example:
        >>> middles(4, 2), middles(2, 4)
        (tensor([0.5000, 2.5000]), tensor([0.0000, 0.2500, 0.7500, 1.0000]))
    """
    return ((torch.arange(target) + 0.5) * source / target - 0.5).clamp(0, source - 1)


def interpolation(source: int, target: int) -> Tensor:
    """The matrix P (T, T_m) of linear interpolation at the middles of the steps; the identity if T = T_m.

    Example:
        >>> interpolation(2, 3)
        tensor([[1.0000, 0.0000],
                [0.5000, 0.5000],
                [0.0000, 1.0000]])
    """
    return (1 - (middles(source, target)[:, None] - torch.arange(source)).abs()).clamp(min=0)


def warp(positions: Tensor, width: Tensor, source: int) -> Tensor:
    """P[t, s] = softmax_s(-(s - g(t))^2 / (2 sigma^2)), (T, T_m).

    Args:
        positions: g, the position of each step, in steps of the source, (T,).
        width: sigma, a scalar.
        source: T_m.
    """
    distance = torch.arange(source, device=positions.device, dtype=positions.dtype) - positions[:, None]
    return torch.softmax(-distance.square() / (2 * width.square()), dim=1)


def over_steps(matrix: Tensor, stream: Tensor) -> Tensor:
    """h'(t) = sum_s P[t, s] h(s): (T, T_m) and (T_m, *) -> (T, *)."""
    return (matrix @ stream.flatten(1)).unflatten(1, stream.shape[1:])


class Interpolation(nn.Module):
    """Fixed linear interpolation; the identity if the lengths agree."""

    matrix: Tensor

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.register_buffer("matrix", interpolation(source, target), persistent=False)

    def forward(self, stream: Tensor) -> Tensor:
        """(T_m, *) -> (T, *)."""
        return over_steps(self.matrix, stream)


class ConvAlignment(nn.Module):
    """h' = (1 - g) P h + g LIF(BN(P h)), where P is a learned convolution with time as its channels.

    P starts as linear interpolation (the identity if the lengths agree) and the mixing weight g at zero, so that
    nothing changes at first; with g = 1 only convolution, BatchNorm and LIF remain. BatchNorm normalises each feature
    over time, batch and tokens. It has no scale of its own, because that could not learn while g is zero.

    Example:
        >>> stream = torch.rand(4, 2, 8)
        >>> torch.equal(ConvAlignment(4, 4, 8)(stream), stream)
        True
    """

    def __init__(self, source: int, target: int, dim: int, neuron: NeuronFactory = LIF) -> None:
        super().__init__()
        self.matrix = nn.Parameter(interpolation(source, target))
        self.norm = nn.BatchNorm1d(dim, affine=False)
        self.neuron = neuron()
        self.mix = nn.Parameter(torch.zeros(()))

    def forward(self, stream: Tensor) -> Tensor:
        """(T_m, B, D) -> (T, B, D), or the same with a last axis of tokens."""
        moved = over_steps(self.matrix, stream)
        if self.training and moved[:, :, 0].numel() == 1:  # one step of one sample has no variance
            return moved
        spikes = self.neuron(stepwise(self.norm, moved))
        return moved + self.mix * (spikes - moved)


class TimeWarp(nn.Module):
    """P = P_0 + W(g, sigma) - W(g_0, sigma_0), with the window W = softmax_s(-(s - g(t))^2 / (2 sigma^2)).

    g(t) is the cumulative sum of softplus from a learned start, so it always increases. P_0 is linear interpolation;
    g_0 and sigma_0 are the initial g and sigma, so that nothing changes at first, yet g has a gradient. Every row of P
    sums to 1.

    Deviation: the plain window W(g, sigma) is not a linear interpolation at any width. The difference
    P_0 - W(g_0, sigma_0), at most 0.14 for 6 steps to 4 and 0.03 for 4 to 4, stays fixed while g moves, so that
    weights of P may become negative by as much.

    Example:
        >>> stream = torch.rand(6, 2, 8)
        >>> torch.allclose(TimeWarp(6, 4)(stream), Interpolation(6, 4)(stream))
        True
    """

    correction: Tensor

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.source = source
        spacing = torch.tensor(source / target)
        self.start = nn.Parameter((spacing - 1) / 2 - spacing)  # one step before the middle of the first
        self.raw_increments = nn.Parameter(torch.expm1(spacing).log().repeat(target))  # softplus gives the spacing
        self.log_width = nn.Parameter(torch.tensor(INITIAL_WIDTH).log())
        with torch.no_grad():
            initial = warp(self.positions(), self.log_width.exp(), source)
        self.register_buffer("correction", interpolation(source, target) - initial)

    def positions(self) -> Tensor:
        """g, (T,), in steps of the source."""
        return self.start + nn.functional.softplus(self.raw_increments).cumsum(0)

    @property
    def matrix(self) -> Tensor:
        """P, (T, T_m)."""
        return self.correction + warp(self.positions(), self.log_width.exp(), self.source)

    def forward(self, stream: Tensor) -> Tensor:
        """(T_m, *) -> (T, *)."""
        return over_steps(self.matrix, stream)


class _Aligned(nn.Module, ABC):
    """Base of fusions that align every modality first."""

    needs_window: ClassVar[str] = "aligns a given number of steps in time"

    def __init__(self, alignments: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.alignments = per_modality(alignments)

    def modules_of(self, modality: str) -> list[nn.Module]:
        """Modules that only this modality passes."""
        return [self.alignments[modality]]


class TimeAligned(_Aligned):
    """Aligns every modality's feature, pooled over its tokens, to common steps and joins them.

    Args:
        alignments: alignment of each modality, (T_m, B, D) -> (T, B, D).
        join: join of the aligned features.
        pooling: pooling of each modality's tokens; None is the mean over them.

    Example:
        >>> from colliculus.fusion import Concat
        >>> fusion = TimeAligned({"a": Interpolation(6, 4), "b": Interpolation(2, 4)}, Concat("ab"))
        >>> fusion({"a": torch.rand(6, 2, 8, 9), "b": torch.rand(2, 2, 8, 4)}).joint.shape
        torch.Size([4, 2, 16])
    """

    def __init__(
        self, alignments: Mapping[str, nn.Module], join: nn.Module, pooling: nn.ModuleDict | None = None
    ) -> None:
        super().__init__(alignments)
        self.pooled = Pooled(pooling)
        self.join = join

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T_m, B, D, N) of each modality -> `Fused`; its streams are the aligned features, (T, B, D)."""
        aligned = {m: widened(self.alignments[m](h)) for m, h in self.pooled.features(tokens).items()}
        fused: Fused = self.join({m: h[..., None] for m, h in aligned.items()})
        return fused


class AlignedTokens(_Aligned):
    """Aligns every modality's tokens to common steps and passes them to another fusion.

    Args:
        alignments: alignment of each modality, (T_m, B, D, N) -> (T, B, D, N).
        fusion: fusion of the aligned tokens.

    Example:
        >>> from colliculus.fusion import Concat
        >>> fusion = AlignedTokens({"a": Interpolation(6, 4), "b": Interpolation(2, 4)}, Concat("ab"))
        >>> fusion({"a": torch.rand(6, 2, 8, 9), "b": torch.rand(2, 2, 8, 4)}).joint.shape
        torch.Size([4, 2, 16])
    """

    heeds_ends: ClassVar[bool] = True

    def __init__(self, alignments: Mapping[str, nn.Module], fusion: nn.Module) -> None:
        super().__init__(alignments)
        self.fusion = fusion

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The modality's alignment, and the parts that the other fusion has for it alone."""
        return [*super().modules_of(modality), *modules_of(self.fusion, modality)]

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T_m, B, D, N) of each modality -> `Fused`."""
        fused: Fused = self.fusion({m: widened(self.alignments[m](x)) for m, x in tokens.items()})
        return fused
