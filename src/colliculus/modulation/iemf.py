"""IEMF: inverse effectiveness driven multimodal fusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import tanh
from typing import Any

import torch
from torch import Tensor

from colliculus.layers import own_logits
from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms, Validation
from colliculus.modulation.epochs import EpochRange
from colliculus.modulation.ogm_ge import noise_remarks, scale_with_noise, shared_generator
from colliculus.modulation.scores import TINY, mean_score
from colliculus.types import Collective, ColliculusError, Output


@dataclass(frozen=True, kw_only=True)
class IEMFSettings(EpochRange):
    """Settings of IEMF. The authors' spiking runs let it act from epoch 60 of 100, and add the noise."""

    noise: bool = False
    """Add noise with the standard deviation of the gradient, as the authors' program does."""


def inverse_effectiveness(ratio: float) -> float:
    """c = 1 + tanh(1 - rho): the weaker the modalities are alone, the faster their fusion learns.

    Example:
        >>> inverse_effectiveness(1.0), round(inverse_effectiveness(0.5), 4)
        (1.0, 1.4621)
    """
    return 1 + tanh(1 - ratio)


class IEMF(Modulator):
    """Let the fusion learn faster while the modalities are weak alone (He et al., arXiv 2505.10176).

    rho = (mean_m s_m) / s, where s_m is the score of modality m's own head and s that of the fused one. The gradients
    of the fusion and of the head of the joint feature are multiplied by c = 1 + tanh(1 - rho). The own heads learn from
    the unimodal losses (`unimodal_loss`), which belong to the method.

    The authors' program then adds N(0, std(g)) to each of these gradients, with the std before the scaling: `noise`.
    """

    def __init__(self, settings: IEMFSettings) -> None:
        self._settings = settings
        self._acts = False
        self._noise: torch.Generator | None = None

    def remarks(self, optimizer: str) -> tuple[str, ...]:
        """Warn of noise under AdamW."""
        return noise_remarks("iemf.noise", optimizer) if self._settings.noise else ()

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether to act in this epoch, and start the noise, which is the same on every rank."""
        self._acts = self._settings.acts_in(epoch, epochs=epochs)
        self._noise = shared_generator(seed, epoch, device) if self._settings.noise else None

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Scale the gradients of the fusion."""
        logits = own_logits(output)
        if not logits:
            raise ColliculusError("balance iemf compares the modalities' own heads: set unimodal_loss above 0")
        if not self._acts:
            return {"coefficient_fusion": 1.0}
        *own, fused = mean_score(logits | {"": output.logits}, labels, collective).values()
        factor = inverse_effectiveness(sum(own) / len(own) / max(fused, TINY))
        for parameter in model.fusion_parameters():
            if parameter.grad is not None:
                scale_with_noise(parameter.grad, factor, self._noise)
        return {"coefficient_fusion": factor}


class WithIEMF(Modulator):
    """Another balance, and IEMF beside it.

    IEMF scales the gradients of the fusion and of the joint head; the other balance, which acts first, the losses or
    what it scales by itself. Each has its noise.

    Args:
        first: the other balance.
        settings: settings of IEMF.
    """

    def __init__(self, first: Modulator, settings: IEMFSettings) -> None:
        self._first = first
        self._iemf = IEMF(settings)
        self.needs_validation = first.needs_validation
        self.differentiates = first.differentiates

    def remarks(self, optimizer: str) -> tuple[str, ...]:
        """Those of both."""
        return (*self._first.remarks(optimizer), *self._iemf.remarks(optimizer))

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Begin the epoch of both; of one seed their noise would be the same numbers."""
        self._first.begin_epoch(seed=seed, epoch=epoch, epochs=epochs, device=device)
        self._iemf.begin_epoch(seed=seed + 1, epoch=epoch, epochs=epochs, device=device)

    def learning_rates(self) -> Mapping[str, float]:
        """Those of the other balance: IEMF has none."""
        return self._first.learning_rates()

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Losses of the other balance: IEMF changes none."""
        return self._first.before_backward(model, output, labels, objective, collective)

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Change the gradients by one after the other."""
        report = self._first(model, output, labels, collective, prepared)
        return report | self._iemf(model, output, labels, collective, prepared)

    def end_epoch(self, validation: Validation) -> None:
        """End the epoch of the other balance."""
        self._first.end_epoch(validation)

    def state(self) -> dict[str, Any]:
        """State of the other balance: IEMF has none."""
        return self._first.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the other balance."""
        self._first.restore(state)
