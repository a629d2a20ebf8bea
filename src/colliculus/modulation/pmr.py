"""PMR: prototypical modal rebalance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.labels import are_soft, at_label, one_hot
from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms, Validation
from colliculus.modulation.epochs import EpochRange
from colliculus.modulation.scores import mean_score, ratios
from colliculus.types import Collective, ColliculusError, Output

Weights = Literal["program", "paper"]

_ROUNDING = 1e-9  # equal modalities must not differ by the last digit of a mean


@dataclass(frozen=True, kw_only=True)
class PMRSettings(EpochRange):
    """Settings of PMR. The authors' program lets the loss act in the first 101 of 150 epochs."""

    alpha: float = 1.0
    """Weight of the prototype loss, alpha in the paper."""
    weights: Weights = "program"
    """Weight of a slower modality's loss: alpha, as in the authors' "program", or alpha clip(1 / rho - 1, 0, 1), as in
    the "paper"."""
    momentum: float = 0.2
    """Fraction of the old prototype that is kept at the end of an epoch: 0.2 in the program, 0.5 in the paper."""
    temperature: float = 1.0
    """Divisor of the distances to the prototypes. Firing rates lie close together: where the logged score of a modality
    stays at 1 / K from the second epoch on, choose a smaller one, such as 0.1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.temperature < inf:
            raise ColliculusError(f"`temperature` of pmr is {self.temperature}: choose a positive number")
        if not 0 < self.alpha < inf:
            raise ColliculusError(f"`alpha` of pmr is {self.alpha}: choose a positive number")
        if not 0 <= self.momentum < 1:
            raise ColliculusError(f"`momentum` of pmr is {self.momentum}: choose at least 0 and below 1")


def prototype_logits(features: Tensor, prototypes: Tensor) -> Tensor:
    """-||z_b - p_k||: features (B, D), prototypes (K, D) -> (B, K).

    Example:
        >>> prototype_logits(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        tensor([[-5., -0.]])
    """
    return -torch.linalg.vector_norm(features[:, None] - prototypes, dim=-1)


def class_sums(features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Sum of the features (B, D) of each class, and their number in the last column: (K, D + 1).

    Example:
        >>> class_sums(torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([0, 0, 1]), 3).tolist()
        [[3.0, 2.0], [5.0, 1.0], [0.0, 0.0]]
    """
    member = one_hot(labels, num_classes, features.dtype)  # a product adds up in the same order each time
    return member.T @ torch.cat([features, torch.ones_like(features[:, :1])], dim=1)


def catching_up(ratio: float, weights: Weights) -> float:
    """Weight of a modality's prototype loss, from its ratio rho.

    "program": 1 if rho < 1, else 0. "paper": clip(1 / rho - 1, 0, 1).

    Example:
        >>> [catching_up(ratio, "program") for ratio in (2.0, 1.0, 0.8, 0.1)]
        [0.0, 0.0, 1.0, 1.0]
        >>> [catching_up(ratio, "paper") for ratio in (2.0, 1.0, 0.8, 0.1)]
        [0.0, 0.0, 0.25, 1.0]
    """
    if weights == "program":
        return float(ratio < 1 - _ROUNDING)
    return min(max(1 / ratio - 1, 0.0), 1.0) if ratio > 0 else 1.0


class PMR(Modulator):
    """Pull the features of slower modalities to the prototypes of their classes (Fan et al., arXiv 2211.07089).

    p_k is the mean feature of class k;  d_m = -||z_m - p|| / temperature;  s_m = sum_i softmax(d_m)_i[y_i];
    rho_m = s_m / mean_{m' != m} s_m'; the term added to the objective is alpha sum_m w_m CE(d_m, y), with w_m = 1 for a
    slower modality (rho_m < 1) and 0 for a faster one, or clip(1 / rho_m - 1, 0, 1) by the paper. For two modalities
    1 / rho of the slower one is rho of the faster one. z_m is the modality's stream before the streams are joined,
    averaged over time.

    Scores are logged in every epoch, acting or not; the first has no prototypes, and logs 0.

    At the end of an epoch, p <- momentum p + (1 - momentum) (mean over the epoch's training samples). A class without
    samples in the epoch keeps its prototype; a class without a prototype is left out.

    Deviation: for the prototypes the authors run the network once more over a tenth of the data, in evaluation mode and
    before the first epoch too. Ours come from the training passes, so that the first epoch has no prototype loss. The
    temperature is ours. The entropy regularisation of the faster modality, in the paper alone, is left out.
    """

    def __init__(self, settings: PMRSettings) -> None:
        self._settings = settings
        self._acts = False
        self._prototypes: dict[str, Tensor] = {}  # (K, D) by modality; NaN in the row of a class without one
        self._sums: dict[str, Tensor] = {}  # `class_sums` of the epoch so far

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether the loss acts in this epoch; prototypes are gathered in every one."""
        self._acts = self._settings.acts_in(epoch, epochs=epochs)

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Add the prototype loss, and sum the features of each class."""
        if not output.streams:
            raise ColliculusError(
                "balance pmr needs each modality's own feature, and this fusion has none: choose another balance"
            )
        features = {m: x.mean(0) for m, x in output.streams.items()}
        self._gather(features, labels, model.spec.num_classes, collective)
        weights = scores = dict.fromkeys(features, 0.0)
        loss = output.logits.new_zeros(())
        if self._prototypes:
            known = {m: _known_logits(z, self._prototypes[m].to(z.device)) for m, z in features.items()}
            logits = {m: x / self._settings.temperature for m, x in known.items()}
            scores = mean_score(logits, labels, collective)
            if self._acts:
                weights = {m: catching_up(rho, self._settings.weights) for m, rho in ratios(scores).items()}
                terms = [weight * _cross_entropy(logits[m], labels) for m, weight in weights.items()]
                loss = self._settings.alpha * torch.stack(terms).sum()
        report = {"temperature": self._settings.temperature}
        report |= {f"weight_{m}": weight for m, weight in weights.items()}
        report |= {f"score_{m}": score for m, score in scores.items()}
        return PreparedLosses({**objective(output, labels), "prototypes": loss}, report=report)

    def end_epoch(self, validation: Validation) -> None:
        """Move the prototypes towards the means of the epoch."""
        for modality, sums in self._sums.items():
            mean = sums[:, :-1] / sums[:, -1:]  # NaN for a class without a sample
            old = self._prototypes.get(modality, mean).to(mean.device)
            old = torch.where(old.isnan(), mean, old)
            moved = self._settings.momentum * old + (1 - self._settings.momentum) * mean
            self._prototypes[modality] = torch.where(mean.isnan(), old, moved)
        self._sums = {}

    def state(self) -> dict[str, Any]:
        """The prototypes."""
        return {"prototypes": dict(self._prototypes)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the prototypes."""
        self._prototypes = dict(state["prototypes"])

    @torch.no_grad()
    def _gather(self, features: Mapping[str, Tensor], labels: Tensor, num_classes: int, collective: Collective) -> None:
        for modality, z in features.items():
            sums = collective.sum(class_sums(z, labels, num_classes))
            self._sums[modality] = self._sums[modality] + sums if modality in self._sums else sums


def _known_logits(features: Tensor, prototypes: Tensor) -> Tensor:
    """(B, K); -inf for a class without a prototype."""
    unknown = prototypes.isnan().any(dim=1)
    return prototype_logits(features, prototypes.nan_to_num()).masked_fill(unknown, -torch.inf)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch; a sample whose class has no prototype adds 0, as does such a part of a soft label."""
    if are_soft(labels):
        known = logits.isfinite()
        return -at_label(logits.log_softmax(dim=1).where(known, 0), labels).sum() / len(labels)
    known = logits.gather(1, labels[:, None])[:, 0].isfinite()
    targets = torch.where(known, labels, -100)
    return functional.cross_entropy(logits, targets, ignore_index=-100, reduction="sum") / len(labels)
