"""Cross-modality current integration (CMCI, ICONIP 2023): as published, and as the program of S-CMRL computes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from colliculus.fusion.joins import sum_of
from colliculus.fusion.places import Grid, OnOneGrid
from colliculus.layers import NeuronFactory, ProjectionBNSpike, SpikingMLP, per_modality, stepwise, token_mean
from colliculus.neurons import NeuronSettings
from colliculus.types import Fused


class SynapticCurrent(nn.Module):
    """Tokens as currents: BN(W LIF(BN(W x))), a spiking MLP (hidden width 4 D) without its last neuron."""

    def __init__(self, dim: int, neuron: NeuronFactory) -> None:
        super().__init__()
        self.expand = ProjectionBNSpike(dim, 4 * dim, neuron)
        self.contract = nn.Conv1d(4 * dim, dim, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, N) -> currents (T, B, D, N)."""
        return stepwise(lambda tokens: self.norm(self.contract(tokens)), self.expand(x))


class CurrentIntegration(nn.Module):
    """One population of neurons integrates the sum of all modalities' currents: LIF(sum_m I_m), without parameters.

    An absent modality sends no current. The spikes of a sum cannot be split among the modalities, so there are no
    additive parts. A modality's own stream is its current, averaged over tokens. If the grids differ, tokens move to
    the places of the first.

    Args:
        pooling: from the joint spikes (T, B, D, N) to the joint feature; None is the mean over the tokens.

    Example:
        >>> fusion = CurrentIntegration({"audio": (2, 2), "visual": (3, 3)}, NeuronSettings())
        >>> fusion({"audio": torch.ones(4, 2, 8, 4), "visual": torch.ones(4, 2, 8, 9)}).joint.unique()
        tensor([1.])
    """

    def __init__(
        self, grids: Mapping[str, Grid | None], neuron: NeuronFactory, pooling: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.on_one_grid = OnOneGrid(grids)
        self.neuron = neuron()
        self.pooling = pooling

    def forward(self, currents: dict[str, Tensor]) -> Fused:
        """Currents (T, B, D, N) of each modality -> `Fused`."""
        spikes = self.neuron(sum_of(self.on_one_grid(currents)))
        joint = token_mean(spikes) if self.pooling is None else self.pooling(spikes)
        return Fused(joint=joint, parts={}, streams={m: token_mean(current) for m, current in currents.items()})


class LearnedIntegration(nn.Module):
    """LIF(sum_m W_m x_m + b_m), then an MLP: the joint stream.

    Deviation: the program of S-CMRL calls this CMCI; the published method has no weights and no MLP here.
    """

    def __init__(self, grids: Mapping[str, Grid | None], *, dim: int, neuron: NeuronFactory) -> None:
        super().__init__()
        self.on_one_grid = OnOneGrid(grids)
        self.linear = per_modality({m: nn.Linear(dim, dim) for m in grids})
        self.neuron = neuron()
        self.mlp = SpikingMLP(dim, neuron)

    def forward(self, tokens: Mapping[str, Tensor]) -> Tensor:
        """Tokens (T, B, D, N) of each modality present -> (T, B, D, N)."""
        placed = self.on_one_grid(tokens)
        currents = {m: layer(placed[m].transpose(-1, -2)) for m, layer in self.linear.items() if m in placed}
        return self.mlp(self.neuron(sum_of(currents).transpose(-1, -2)))


class ReferenceIntegration(nn.Module):
    """The fusion called CMCI in the program of S-CMRL (arXiv 2502.12488): a joint stream and one for each modality.

    Every modality integrates itself with the others, but only the first modality's result is used. The others are
    computed as in the program, because their BatchNorm statistics and spikes were recorded from it.

    Example:
        >>> fusion = ReferenceIntegration({"audio": (3, 3), "visual": (3, 3)}, dim=8, neuron=NeuronSettings())
        >>> fused = fusion({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 9)})
        >>> fused.joint.shape, list(fused.streams)
        (torch.Size([4, 2, 8]), ['audio', 'visual'])
    """

    def __init__(self, grids: Mapping[str, Grid | None], *, dim: int, neuron: NeuronSettings) -> None:
        super().__init__()
        self.integration = per_modality(
            {m: LearnedIntegration({m: grids[m], **grids}, dim=dim, neuron=neuron) for m in grids}
        )
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in grids})

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality, N the same -> `Fused`."""
        first, *others = self.integration.values()
        joint = token_mean(first(tokens))
        with torch.no_grad():
            for unused in others:
                unused(tokens)
        return Fused(joint=joint, parts={}, streams={m: token_mean(self.mlp[m](x)) for m, x in tokens.items()})
