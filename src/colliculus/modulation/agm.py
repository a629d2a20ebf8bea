"""AGM: adaptive gradient modulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from colliculus.labels import at_label
from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms
from colliculus.modulation.epochs import EpochRange
from colliculus.modulation.scores import mean_over_ranks, shares
from colliculus.types import Collective, ColliculusError, Output

_LEAST_PROBABILITY = 1e-8  # lower bound of a probability in the authors' program
_LARGEST_DIFFERENCE = 10.0  # upper bound of the exponent's difference in the authors' program


@dataclass(frozen=True, kw_only=True)
class AGMSettings(EpochRange):
    """Settings of AGM. The authors' program lets it act in the first 20 epochs."""

    alpha: float = 1.0
    """Strength of the modulation, alpha in the paper; 2.5 on AV-MNIST."""
    clip_norm: float | None = 1.0
    """Norm to which all gradients are scaled down where the head has one larger than this number; None leaves them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip_norm is not None and not 0 < self.clip_norm < inf:
            raise ColliculusError(f"`clip_norm` of agm is {self.clip_norm}: choose a positive number, or None")
        if not 0 < self.alpha < inf:
            raise ColliculusError(f"`alpha` of agm is {self.alpha}: choose a positive number")


def leads(costs: Mapping[str, float]) -> dict[str, float]:
    """r_m = exp(M / (M - 1) (mean c - c_m)): above 1 for a modality of lower cost than the others; 1 for a single one.

    Example:
        >>> {m: round(r, 3) for m, r in leads({"audio": 1.0, "visual": 1.5}).items()}  # exp(1.5 - 1), exp(1 - 1.5)
        {'audio': 1.649, 'visual': 0.607}
    """
    if len(costs) == 1:
        return dict.fromkeys(costs, 1.0)
    mean, factor = sum(costs.values()) / len(costs), len(costs) / (len(costs) - 1)
    return {m: exp(factor * (mean - cost)) for m, cost in costs.items()}


def adaptive_coefficients(costs: Mapping[str, float], means: Mapping[str, float], alpha: float) -> dict[str, float]:
    """k_m = exp(alpha min(tau_m - r_m, 10)), with r from the costs of this step and tau from their means so far.

    Example:
        >>> adaptive_coefficients({"audio": 1.0, "visual": 1.0}, {"audio": 0.7, "visual": 0.7}, alpha=0.5)
        {'audio': 1.0, 'visual': 1.0}
    """
    now, usual = leads(costs), leads(means)
    return {m: exp(alpha * min(usual[m] - now[m], _LARGEST_DIFFERENCE)) for m in costs}


def with_scaled_shares(output: Output, factors: Mapping[str, float]) -> Output:
    """The same logits, with the gradient through the share of modality m multiplied by `factors[m]`.

    y + sum_m (k_m - 1) (out_m - out_m), with the second out_m a constant: a summand of value 0 and gradient k_m - 1.
    """
    extra = torch.stack([(factors[m] - 1) * (x - x.detach()) for m, x in output.evidence.items()]).sum(0)
    return replace(output, logits=output.logits + extra.mean(0), step_logits=output.step_logits + extra)


class AGM(Modulator):
    """Scale the gradient through each modality's share of the logits (Li et al., ICCV 2023, arXiv 2308.07686).

    c_m is the cross-entropy of out_m, averaged over the batch, r_m = exp(M / (M - 1) (mean c - c_m)), tau_m the same
    of the means of c over all steps before, k_m = exp(alpha min(tau_m - r_m, 10)). In the first step tau is 1. The
    means also grow in epochs in which it does not act. As in the authors' program, all gradients are scaled down to the
    norm `clip_norm` where one of the weights of the head has a larger one.

    out_m is the modality's additive share of the fused logits. For a fusion that adds or concatenates independent
    streams it is the Shapley share, (F(a,v) - F(0,v) + F(a,0)) / 2 for two modalities, without further passes.

    Deviation: if streams exchange before they are joined (S-CMRL), what a stream received is part of its share. A
    fusion without additive shares is refused; the paper would run it once for every subset of modalities. After the
    last epoch in which it acts, gradients are left as they are; the authors' program goes on to multiply them by the
    coefficients of the last step in which it acted.
    """

    def __init__(self, settings: AGMSettings) -> None:
        self._settings = settings
        self._acts = False
        self._steps = 0
        self._means: dict[str, float] = {}

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether to act in this epoch."""
        self._acts = self._settings.acts_in(epoch, epochs=epochs)

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Compute the losses of an output with scaled shares, and update the mean costs."""
        if not output.evidence:
            raise ColliculusError(
                "balance agm scales each modality's share of the logits, and this fusion has none: choose a fusion "
                "that adds or concatenates, or another balance"
            )
        costs = mean_over_ranks(
            {m: _cross_entropies(logits, labels) for m, logits in shares(output).items()}, collective
        )
        factors = dict.fromkeys(costs, 1.0)
        if self._acts:
            factors = adaptive_coefficients(costs, self._means or dict.fromkeys(costs, 0.0), self._settings.alpha)
        self._means = {m: (self._means.get(m, 0.0) * self._steps + c) / (self._steps + 1) for m, c in costs.items()}
        self._steps += 1
        report = {f"coefficient_{m}": factor for m, factor in factors.items()}
        return PreparedLosses(objective(with_scaled_shares(output, factors), labels), report=report)

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Scale the gradients down where those of the head are large."""
        limit = self._settings.clip_norm
        head = [p.grad.abs().max() for p in model.head.parameters() if p.grad is not None and p.ndim >= 2]
        if limit is not None and head:
            norm = get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
            large = (
                torch.stack(head).max() > limit
            )  # decided on the device, which would have to finish for a truth here
            clip_grads_with_norm_(model.parameters(), limit, torch.where(large, norm, torch.zeros_like(norm)))
        return prepared.report

    def state(self) -> dict[str, Any]:
        """The running means and their number of steps."""
        return {"steps": self._steps, "means": dict(self._means)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the means."""
        self._steps, self._means = state["steps"], dict(state["means"])


@torch.no_grad()
def _cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """(B,) of logits (B, K)."""
    log_probabilities = torch.log_softmax(logits.double(), dim=1).clamp(min=log(_LEAST_PROBABILITY))
    return -at_label(log_probabilities, labels)
