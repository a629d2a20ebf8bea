"""The joint layer: neurons that fire for the conjunction of what the modalities send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import ClassVar

import torch
from torch import Tensor, nn

from colliculus.fusion.joins import Pooled
from colliculus.layers import ModalityDropout, NeuronFactory, ProjectionBNSpike, per_modality, widened
from colliculus.types import Fused


class JointLayer(Pooled):
    """Pooled spikes of all modalities, side by side -> 4 D spiking neurons -> D spiking neurons.

    Neurons of the deep superior colliculus fire for the conjunction of sight and sound. A sum of the modalities' logits
    cannot say "this sound with that image"; a hidden layer that sees both can. Every step is computed on its own, so no
    step looks ahead. An absent modality sends zeros.

    In training the output of some samples is dropped, so that the network also learns to decide without this layer:
    then held-out samples can tell if the layer helps (`kept`). The inputs of single modalities are dropped too, so that
    the layer knows how an absent modality looks.

    Args:
        modalities: all of them, in declared order.
        features: F, features of a pooled modality.
        dim: D.
        neuron: makes the neurons.
        pooling: pooling of each modality.
        dropout: share of the training samples without the output of this layer.
        modality_dropout: probability that the layer does not see a modality of a training sample.

    Attributes:
        kept: False where held-out samples say that the layer does not help; then its output is zero.

    Example:
        >>> from colliculus.neurons import LIF
        >>> layer = JointLayer(["audio", "visual"], features=8, dim=8, neuron=LIF)
        >>> layer({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).shape
        torch.Size([4, 2, 8])
    """

    is_exchange: ClassVar[bool] = True
    """The output mixes the modalities."""
    kept: Tensor

    def __init__(
        self,
        modalities: Iterable[str],
        *,
        features: int,
        dim: int,
        neuron: NeuronFactory,
        pooling: nn.ModuleDict | None = None,
        dropout: float = 0.3,
        modality_dropout: float = 0.15,
    ) -> None:
        super().__init__(pooling)
        self.modalities = tuple(modalities)
        self.width = features
        self.dropout = dropout
        self.modality_dropout = ModalityDropout(modality_dropout)
        self.drive = per_modality({m: ProjectionBNSpike(features, 4 * dim, neuron) for m in self.modalities})
        self.conjunction = ProjectionBNSpike(4 * dim, dim, neuron)
        self.register_buffer("kept", torch.tensor(True))

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """Tokens (T, B, D, N) of each modality present -> spikes (T, B, D)."""
        features = self.features(self.modality_dropout(tokens))
        driven = {m: self.drive[m](h[..., None]) for m, h in features.items()}
        together = sum(a * b for a, b in combinations(driven.values(), 2))
        spikes = self.conjunction(together)[..., 0]
        return spikes * self._let_through(spikes)

    def _let_through(self, spikes: Tensor) -> Tensor:
        """(B, 1), or a single number: 1 where the output is used."""
        if not (self.training and self.dropout):
            return self.kept.to(spikes.dtype)
        return (torch.rand(spikes.shape[1], 1, device=spikes.device) >= self.dropout).to(spikes.dtype)


class WithJointLayer(nn.Module):
    """A join whose joint feature is the output of a joint layer; the streams are those of another join.

    Args:
        join: join that gives the streams.
        layer: the joint layer, on the same tokens.

    Example:
        >>> from colliculus.fusion import Concat
        >>> from colliculus.neurons import LIF
        >>> layer = JointLayer(["audio", "visual"], features=8, dim=8, neuron=LIF)
        >>> join = WithJointLayer(Concat(["audio", "visual"]), layer)
        >>> fused = join({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)})
        >>> fused.joint.shape, fused.parts, [*fused.streams]
        (torch.Size([4, 2, 8]), {}, ['audio', 'visual'])
    """

    def __init__(self, join: nn.Module, layer: JointLayer) -> None:
        super().__init__()
        self.join = join
        self.layer = layer

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused`, without shares of the joint feature."""
        fused: Fused = self.join(tokens)
        return replace(fused, joint=widened(self.layer(tokens)), parts={})
