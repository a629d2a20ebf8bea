"""Base of methods built on spiking tokens: their common settings, and the streams up to the tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar, Literal, Self

from torch import nn

from colliculus.coding import AllFrames, CodingName, RecentFrames, coder
from colliculus.encoders import (
    SpikingPatchSplitting,
    SpikingQKFormer,
    SpikingResNet18,
    SpikingSeriesEncoder,
    fitting_depth,
)
from colliculus.fusion import Readout, weighted
from colliculus.layers import Resampling
from colliculus.losses import CrossEntropy, Objective, SpikeRate
from colliculus.model import MultimodalSNN
from colliculus.modulation import Modulator, NoModulation
from colliculus.neurons import NeuronSettings
from colliculus.types import ColliculusError, DataSpec, refuse_unread

EncoderName = Literal["auto", "deep", "medium", "shallow", "resnet18", "sew-resnet18", "qkformer"]
Encoder = SpikingPatchSplitting | SpikingSeriesEncoder | SpikingResNet18 | SpikingQKFormer
MOST_STEPS = 16
"""Most time steps that `time_steps` 0 takes; longer sequences are resampled."""
_DIVISORS: Mapping[EncoderName, int] = {"medium": 4, "shallow": 2}
"""Number that divides D, where it is not 8."""


@dataclass(frozen=True, kw_only=True)
class SpikingTransformer(ABC):
    """Settings of a method whose modalities become spiking tokens (T, B, D, N)."""

    name: ClassVar[str]

    dim: int = 256
    """D, width of a token; a multiple of 8 (4 with the medium encoder, 2 with the shallow one) and of `heads`, if there
    are any."""
    time_steps: int = 4
    """T; 0 takes a step for every frame of the longest sequence (at most 16), and one step for static data."""
    encoder: EncoderName = "deep"
    """Patch splitting, "deep" (16-pixel patches), "medium" (8) or "shallow" (4, small inputs), a spiking ResNet-18
    whose residuals add currents ("resnet18") or spikes ("sew-resnet18"), or a hierarchical "qkformer". "auto" has
    kernels over time for a series (C, 1, W), and for an image the patches that suit its size."""
    coding: CodingName = "direct"
    """From inputs to T steps: "direct" currents, "poisson" or "latency" spikes."""
    context: int = 1
    """Frames of a sequence that a step sees, as channels of one image: its own and those before it. 0 shows all frames
    in every step, and then `time_steps` 0 takes one step."""
    resampling: Resampling = "nearest"
    """Resampling in time of a sequence whose length is not T."""
    label_smoothing: float = 0.1
    """Label smoothing of the cross-entropy."""
    readout: Readout = "mean"
    """Feature of a modality for the readout: the "mean" over its tokens, or "weighted" by a learned weight for every
    step, channel and token."""
    neuron: NeuronSettings = NeuronSettings(temporal_gradient=False)
    rate_target: float | None = None
    """Binary spikes of a clip that all neurons together may send, such as 3000; more are a loss, the term "rate"."""
    rate_weight: float = SpikeRate.weight
    """Weight of the term "rate", the logarithm of spikes / `rate_target`."""

    def __post_init__(self) -> None:
        multiple = _DIVISORS.get(self.encoder, 8)
        if self.dim < 1 or self.dim % multiple:
            raise ColliculusError(f"`dim` is {self.dim}: the {self.encoder} encoder needs a multiple of {multiple}")
        if self.time_steps < 0:
            raise ColliculusError(f"`time_steps` is {self.time_steps}: choose at least 1, or 0 for the data's own")
        if self.context < 0:
            raise ColliculusError(f"`context` is {self.context}: choose at least 1 frame, or 0 for all")
        if not 0 <= self.label_smoothing < 1:
            raise ColliculusError(f"`label_smoothing` is {self.label_smoothing}: choose at least 0 and below 1")
        self._check_rate()

    def _check_rate(self) -> None:
        if self.rate_target is None:
            refuse_unread(self, ["rate_weight"], "without `rate_target`")
        elif self.neuron.kind == "relu":
            raise ColliculusError(f"`rate_target` is {self.rate_target}, but a ReLU sends no spikes: leave it at None")
        elif not (0 < self.rate_target < inf and 0 < self.rate_weight < inf):
            raise ColliculusError(
                f"`rate_target` is {self.rate_target} and `rate_weight` {self.rate_weight}: choose both above 0"
            )

    @abstractmethod
    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""

    def steps(self, spec: DataSpec) -> int:
        """T for data of that shape."""
        if self.time_steps:
            return self.time_steps
        return min(MOST_STEPS, max(spec.steps.values(), default=1)) if self.context else 1

    def one_step(self) -> Self:
        """The same method with one time step, the basis of its ANN counterpart."""
        return replace(self, time_steps=1)

    def objective(self) -> Objective:
        """Label-smoothed cross-entropy, with `rate_target` also the term of the spikes."""
        return self.with_rate(Objective({"task": CrossEntropy(self.label_smoothing)}))

    def with_rate(self, objective: Objective) -> Objective:
        """The objective with the term of the spikes, if there is a `rate_target`."""
        if self.rate_target is None:
            return objective
        return replace(objective, terms={**objective.terms, "rate": SpikeRate(self.rate_target, self.rate_weight)})

    def counted(self, model: MultimodalSNN) -> MultimodalSNN:
        """The model; with `rate_target` it counts its spikes in training."""
        if self.rate_target is not None:
            model.count_spikes()
        return model

    def modulator(self) -> Modulator:
        """A modulator that changes nothing."""
        return NoModulation()

    def needs_two(self, spec: DataSpec) -> None:
        """Refuse data of one modality."""
        if len(spec.modalities) < 2:
            raise ColliculusError(f"{self.name} exchanges between modalities and needs two: use Unimodal for one")

    def coders(self, spec: DataSpec, modalities: Iterable[str]) -> dict[str, nn.Module]:
        """The coding of each of these modalities."""
        return {m: self.coder(spec, m, self.steps(spec)) for m in modalities}

    def coder(self, spec: DataSpec, modality: str, steps: int) -> nn.Module:
        """The coding of a modality over that many steps."""
        coded = coder(self.coding, steps, self.resampling)
        if (frames := self.frames_at_once(spec, modality)) == 1:
            return coded
        return nn.Sequential(RecentFrames(frames) if self.context else AllFrames(frames, self.resampling), coded)

    def frames_at_once(self, spec: DataSpec, modality: str) -> int:
        """Frames of a modality that a step sees; a static one has one."""
        return (self.context or spec.steps[modality]) if modality in spec.steps else 1

    def pooling(
        self, spec: DataSpec, grids: Mapping[str, tuple[int, int] | None], *, maps: int = 1
    ) -> nn.ModuleDict | None:
        """The pooling of tokens on these grids by `readout`; None is the mean."""
        return None if self.readout == "mean" else weighted(self.steps(spec), self.dim, grids, maps=maps)

    def token_encoders(self, spec: DataSpec) -> dict[str, Encoder]:
        """The chosen encoder for each modality."""
        return {m: self.token_encoder(spec, m) for m in spec.modalities}

    def token_encoder(self, spec: DataSpec, modality: str) -> Encoder:
        """The chosen encoder, which splits one modality into tokens."""
        channels = spec.channels[modality] * self.frames_at_once(spec, modality)
        size = spec.sizes.get(modality)
        if self.encoder == "auto":
            height, width = spec.size(modality)
            if height == 1:
                return SpikingSeriesEncoder(channels, width, self.dim, self.neuron)
            return SpikingPatchSplitting(channels, size, self.dim, fitting_depth((height, width)), self.neuron)
        if self.encoder in ("deep", "medium", "shallow"):
            return SpikingPatchSplitting(channels, size, self.dim, self.encoder, self.neuron)
        if self.encoder == "qkformer":
            return SpikingQKFormer(channels, spec.size(modality), self.dim, self.neuron)
        residual = "spike" if self.encoder == "sew-resnet18" else "current"
        return SpikingResNet18(channels, spec.size(modality), self.dim, residual, self.neuron)
