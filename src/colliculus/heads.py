"""Readouts: from the joint feature to logits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from colliculus.layers import FUSED, NeuronFactory, ProjectionBNSpike, per_modality
from colliculus.types import ColliculusError, Fused, Output


def linear(features: int, num_classes: int) -> nn.Linear:
    """A linear map to K classes; the initial weights are truncated normal (std 0.02), the initial bias is zero."""
    layer = nn.Linear(features, num_classes)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


class LinearReadout(nn.Module):
    """A linear map of the joint feature at every step; the logits are its mean over time.

    The evidence of a modality is the map of its part of the joint feature, with an equal share of the bias.

    Args:
        features: F.
        num_classes: K.

    Example:
        >>> import torch
        >>> joint = torch.randn(4, 2, 8)
        >>> LinearReadout(8, 5)(Fused(joint=joint, parts={"audio": joint})).logits.shape
        torch.Size([2, 5])
    """

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.linear = linear(features, num_classes)

    def forward(self, fused: Fused) -> Output:
        """Joint feature (T, B, F) -> logits (B, K), step logits and evidence (T, B, K)."""
        step_logits = self.linear(fused.joint)
        bias = self.linear.bias / max(len(fused.parts), 1)
        return Output(
            logits=step_logits.mean(0),
            step_logits=step_logits,
            evidence={m: functional.linear(part, self.linear.weight, bias) for m, part in fused.parts.items()},
            residual=fused.residual,
            streams=fused.streams,
        )


class ReadoutPerModality(nn.Module):
    """A linear readout of the joint feature, and one of the stream of each modality.

    Args:
        joint: readout of the joint feature.
        modalities: modalities with a head of their own.
        dim: D, features of a stream.
        num_classes: K.

    Example:
        >>> import torch
        >>> joint, streams = torch.randn(4, 2, 8), {"audio": torch.randn(4, 2, 8)}
        >>> head = ReadoutPerModality(LinearReadout(8, 5), ["audio", "visual"], dim=8, num_classes=5)
        >>> head(Fused(joint=joint, parts={}, streams=streams)).modality_logits["audio"].shape
        torch.Size([4, 2, 5])
    """

    def __init__(self, joint: LinearReadout, modalities: Iterable[str], *, dim: int, num_classes: int) -> None:
        super().__init__()
        self.joint = joint
        self.own = per_modality({m: linear(dim, num_classes) for m in modalities})

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The modality's own head."""
        return [self.own[modality]]

    def forward(self, fused: Fused) -> Output:
        """Joint feature (T, B, F) and streams (T, B, D) -> logits (B, K), and logits of each modality (T, B, K).

        Raises:
            ColliculusError: the fusion gives no streams.
        """
        if not fused.streams:
            raise ColliculusError("own heads need the `streams` of `Fused`, and the fusion gives none")
        output: Output = self.joint(fused)
        return replace(output, modality_logits={m: self.own[m](x) for m, x in fused.streams.items()})


