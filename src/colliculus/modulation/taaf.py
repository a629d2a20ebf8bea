"""Balance from the temporal attention scores (TAAF, arXiv 2505.14535)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from statistics import fmean
from typing import Literal

import torch
from torch import Tensor

from colliculus.labels import at_label
from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms
from colliculus.modulation.epochs import EpochRange
from colliculus.modulation.ogm_ge import noise_remarks, scale_with_noise, shared_generator, slowing
from colliculus.modulation.scores import TINY, mean_over_ranks, ratios
from colliculus.types import UNIMODAL, Collective, ColliculusError, Output, refuse_unread

ScoreBalanceName = Literal["gradient", "loss", "inverse", "step"]


@dataclass(frozen=True, kw_only=True)
class ScoreBalance(EpochRange):
    """Settings of the balance of TAAF, from its attention scores."""

    kind: ScoreBalanceName = "gradient"
    """Target of the scaling for a modality that is ahead: its encoder's "gradient", its own "loss", or each "step" of
    the gradient of its stream. "inverse" weighs the own loss of every modality by the inverse of its score."""
    beta: float = 0.3
    """Strength of the slowing of a modality that is ahead (not with "inverse"); tried: 0.1, 0.3, 0.8."""
    enhancement: bool = False
    """Add noise with the standard deviation of the gradient, as OGM-GE does ("gradient")."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.beta < inf:
            raise ColliculusError(f"`beta` of the balance is {self.beta}: choose a positive number")
        if self.enhancement and self.kind != "gradient":
            raise ColliculusError("`enhancement` of the balance adds noise to gradients: choose kind gradient")
        if self.kind == "inverse":
            refuse_unread(self, ["beta"], 'with kind "inverse" of the balance by scores')

    def modulator(self) -> Modulator:
        """A fresh modulator of that kind."""
        kinds: dict[ScoreBalanceName, type[_ByScore]] = {
            "gradient": GradientByScore,
            "loss": LossByScore,
            "inverse": LossByInverseScore,
            "step": StepByScore,
        }
        return kinds[self.kind](self)


@torch.no_grad()
def step_scores(output: Output, labels: Tensor) -> dict[str, Tensor]:
    """alpha_m(t) softmax(Z_m(t))[y] of every sample, (T, B), by modality.

    Example:
        >>> logits, alpha = torch.zeros(2, 1, 4), torch.tensor([[0.25], [0.75]])
        >>> output = Output(logits[0], logits, {}, modality_logits={"a": logits}, time_weights={"a": alpha})
        >>> step_scores(output, torch.tensor([0]))["a"].flatten().tolist()
        [0.0625, 0.1875]
    """
    right = {m: at_label(z.double().softmax(-1), labels) for m, z in output.modality_logits.items()}
    return {m: output.time_weights[m].double() * p for m, p in right.items()}


class _ByScore(Modulator, ABC):
    """Base of the kinds: when they act, and the mean score of every modality.

    s_m = sum_b sum_t alpha_m(t) softmax(Z_m(t))[y_b];  rho_m = s_m / mean_{m' != m} s_m'.
    """

    def __init__(self, settings: ScoreBalance) -> None:
        self.settings = settings
        self.acts = False

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether to act in this epoch."""
        self.acts = self.settings.acts_in(epoch, epochs=epochs)

    def scores(self, output: Output, labels: Tensor, collective: Collective) -> dict[str, float]:
        """Mean of s_m over the samples of all ranks."""
        return mean_over_ranks({m: s.sum(0) for m, s in step_scores(output, labels).items()}, collective)


class GradientByScore(_ByScore):
    """Gradients of encoder m times k_m = 1 - tanh(beta rho_m) if rho_m > 1 else 1, after OGM-GE (CVPR 2022).

    All parameters of a modality's encoder are scaled; the optional noise N(0, std(g) + 1e-8) is added to those of two
    or more dimensions, in every encoder, as in `OGMGE`.
    """

    def __init__(self, settings: ScoreBalance) -> None:
        super().__init__(settings)
        self._noise: torch.Generator | None = None

    def remarks(self, optimizer: str) -> tuple[str, ...]:
        """Warn of noise under AdamW."""
        return noise_remarks("scores.enhancement", optimizer) if self.settings.enhancement else ()

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether to act in this epoch, and start the noise, which is the same on every rank."""
        super().begin_epoch(seed=seed, epoch=epoch, epochs=epochs, device=device)
        self._noise = shared_generator(seed, epoch, device) if self.settings.enhancement else None

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Scale the gradients of the encoders."""
        factors = dict.fromkeys(output.modality_logits, 1.0)
        if self.acts:
            rho = ratios(self.scores(output, labels, collective))
            factors = {m: slowing(ratio, self.settings.beta) for m, ratio in rho.items()}
            for modality, factor in factors.items():
                for parameter in model.stream_parameters(modality):
                    if parameter.grad is not None:
                        scale_with_noise(parameter.grad, factor, self._noise if parameter.ndim >= 2 else None)
        return _named(factors)


class _OfLosses(_ByScore):
    """Base of the kinds that weigh the own losses of the modalities by constants."""

    @abstractmethod
    def weights(self, scores: Mapping[str, float]) -> dict[str, float]:
        """The weight of each modality's own loss, from its score."""

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Compute the losses, with weights on those of the modalities' own logits."""
        losses = objective(output, labels)
        factors = dict.fromkeys(output.modality_logits, 1.0)
        if self.acts:
            factors = self.weights(self.scores(output, labels, collective))
            losses |= {f"{UNIMODAL}_{m}": w * losses[f"{UNIMODAL}_{m}"] for m, w in factors.items()}
        return PreparedLosses(losses, report=_named(factors))


