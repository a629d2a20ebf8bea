"""The joint layer: neurons that fire for the conjunction of what the modalities send."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn

from colliculus.fusion.joins import Pooled
from colliculus.layers import ModalityDropout, NeuronFactory, ProjectionBNSpike, per_modality, widened
from colliculus.types import Fused

Present = Mapping[str, Tensor]
"""Samples that have each modality, truth values (B,); empty where every sample has all that are given."""


class JointNeurons(Pooled, ABC):
    """Base of joint layers: s = N(BN(W c)), D spiking neurons, with c what 4 D neurons send for all modalities.

    Every step is computed on its own, so no step looks ahead. A modality drives nothing where it is absent, be it from
    a whole batch or from some samples, and one that is alone leaves the layer silent.

    Args:
        modalities: all of them, in declared order.
        features: F, features of a pooled modality.
        dim: D.
        neuron: makes the neurons N.
        pooling: pooling of each modality, (T, B, D, N) -> (T, B, F); None is the mean over the tokens.
        optional: True if a training may leave the layer out where it does not help.

    Attributes:
        kept: False where no held-out samples say that the layer helps; then its output is zero.
        read_by: modules that read the output of the layer and nothing else.
    """

    is_exchange: ClassVar[bool] = True
    """The output mixes the modalities."""
    kept: Tensor
    read_by: tuple[nn.Module, ...]

    def __init__(
        self,
        modalities: Iterable[str],
        *,
        features: int,
        dim: int,
        neuron: NeuronFactory,
        pooling: nn.ModuleDict | None = None,
        optional: bool = True,
    ) -> None:
        super().__init__(pooling)
        self.modalities = tuple(modalities)
        self.dim = dim
        self._make_first(self.modalities, features, neuron)
        self.conjunction = ProjectionBNSpike(4 * dim, dim, neuron)
        self.is_optional = optional
        self.read_by = ()
        self.register_buffer("kept", torch.tensor(True))
        self._read: tuple[Tensor, int, bool] | None = None

    @abstractmethod
    def _make_first(self, modalities: tuple[str, ...], features: int, neuron: NeuronFactory) -> None:
        """Make the layer of 4 D neurons for each modality, or for all."""

    @abstractmethod
    def drives(self, features: Mapping[str, Tensor], present: Present) -> Tensor:
        """Features (T, B, F) of the modalities given -> c (T, B, 4 D, 1)."""

    def forward(self, tokens: dict[str, Tensor], present: Present = MappingProxyType({})) -> Tensor:
        """Tokens (T, B, D, N) of the modalities given, and the samples that have them -> spikes (T, B, D)."""
        if len(tokens) < 2 or self._left_out():
            one = next(iter(tokens.values()))
            return one.new_zeros(*one.shape[:2], self.dim)
        spikes = self.conjunction(self.drives(self.features(tokens), present))[..., 0]
        if present:
            spikes = spikes * (torch.stack([*present.values()]).sum(0) > 1)[:, None]
        return spikes * self.kept.to(spikes.dtype)

    def _left_out(self) -> bool:
        """True where the layer is left out for certain; a compiler must not look at the value of a buffer.

        The value is read again only after a change of the buffer, because a GPU must finish its work for it.
        """
        if torch.compiler.is_compiling():
            return False
        if self.kept.is_inference():  # such a tensor counts no changes
            return not bool(self.kept)
        if self._read is None or self._read[0] is not self.kept or self._read[1] != self.kept._version:  # noqa: SLF001
            self._read = self.kept, self.kept._version, bool(self.kept)  # noqa: SLF001
        return not self._read[2]


class JointLayer(JointNeurons):
    """Neurons of all modalities that drive one another: a joint neuron gets current where two modalities fire.

    d_m = N(BN(W_m h_m)), 4 D spiking neurons of each modality m, from its pooled tokens h_m;
    c = sum over all sets of two or more modalities of the product of their d_m, elementwise: the coincidences;
    s = N(BN(W c)), D spiking neurons, the output.

    Neurons of the deep superior colliculus fire for the conjunction of sight and sound. A sum of the modalities' logits
    cannot say "this sound with that image". Products can, and they have a gradient even where neither modality alone
    says anything about the class. The arguments are those of `JointNeurons`.

    Example:
        >>> from colliculus.neurons import LIF
        >>> layer = JointLayer(["audio", "visual"], features=8, dim=8, neuron=LIF)
        >>> layer({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).shape
        torch.Size([4, 2, 8])
    """

    def _make_first(self, modalities: tuple[str, ...], features: int, neuron: NeuronFactory) -> None:
        self.drive = per_modality({m: ProjectionBNSpike(features, 4 * self.dim, neuron) for m in modalities})

    def drives(self, features: Mapping[str, Tensor], present: Present) -> Tensor:
        """The coincidences: features (T, B, F) of the modalities given -> c (T, B, 4 D, 1)."""
        driven = {m: self.drive[m](h[..., None]) for m, h in features.items()}
        return coincidences([d * present[m][:, None, None] if present else d for m, d in driven.items()])


class HiddenJointLayer(JointNeurons):
    """A spiking hidden layer on the features of all modalities side by side.

    c = N(BN(V [h_1, h_2, ...])), 4 D spiking neurons, with h_m the pooled tokens of modality m, zeros where it is
    absent; s = N(BN(W c)), D spiking neurons, the output.

    What a joint neuron fires for is learned, where `JointLayer` has products by design. The arguments are those of
    `JointNeurons`.

    Example:
        >>> from colliculus.neurons import LIF
        >>> layer = HiddenJointLayer(["audio", "visual"], features=8, dim=8, neuron=LIF)
        >>> layer({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).shape
        torch.Size([4, 2, 8])
    """

    def _make_first(self, modalities: tuple[str, ...], features: int, neuron: NeuronFactory) -> None:
        self.hidden = ProjectionBNSpike(len(modalities) * features, 4 * self.dim, neuron)

    def drives(self, features: Mapping[str, Tensor], present: Present) -> Tensor:
        """The hidden layer: features (T, B, F) of the modalities given -> c (T, B, 4 D, 1)."""
        given = {m: h * present[m][:, None] if present else h for m, h in features.items()}
        nothing = torch.zeros_like(next(iter(given.values())))
        return self.hidden(torch.cat([given.get(m, nothing) for m in self.modalities], dim=-1)[..., None])


def coincidences(driven: Sequence[Tensor]) -> Tensor:
    """The sum over all sets of two or more tensors of their elementwise product; zero for one tensor.

    For two it is their product, an AND of binary spikes.

    Example:
        >>> a, b, c = (torch.tensor(x) for x in (2.0, 3.0, 5.0))
        >>> coincidences([a, b]), coincidences([a, b, c])  # 6, and 6 + 10 + 15 + 30
        (tensor(6.), tensor(61.))
    """
    single, found = driven[0], torch.zeros_like(driven[0])
    for place, x in enumerate(driven[1:]):
        before = single + found if place else single  # all sets so far; the first are spikes as they were sent
        found, single = found + before * x, single + x
    return found


class WithJointLayer(nn.Module):
    """A join whose joint feature is the output of a joint layer; the streams are those of another join.

    With a modality dropout, modalities are absent from samples of the training: such a sample has the joint feature
    that it would have if they were missing, and `Fused.present` says so to the head.

    Args:
        join: join that gives the streams.
        layer: the joint layer, on the same tokens.
        modality_dropout: probability that a modality is absent from a training sample; one always stays.

    Example:
        >>> from colliculus.fusion import Concat
        >>> from colliculus.neurons import LIF
        >>> layer = JointLayer(["audio", "visual"], features=8, dim=8, neuron=LIF)
        >>> join = WithJointLayer(Concat(["audio", "visual"]), layer)
        >>> fused = join({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)})
        >>> fused.joint.shape, fused.parts, [*fused.streams]
        (torch.Size([4, 2, 8]), {}, ['audio', 'visual'])
    """

    def __init__(self, join: nn.Module, layer: JointNeurons, modality_dropout: float = 0.0) -> None:
        super().__init__()
        self.join = join
        self.layer = layer
        self.modality_dropout = ModalityDropout(modality_dropout)

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused`, without shares of the joint feature."""
        fused: Fused = self.join(tokens)
        present = self.modality_dropout.kept(tokens)
        return replace(fused, joint=widened(self.layer(tokens, present)), parts={}, present=present)