class SumOfReadouts(nn.Module):
    """A linear readout of the stream of each modality; the logits are their sum, plus that of the joint feature.

    The readout of the joint feature has no bias, so that a silent joint feature adds nothing. An absent modality adds
    nothing either, nor does one in a sample that a modality dropout took it from. Without a readout of the joint
    feature, the evidence of a modality is its own readout.

    With scores, every readout u has logits T alpha_u(t) z_u(t) at step t, where z_u are those without scores, so that
    the mean over the steps is sum_t alpha_u(t) z_u(t) (TAAF, arXiv 2505.14535).

    Args:
        modalities: modalities with a readout.
        features: F, features of a stream.
        joint: features of the joint feature that is read out; None reads out the streams alone.
        num_classes: K.
        scores: by the name of a modality and "fused", a map from a stream (T, B, F) to the weights alpha of its steps,
            (T, B), which sum to 1 over T; a stream without one has equal weights.

    Example:
        >>> import torch
        >>> streams = {"audio": torch.randn(4, 2, 8), "visual": torch.randn(4, 2, 8)}
        >>> head = SumOfReadouts(["audio", "visual"], features=8, joint=16, num_classes=5)
        >>> output = head(Fused(joint=torch.zeros(4, 2, 16), parts={}, streams=streams))
        >>> bool(torch.allclose(output.step_logits, sum(output.modality_logits.values())))
        True
    """

    def __init__(
        self,
        modalities: Iterable[str],
        *,
        features: int,
        joint: int | None,
        num_classes: int,
        scores: Mapping[str, nn.Module] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.own = per_modality({m: linear(features, num_classes) for m in modalities})
        self.scores = per_modality(scores)
        self.joint = None if joint is None else nn.Linear(joint, num_classes, bias=False)
        if self.joint is not None:
            nn.init.trunc_normal_(self.joint.weight, std=0.02)

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The modality's own readout, and its scores."""
        return [self.own[modality], *([self.scores[modality]] if modality in self.scores else [])]

    def forward(self, fused: Fused) -> Output:
        """Streams (T, B, F) and joint feature (T, B, G) -> logits (B, K), and logits of each modality (T, B, K)."""
        own = {m: self.own[m](stream) for m, stream in fused.streams.items()}
        if fused.present:
            own = {m: logits * fused.present[m][:, None] for m, logits in own.items()}
        streams = fused.streams if self.joint is None else {**fused.streams, FUSED: fused.joint}
        weights = {u: self.scores[u](stream) for u, stream in streams.items() if u in self.scores}
        weighed = {m: _weighed(logits, weights.get(m)) for m, logits in own.items()}
        step_logits = torch.stack([*weighed.values()]).sum(0)
        if self.joint is not None:
            step_logits = step_logits + _weighed(self.joint(fused.joint), weights.get(FUSED))
        return Output(
            logits=step_logits.mean(0),
            step_logits=step_logits,
            evidence=weighed if self.joint is None else {},
            modality_logits=own,
            time_weights=weights,
            residual=fused.residual,
            streams=fused.streams,
        )


def _weighed(logits: Tensor, weights: Tensor | None) -> Tensor:
    """Logits (T, B, K) times T and the weight of their step, (T, B); as they are without weights."""
    return logits if weights is None else len(logits) * weights[..., None] * logits


class RateReadout(nn.Module):
    """Output neurons for the joint feature and for each modality: N(BN(W h)), K neurons each; the logits are rates.

    Source: MISNet (ACM TOMM 2025, 10.1145/3721981), which compares firing rates with one-hot labels.

    Args:
        modalities: modalities that have output neurons of their own; it may be empty.
        features: features of a stream.
        joint: features of the joint feature.
        num_classes: K.
        neuron: makes the neurons.

    Example:
        >>> import torch
        >>> from colliculus.neurons import LIF
        >>> head = RateReadout(["audio"], features=8, joint=16, num_classes=5, neuron=LIF)
        >>> fused = Fused(joint=torch.randn(4, 2, 16), parts={}, streams={"audio": torch.randn(4, 2, 8)})
        >>> output = head(fused)
        >>> output.logits.shape, set(output.step_logits.unique().tolist()) <= {0.0, 1.0}
        (torch.Size([2, 5]), True)
    """

    def __init__(
        self, modalities: Iterable[str], *, features: int, joint: int, num_classes: int, neuron: NeuronFactory
    ) -> None:
        super().__init__()
        self.joint = ProjectionBNSpike(joint, num_classes, neuron)
        self.own = per_modality({m: ProjectionBNSpike(features, num_classes, neuron) for m in modalities})

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The modality's own output neurons."""
        return [self.own[modality]] if modality in self.own else []

    def forward(self, fused: Fused) -> Output:
        """Joint feature (T, B, F) and streams (T, B, D) -> spikes (T, B, K) and their rates (B, K)."""
        spikes = self.joint(fused.joint[..., None])[..., 0]
        own = {m: self.own[m](x[..., None])[..., 0] for m, x in fused.streams.items() if m in self.own}
        return Output(
            logits=spikes.mean(0),
            step_logits=spikes,
            evidence={},
            modality_logits=own,
            residual=fused.residual,
            streams=fused.streams,
        )