class LossByScore(_OfLosses):
    """The own loss of modality m times k_m = 1 - tanh(beta rho_m) if rho_m > 1 else 1: an online loss adjustment.

    Source: our reading of the same group's BM-SNNs (2024), whose modulation acts on unimodal losses without additional
    classifiers (`heads` "shared").
    """

    def weights(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Below 1 for a modality that is ahead."""
        return {m: slowing(ratio, self.settings.beta) for m, ratio in ratios(scores).items()}


class LossByInverseScore(_OfLosses):
    """The own loss of modality m times a constant w_m, proportional to 1 / s_m, with mean 1 over the modalities."""

    def weights(self, scores: Mapping[str, float]) -> dict[str, float]:
        """See `inverse`."""
        return inverse(scores)


class StepByScore(_ByScore):
    """The gradient of step t of stream m times k_m(t), from the scores of that step; nothing else changes.

    k_m(t) comes from s_m(t) = sum_b alpha_m(t) softmax(Z_m(t))[y_b] as k_m from s_m. It needs the labels, which the
    forward pass does not have: therefore a hook on the output's streams h'_m, registered between forward and backward
    pass, multiplies their gradient. It scales the gradient of the modality's alignment and encoder, and ends with the
    graph of this step.
    """

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Compute the losses and register gradient hooks on the streams."""
        factors = {m: [1.0] * len(z) for m, z in output.modality_logits.items()}
        if self.acts:
            factors = self._factors(step_scores(output, labels), collective)
            for modality, factor in factors.items():
                scale_backward(output.streams[modality], torch.tensor(factor))
        report = _named({m: fmean(factor) for m, factor in factors.items()})
        return PreparedLosses(objective(output, labels), report=report)

    def _factors(self, scores: Mapping[str, Tensor], collective: Collective) -> dict[str, list[float]]:
        """k_m(t) of each step, by modality."""
        names = [*scores]
        steps = range(len(scores[names[0]]))
        means = mean_over_ranks({f"{m}.{t}": scores[m][t] for t in steps for m in names}, collective)
        rho = [ratios({m: means[f"{m}.{t}"] for m in names}) for t in steps]
        return {m: [slowing(each[m], self.settings.beta) for each in rho] for m in names}


def scale_backward(stream: Tensor, factors: Tensor) -> None:
    """Multiply the gradient of `stream` (T, B, D) by `factors` (T,) in the backward pass.

    Example:
        >>> x = torch.ones(2, 1, 1, requires_grad=True)
        >>> stream = 3 * x
        >>> scale_backward(stream, torch.tensor([1.0, 0.5]))
        >>> stream.sum().backward()
        >>> x.grad.flatten()
        tensor([3.0000, 1.5000])
    """
    if stream.requires_grad:
        stream.register_hook(factors.to(stream)[:, None, None].mul)


def inverse(scores: Mapping[str, float]) -> dict[str, float]:
    """Weights proportional to 1 / s_m whose mean is 1.

    Example:
        >>> inverse({"audio": 0.75, "visual": 0.25})
        {'audio': 0.5, 'visual': 1.5}
    """
    reciprocals = {m: 1 / max(s, TINY) for m, s in scores.items()}
    mean = sum(reciprocals.values()) / len(reciprocals)
    return {m: r / mean for m, r in reciprocals.items()}


def _named(factors: Mapping[str, float]) -> dict[str, float]:
    return {f"coefficient_{m}": factor for m, factor in factors.items()}
