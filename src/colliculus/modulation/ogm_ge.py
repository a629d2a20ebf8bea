"""OGM-GE: on-the-fly gradient modulation with generalisation enhancement."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, tanh
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses
from colliculus.modulation.epochs import EpochRange
from colliculus.modulation.scores import RelativeTo, mean_score, ratios, shares_or_own_logits
from colliculus.types import Collective, ColliculusError, Output

_ROUNDING = 1e-9  # equal modalities must not differ by the last digit of a mean


@dataclass(frozen=True, kw_only=True)
class OGMGESettings(EpochRange):
    """Settings of OGM-GE. The authors let it act in the first half of 100 epochs."""

    last_epoch: int | Literal["half"] | None = "half"
    """Last epoch in which it acts; "half" is the middle of the training, and None has no end."""
    alpha: float = 0.8
    """Strength of the slowing of a modality that is ahead, alpha in the paper; 0.8 on CREMA-D."""
    enhancement: bool = True
    """Add noise with the standard deviation of the gradient (GE), in the epochs in which it acts."""
    relative_to: RelativeTo = "others"
    """Score that a modality's is compared with: the mean of the "others", or the "smallest" of all, by which
    BalanceBenchmark divides for three modalities. For two modalities they are the same."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.alpha < inf:
            raise ColliculusError(f"`alpha` of ogm-ge is {self.alpha}: choose a positive number")


def slowing(ratio: float, alpha: float) -> float:
    """k = 1 - tanh(alpha * rho) if rho > 1, else 1.

    Example:
        >>> slowing(1.0, alpha=0.8), round(slowing(2.0, alpha=0.8), 4)
        (1.0, 0.0783)
    """
    return 1 - tanh(alpha * ratio) if ratio > 1 + _ROUNDING else 1.0


def shared_generator(seed: int, epoch: int, device: torch.device) -> torch.Generator:
    """Random numbers that are the same on every rank and depend on `seed` and `epoch` only.

    Example:
        >>> draws = [torch.rand(1, generator=shared_generator(0, 3, torch.device("cpu"))).item() for _ in range(2)]
        >>> draws[0] == draws[1]
        True
    """
    state = np.random.SeedSequence([seed, epoch], spawn_key=(1,)).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0]))


def noise_remarks(name: str, optimizer: str) -> tuple[str, ...]:
    """The warning that a training needs whose balance adds noise to gradients, by the name of its setting.

    Example:
        >>> noise_remarks("enhancement", "sgd")
        ()
    """
    remark = (
        f"`{name}` of the balance adds noise as large as the gradients, of which adamw makes full-size steps: "
        "set it to False, or train.optimizer to sgd"
    )
    return (remark,) if optimizer == "adamw" else ()


@torch.no_grad()
def scale_with_noise(gradient: Tensor, factor: float, noise: torch.Generator | None) -> None:
    """gradient <- factor * gradient + N(0, std(gradient) + 1e-8), in place; without `noise` only the first summand."""
    deviation = gradient.std(correction=0) + 1e-8
    gradient.mul_(factor)
    if noise is not None:
        drawn = torch.randn(gradient.shape, generator=noise, device=gradient.device, dtype=gradient.dtype)
        gradient.add_(deviation * drawn)


class OGMGE(Modulator):
    """Slow the encoder of a modality that is ahead (Peng et al., CVPR 2022, arXiv 2203.15332).

    s_m = sum_i softmax(out_m)_i[y_i];  rho_m = s_m / mean_{m' != m} s_m';  k_m = 1 - tanh(alpha rho_m) if rho_m > 1
    else 1;  g <- k_m g + N(0, std(g) + 1e-8), with the std before the scaling, and with noise in every encoder, as in
    the authors' program. out_m is the modality's share of the fused logits, or the logits of its own head if a fusion
    has no shares.

    The weights of an encoder with two or more dimensions are modulated. The authors' program takes those of four, which
    are the same ones in its encoders of convolutions.

    Deviation: for M > 2 rho compares with the mean of the others, or by `relative_to` with the smallest score; the
    paper has two modalities. The program of BalanceBenchmark (arXiv 2502.10816) divides by the smallest for M = 3, but
    its scores there are softmax(cos(out_m))_i[y_i], summed over the samples that modality m classifies correctly. Equal
    modalities (rho = 1) are unchanged; the authors' program slows one of them. The std divides by n, not n - 1.
    """

    def __init__(self, settings: OGMGESettings) -> None:
        self._settings = settings
        self._acts = False
        self._noise: torch.Generator | None = None

    def remarks(self, optimizer: str) -> tuple[str, ...]:
        """Warn of noise under AdamW."""
        return noise_remarks("ogm_ge.enhancement", optimizer) if self._settings.enhancement else ()

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether to act in this epoch, and start the noise."""
        self._acts = self._settings.acts_in(epoch, epochs=epochs)
        self._noise = shared_generator(seed, epoch, device) if self._settings.enhancement else None

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Scale the gradients of the encoders."""
        logits = shares_or_own_logits(output, "ogm-ge")
        if not self._acts:
            return {f"coefficient_{m}": 1.0 for m in logits}
        rho = ratios(mean_score(logits, labels, collective), self._settings.relative_to)
        factors = {m: slowing(ratio, self._settings.alpha) for m, ratio in rho.items()}
        for modality, factor in factors.items():
            for parameter in model.stream_parameters(modality):
                if parameter.ndim >= 2 and parameter.grad is not None:
                    scale_with_noise(parameter.grad, factor, self._noise)
        return {f"coefficient_{m}": factor for m, factor in factors.items()}
