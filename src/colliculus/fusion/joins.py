"""Joins: the modalities' features, each pooled over its tokens, become one joint feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from colliculus.layers import NeuronFactory, SpikingMLP, per_modality, token_mean, widened
from colliculus.types import Fused


def sum_of(parts: Mapping[str, Tensor]) -> Tensor:
    """The sum of the values, in declared order."""
    return reduce(add, parts.values())


class Pooled(nn.Module):
    """Base of joins: a modality's feature is its pooled tokens.

    Args:
        pooling: pooling of each modality, (T, B, D, N) -> (T, B, F); the mean over the tokens for one that is missing.
    """

    def __init__(self, pooling: nn.ModuleDict | None = None) -> None:
        super().__init__()
        self.pooling = nn.ModuleDict() if pooling is None else pooling

    def features(self, tokens: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tokens (T, B, D, N) of each modality -> features (T, B, F)."""
        return {m: self.pooling[m](x) if m in self.pooling else token_mean(x) for m, x in tokens.items()}


class Sum(Pooled):
    """Adds the features (`add` in S-CMRL).

    Example:
        >>> Sum()({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).joint.unique()
        tensor([2.])
    """

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> joint (T, B, F)."""
        parts = {m: widened(h) for m, h in self.features(tokens).items()}
        return Fused(joint=sum_of(parts), parts=parts, streams=parts)


class Concat(Pooled):
    """Concatenates the features.

    A modality's part is its own slice with zeros elsewhere, so that the parts sum to the joint feature. The slice of an
    absent modality is zero.

    Example:
        >>> fused = Concat(["audio", "visual"])({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)})
        >>> fused.joint.shape, bool((sum(fused.parts.values()) == fused.joint).all())
        (torch.Size([4, 2, 16]), True)
    """

    def __init__(self, modalities: Iterable[str], pooling: nn.ModuleDict | None = None) -> None:
        super().__init__(pooling)
        self.modalities = tuple(modalities)

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> joint (T, B, M * F)."""
        features = {m: widened(h) for m, h in self.features(tokens).items()}
        parts = {m: self._side_by_side({m: x}) for m, x in features.items()}
        return Fused(joint=self._side_by_side(features), parts=parts, streams=features)

    def _side_by_side(self, features: dict[str, Tensor]) -> Tensor:
        nothing = torch.zeros_like(next(iter(features.values())))
        return torch.cat([features.get(m, nothing) for m in self.modalities], dim=-1)


class WeightedSum(Pooled):
    """Joint feature sum_m softmax(w)_m h_m, with h_m the feature of modality m; w starts at zero.

    The softmax runs over the modalities present, so that the joint feature keeps its scale if one is absent.

    Example:
        >>> join = WeightedSum(["audio", "visual"])
        >>> join({"audio": torch.ones(4, 2, 8, 9), "visual": 3 * torch.ones(4, 2, 8, 4)}).joint.unique()
        tensor([2.], grad_fn=<Unique2Backward0>)
        >>> join({"visual": 3 * torch.ones(4, 2, 8, 4)}).joint.unique()
        tensor([3.], grad_fn=<Unique2Backward0>)
    """

    def __init__(self, modalities: Iterable[str], pooling: nn.ModuleDict | None = None) -> None:
        super().__init__(pooling)
        self.modalities = tuple(modalities)
        self.weights = nn.Parameter(torch.zeros(len(self.modalities)))

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> joint (T, B, F)."""
        features = self.features(tokens)
        shares = self.weights[[self.modalities.index(m) for m in features]].softmax(0)
        parts = {m: share * h for share, (m, h) in zip(shares, features.items(), strict=True)}
        return Fused(joint=sum_of(parts), parts=parts, streams=features)


def joined(streams: Mapping[str, Tensor], mlp: nn.ModuleDict, join: nn.Module, residual: Mapping[str, Tensor]) -> Fused:
    """Pass every stream (T, B, D, N) through its MLP and join them; the exchanged tokens become the residual."""
    fused: Fused = join({m: mlp[m](x) for m, x in streams.items()})
    return replace(fused, residual={m: token_mean(r) for m, r in residual.items()})


class SeparateStreams(nn.Module):
    """Fusion without exchange: every stream passes its own MLP; the streams meet only in the join.

    Example:
        >>> from colliculus.neurons import LIF
        >>> fusion = SeparateStreams(["audio", "visual"], dim=8, join=Sum(), neuron=LIF)
        >>> fusion({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).joint.shape
        torch.Size([4, 2, 8])
    """

    def __init__(self, modalities: Iterable[str], *, dim: int, join: nn.Module, neuron: NeuronFactory) -> None:
        super().__init__()
        self.join = join
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in modalities})

    def modules_of(self, modality: str) -> list[nn.Module]:
        """Modules that only this modality passes."""
        return [self.mlp[modality]]

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused`."""
        return joined(tokens, self.mlp, self.join, {})
