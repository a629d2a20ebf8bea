"""Cross-modal residual learning: the fusion of S-CMRL (arXiv 2502.12488)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

import torch
from torch import Tensor, nn

from colliculus.fusion.concat import Concat
from colliculus.fusion.exchange import between, joined, receive
from colliculus.fusion.places import Grid, TokensAtPlaces
from colliculus.fusion.sum import Sum
from colliculus.layers import (
    Axis,
    NeuronFactory,
    OverSteps,
    OverTokens,
    SpikingAttention,
    SpikingMLP,
    per_modality,
    stepwise,
)
from colliculus.neurons import LIF, NeuronSettings
from colliculus.types import ColliculusError, Fused

Branches = Literal["spatial", "temporal", "spatiotemporal"]
Combination = Literal["product", "union"]


@dataclass(frozen=True, kw_only=True)
class CrossModalArithmetic:
    """What the cross-modal path computes, where ours (the defaults) and the released program (`REFERENCE`) differ.

    Raises:
        ColliculusError: a setting is out of range.
    """

    scale: float = 0.25
    """Constant factor of the attention's scores."""
    threshold: float = 0.5
    """Of the attention's neurons, the last one of each branch excepted."""
    normalise: bool = True
    """BatchNorm before the neurons of the attention and of the semantic branch."""
    combination: Combination = "union"
    """How the spatial branch S and the temporal branch M meet: "product" S M, "union" (1 + S)(1 + M) - 1."""
    swap: bool = True
    """Put steps before heads when temporal attention is merged."""
    dropout: float = 0.5
    """Share of training samples whose residual is left out, drawn anew for each modality."""

    def __post_init__(self) -> None:
        if not (0 < self.scale < inf and 0 < self.threshold < inf):
            raise ColliculusError("`scale` and `threshold` of the cross-modal arithmetic must be positive")
        if not 0 <= self.dropout < 1:
            raise ColliculusError(f"`dropout` of the residual is {self.dropout}: choose at least 0 and below 1")


REFERENCE = CrossModalArithmetic(threshold=1.0, normalise=False, combination="product", swap=False, dropout=0.0)
"""The arithmetic of the released program."""


class CrossModalAttention(nn.Module):
    """Cross-modal complementary spatiotemporal spiking attention (CCSSA): what x receives of y.

    The spatial branch S attends over tokens, the temporal branch M over steps, each with weights of its own;
    r[t, b, c, n] combines mean_n(S)[t, b, c] and mean_t(M)[b, c, n]. One branch alone is r.

    Args:
        dim: D.
        heads: number of heads.
        grids: token grids of x and y; where they differ, the temporal branch sees y's tokens at x's places.
        branches: "spatial", "temporal" or "spatiotemporal".
        neuron: makes the neurons.
        arithmetic: scale, normalisation, combination, threshold and order.

    Example:
        >>> attention = CrossModalAttention(32, 4, grids=((3, 3), (3, 3)))
        >>> attention(torch.zeros(4, 2, 32, 9), torch.zeros(4, 2, 32, 9)).shape
        torch.Size([4, 2, 32, 9])
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        grids: tuple[Grid | None, Grid | None],
        branches: Branches = "spatiotemporal",
        neuron: NeuronSettings = NeuronSettings(),
        arithmetic: CrossModalArithmetic = CrossModalArithmetic(),
    ) -> None:
        super().__init__()

        def attention(axis: Axis) -> SpikingAttention:
            return SpikingAttention(
                dim,
                heads,
                axis,
                neuron,
                attention_neuron=replace(neuron, threshold=arithmetic.threshold),
                scale=arithmetic.scale,
                normalise=arithmetic.normalise,
            )

        if branches != "temporal":
            self.spatial = attention(OverTokens())
        if branches != "spatial":
            self.temporal = attention(OverSteps(arithmetic.swap))
        self.branches = branches
        self.combination: Combination = arithmetic.combination
        self.places = TokensAtPlaces(*grids)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (T, B, D, N) receives from y (T, B, D, N') -> r (T, B, D, N)."""
        if self.branches == "spatial":
            return self.spatial(x, y)
        aligned = self.places(y, x.shape[-1])
        if self.branches == "temporal":
            return self.temporal(x, aligned)
        spatial = self.spatial(x, y).mean(-1, keepdim=True)
        temporal = self.temporal(x, aligned).mean(0, keepdim=True)
        return spatial * temporal if self.combination == "product" else spatial + temporal + spatial * temporal


class SemanticBranch(nn.Module):
    """LIF(Linear(r)) over the channels of every token, with a BatchNorm between the two when `normalise`.

    Args:
        dim: D.
        neuron: makes the neuron.
        normalise: BatchNorm before the neuron.
    """

    def __init__(self, dim: int, neuron: NeuronFactory = LIF, *, normalise: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.norm = nn.BatchNorm1d(dim) if normalise else nn.Identity()
        self.neuron = neuron()

    def forward(self, residual: Tensor) -> Tensor:
        """(T, B, D, N) -> spikes (T, B, D, N)."""
        mapped = self.linear(residual.transpose(-1, -2)).transpose(-1, -2)
        return self.neuron(stepwise(self.norm, mapped))


class CrossModalResidual(nn.Module):
    """Every modality receives from every other: x' = x + alpha * r, x'' = x' + MLP(x').

    With M > 2 modalities r is the mean of what the others give, so that alpha keeps its meaning. Of an absent modality
    nothing is received; r is 0 where no other modality is there.

    Args:
        grids: token grid of each modality, in declared order.
        dim: D.
        heads: number of heads.
        alpha: weight of the residual.
        branches: of the attention.
        alignment: pass r through a `SemanticBranch` of each modality.
        join: joins the streams at the end.
        neuron: makes the neurons.
        arithmetic: what the path computes.
    """

    def __init__(
        self,
        grids: Mapping[str, Grid | None],
        *,
        dim: int,
        heads: int,
        alpha: float,
        branches: Branches,
        alignment: bool,
        join: Sum | Concat,
        neuron: NeuronSettings,
        arithmetic: CrossModalArithmetic,
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.join = join
        self.dropout = arithmetic.dropout
        self.attention = between(
            grids,
            lambda m, other: CrossModalAttention(
                dim, heads, grids=(grids[m], grids[other]), branches=branches, neuron=neuron, arithmetic=arithmetic
            ),
        )
        self.semantic = per_modality(
            {m: SemanticBranch(dim, neuron, normalise=arithmetic.normalise) for m in grids} if alignment else {}
        )
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in grids})

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused` with the residuals."""
        residual = {m: self._receive(m, tokens) for m in tokens}
        streams = {m: x + self.alpha * self._drop(residual[m]) for m, x in tokens.items()}
        return joined(streams, self.mlp, self.join, residual)

    def _drop(self, residual: Tensor) -> Tensor:
        """Leave the residual of some samples out in training, so that every stream also learns to stand alone."""
        if not (self.training and self.dropout):
            return residual
        kept = torch.rand(residual.shape[1], device=residual.device) >= self.dropout
        return residual * kept[:, None, None]

    def _receive(self, modality: str, tokens: dict[str, Tensor]) -> Tensor:
        residual = receive(self.attention, modality, tokens)
        if residual is None:
            return torch.zeros_like(tokens[modality])
        return self.semantic[modality](residual) if modality in self.semantic else residual
