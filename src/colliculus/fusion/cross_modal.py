"""Cross-modal residual learning: the fusion of S-CMRL (arXiv 2502.12488)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from colliculus.fusion.exchange import OTHERS, MeanOfOthers, Senders, between, from_mean, receive
from colliculus.fusion.feeding import SameSize, capped
from colliculus.fusion.joins import joined
from colliculus.fusion.mask import MaskedAttention
from colliculus.fusion.places import Grid, TokensAtPlaces
from colliculus.layers import (
    Axis,
    NeuronFactory,
    OverSteps,
    OverTokens,
    RunningMean,
    SpikingAttention,
    SpikingMLP,
    for_each_end,
    mean_until_end,
    per_modality,
    stepwise,
    token_mean,
)
from colliculus.neurons import LIF, NeuronSettings
from colliculus.types import ColliculusError, Fused

Arithmetic = Literal["ours", "reference"]
"""Which program a method agrees with where they differ: this one, or the released S-CMRL (`docs/fidelity.md`)."""
Branches = Literal["spatial", "temporal", "spatiotemporal", "mask"]
Combination = Literal["product", "union"]
Residual = Literal["add", "replace"]


@dataclass(frozen=True, kw_only=True)
class CrossModalSettings:
    """Settings of the cross-modal path. The defaults are ours; `REFERENCE` holds those of the released program.

    Raises:
        ColliculusError: a setting is out of range.
    """

    senders: Senders = "each"
    """With more than two modalities: receive the mean of what "each" other sends to an attention of its own, or what
    the "mean" of the others' tokens sends to a single one, in time linear in the number of modalities."""
    scale: float = 0.25
    """Constant factor of the attention's scores."""
    threshold: float = 0.5
    """Threshold of the attention's neurons, except the last one of each branch."""
    normalise: bool = True
    """BatchNorm before the neurons of the attention and of the semantic branch."""
    combination: Combination = "union"
    """Combination of the spatial branch S and the temporal branch M: "product" S M, "union" S + M + S M."""
    swap: bool = True
    """Move steps before heads when the heads of temporal attention are merged."""
    causal: bool = False
    """Let the temporal branch attend to earlier steps only, with the mean of M so far: the model then decides step by
    step and can be streamed without an end."""
    dropout: float = 0.5
    """Share of training samples whose residual is dropped, drawn separately for each modality."""
    scaled: bool = False
    """Scale the residual to the size of the tokens, so that alpha is their ratio."""
    capped: bool = False
    """Let the alignment pull at the residual at most as hard as the task does."""

    def __post_init__(self) -> None:
        if not (0 < self.scale < inf and 0 < self.threshold < inf):
            raise ColliculusError("`scale` and `threshold` of the cross-modal path must be positive")
        if not 0 <= self.dropout < 1:
            raise ColliculusError(f"`dropout` of the residual is {self.dropout}: choose at least 0 and below 1")
        OverSteps(self.swap, self.causal)  # refuses what does not go together


REFERENCE = CrossModalSettings(threshold=1.0, normalise=False, combination="product", swap=False, dropout=0.0)
"""The settings of the released program."""


def path_settings(arithmetic: Arithmetic, ours: CrossModalSettings) -> CrossModalSettings:
    """The settings that the cross-modal path runs with."""
    return REFERENCE if arithmetic == "reference" else ours


class CrossModalAttention(nn.Module):
    """Cross-modal complementary spatiotemporal spiking attention (CCSSA): the residual r that x receives from y.

    The spatial branch S attends over tokens, the temporal branch M over steps, each with its own weights;
    r[t, b, c, n] combines mean_n(S)[t, b, c] and mean_t(M)[b, c, n]. With one branch, r is that branch. In causal
    settings mean_t runs over the steps so far.

    Args:
        grids: token grids of x and y; if they differ, the temporal branch uses y's tokens at x's places.
        branches: "spatial", "temporal" or "spatiotemporal".
        settings: scale, normalisation, combination, threshold and order.

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
        settings: CrossModalSettings = CrossModalSettings(),
    ) -> None:
        super().__init__()

        def attention(axis: Axis) -> SpikingAttention:
            return SpikingAttention(
                dim,
                heads,
                axis,
                neuron,
                attention_neuron=neuron.with_threshold(settings.threshold),
                scale=settings.scale,
                normalise=settings.normalise,
            )

        if branches != "temporal":
            self.spatial = attention(OverTokens())
        if branches != "spatial":
            self.temporal = attention(OverSteps(settings.swap, settings.causal))
        self.branches = branches
        self.combination: Combination = settings.combination
        self.running = RunningMean() if settings.causal else None
        self.places = TokensAtPlaces(*grids)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (T, B, D, N) receives from y (T, B, D, N') -> r (T, B, D, N)."""
        if self.branches == "spatial":
            return self.spatial(x, y)
        aligned = self.places(y, x.shape[-1])
        if self.branches == "temporal":
            return self.temporal(x, aligned)
        spatial = token_mean(self.spatial(x, y), keepdim=True)
        if self.running is None:
            temporal = mean_until_end(self.temporal(x, aligned))
            spatial = for_each_end(spatial, like=temporal)
        else:
            temporal = self.running(self.temporal(x, aligned))
        return spatial * temporal if self.combination == "product" else spatial + temporal + spatial * temporal


class SemanticBranch(nn.Module):
    """LIF(Linear(r)) over the channels of every token, with a BatchNorm between the two if `normalise`."""

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
    """Every modality receives from every other: x' = x + alpha * r, or x' = r; x'' = x' + MLP(x').

    With M > 2 modalities r is the mean over the others, so that alpha keeps its meaning; with `senders` "mean" it is
    what x receives from the mean of their tokens, with M attentions in place of M (M - 1). An absent modality
    contributes nothing; r is 0 if no other modality is present. Where r replaces x, a modality that is alone keeps its
    tokens, and so does a sample whose r is dropped in training.

    Args:
        alpha: weight of the residual; not read where r replaces x.
        residual: "add" r to the tokens, or "replace" them by it.
        branches: branches of the attention, or "mask" for a `MaskedAttention`.
        alignment: pass r through a `SemanticBranch` for each modality.
        settings: settings of the path.
    """

    heeds_ends: ClassVar[bool] = True

    def __init__(
        self,
        grids: Mapping[str, Grid | None],
        *,
        dim: int,
        heads: int,
        alpha: float,
        branches: Branches,
        alignment: bool,
        join: nn.Module,
        neuron: NeuronSettings,
        settings: CrossModalSettings,
        residual: Residual = "add",
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.replaces = residual == "replace"
        self.capped = settings.capped
        self.scale = per_modality({m: SameSize() for m in grids} if settings.scaled else {})
        self.join = join
        self.dropout = settings.dropout

        def attention(m: str, other: str) -> nn.Module:
            places = grids[m], grids[other]
            if branches == "mask":
                inner = settings.threshold
                return MaskedAttention(dim, grids=places, neuron=neuron, threshold=inner, normalise=settings.normalise)
            return CrossModalAttention(dim, heads, grids=places, branches=branches, neuron=neuron, settings=settings)

        with_mean = settings.senders == "mean" and len(grids) > 2
        self.others = MeanOfOthers(grids) if with_mean else None
        self.attention = (from_mean if with_mean else between)(grids, attention)
        self.semantic = per_modality(
            {m: SemanticBranch(dim, neuron, normalise=settings.normalise) for m in grids} if alignment else {}
        )
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in grids})

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused` with the residuals."""
        means = None if self.others is None else self.others(tokens)
        residual = {m: self._receive(m, tokens, means) for m in tokens}
        added = dict(residual)
        if self.capped:  # the first of each pair goes to the task, the second to the alignment
            pairs = {m: capped(r) for m, r in residual.items()}
            added, residual = {m: pair[0] for m, pair in pairs.items()}, {m: pair[1] for m, pair in pairs.items()}
        if self.scale:
            added = {m: self.scale[m](r, tokens[m]) for m, r in added.items()}
        streams = {m: for_each_end(x, like=added[m]) for m, x in tokens.items()}
        if not self.replaces:
            streams = {m: x + self.alpha * self._drop(added[m]) for m, x in streams.items()}
        elif len(tokens) > 1:
            streams = {m: self._replace(x, added[m]) for m, x in streams.items()}
        return joined(streams, self.mlp, self.join, residual)

    def _drop(self, residual: Tensor) -> Tensor:
        """In training, drop the residual of some samples, so that every stream also learns to work alone."""
        kept = self._kept(residual)
        return residual if kept is None else residual * kept

    def _replace(self, x: Tensor, residual: Tensor) -> Tensor:
        """The residual in place of x; of samples whose residual is dropped in training, x."""
        kept = self._kept(residual)
        return residual if kept is None else torch.where(kept, residual, x)

    def _kept(self, residual: Tensor) -> Tensor | None:
        """The samples whose residual is not dropped, (B, 1, 1); None where none is."""
        if not (self.training and self.dropout):
            return None
        kept = torch.rand(residual.shape[1], device=residual.device) >= self.dropout
        return kept[:, None, None]

    def _receive(self, modality: str, tokens: dict[str, Tensor], means: Mapping[str, Tensor] | None) -> Tensor:
        if means is None:
            residual = receive(self.attention, modality, tokens)
        elif (mean := means.get(modality)) is None:
            residual = None
        else:
            residual = self.attention[f"{modality}_from_{OTHERS}"](tokens[modality], mean)
        if residual is None:
            return torch.zeros_like(tokens[modality])
        return self.semantic[modality](residual) if modality in self.semantic else residual
