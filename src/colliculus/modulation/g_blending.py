"""G-Blending: losses weighed by how much each head generalises and how little it overfits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from colliculus.labels import at_label
from colliculus.layers import own_logits
from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms, Validation
from colliculus.modulation.scores import TINY
from colliculus.types import UNIMODAL, Collective, ColliculusError, Output

FUSED = ""
"""Name of the head of the joint feature among those of the modalities."""


@dataclass(frozen=True, kw_only=True)
class GBlendingSettings:
    """Settings of G-Blending."""

    super_epoch: int = 10
    """Epochs after which the weights are computed anew."""

    def __post_init__(self) -> None:
        if self.super_epoch < 1:
            raise ColliculusError(f"`super_epoch` of g-blending is {self.super_epoch}: choose at least 1 epoch")


@dataclass(frozen=True)
class Losses:
    """Mean losses of a head after an epoch, in training and on the validation part."""

    train: float
    validation: float


def blending_weights(start: Mapping[str, Losses], end: Mapping[str, Losses]) -> dict[str, float] | None:
    """w_k proportional to G_k / (dO_k)^2, with mean 1, from the losses before and after a super-epoch.

    G = V(start) - V(end) is what the head gained on the validation part, 0 at least; O = V - L is its distance to the
    training loss L, and dO = O(end) - O(start) what it overfitted. None where no head gained anything.

    Example:
        >>> start = {"audio": Losses(2.0, 2.0), "visual": Losses(2.0, 2.0)}
        >>> end = {"audio": Losses(0.5, 1.0), "visual": Losses(0.5, 1.5)}  # G 1 and 0.5, dO 0.5 and 1
        >>> {m: round(w, 3) for m, w in blending_weights(start, end).items()}  # 4 : 0.5
        {'audio': 1.778, 'visual': 0.222}
    """
    raw: dict[str, float] = {}
    for name, before in start.items():
        after = end[name]
        gain = max(before.validation - after.validation, 0.0)
        overfitted = (after.validation - after.train) - (before.validation - before.train)
        raw[name] = gain / max(overfitted**2, TINY)
    total = sum(raw.values())
    return {name: value * len(raw) / total for name, value in raw.items()} if total else None


class GBlending(Modulator):
    """Weigh each head's loss by its overfitting-to-generalisation ratio (Wang et al., CVPR 2020, arXiv 1905.12681).

    After every super-epoch the weights w_k of the joint loss and of the own loss of each modality become proportional
    to G_k / (dO_k)^2, see `blending_weights`. The joint loss is the objective without the unimodal losses. In the first
    super-epoch, and as long as no head has gained anything, all weights are 1.

    Deviation: before each super-epoch the authors train a copy of the network for each modality alone, and for all, to
    measure G and dO; ours come from the heads of the training itself, in the super-epoch before. The first measure is
    that of the first epoch, not of the initial network; training losses are means over an epoch. The weights have mean
    1, not sum 1, so that weights of 1 are the plain objective.
    """

    needs_validation = True

    def __init__(self, settings: GBlendingSettings) -> None:
        self._settings = settings
        self._epochs = 0
        self._start: dict[str, Losses] = {}
        self._weights: dict[str, float] = {}
        self._sums: dict[str, float] = {}  # of the training losses of this epoch, and "samples"
        self._samples = 0.0

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Begin the sums of the training losses."""
        self._sums, self._samples = {}, 0.0

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Weigh the losses, and add up those of the heads."""
        own = own_logits(output)
        if not own:
            raise ColliculusError("balance g-blending weighs the modalities' own heads: set unimodal_loss above 0")
        self._add({FUSED: output.logits, **own}, labels, collective)
        weights = dict.fromkeys((FUSED, *own), 1.0) | self._weights
        losses = {n: weights[FUSED] * x for n, x in objective(output, labels).items() if not _is_unimodal(n)}
        for modality, loss in unimodal_losses(output, labels, objective).items():
            losses[f"{UNIMODAL}_{modality}"] = weights[modality] * loss
        return PreparedLosses(losses, report={f"weight_{name or 'fused'}": w for name, w in weights.items()})

    def end_epoch(self, validation: Validation) -> None:
        """Compute new weights at the end of a super-epoch."""
        self._epochs += 1
        if self._start and self._epochs % self._settings.super_epoch:
            return
        now = {name: Losses(total / self._samples, validation.loss[name]) for name, total in self._sums.items()}
        self._weights = (blending_weights(self._start, now) if self._start else None) or self._weights
        self._start = now

    def state(self) -> dict[str, Any]:
        """Number of epochs, the losses before this super-epoch, and the weights."""
        start = {name: [found.train, found.validation] for name, found in self._start.items()}
        return {"epochs": self._epochs, "start": start, "weights": dict(self._weights)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore them."""
        self._epochs, self._weights = state["epochs"], dict(state["weights"])
        self._start = {name: Losses(*found) for name, found in state["start"].items()}

    @torch.no_grad()
    def _add(self, logits: Mapping[str, Tensor], labels: Tensor, collective: Collective) -> None:
        sums = [-at_label(x.double().log_softmax(1), labels).sum() for x in logits.values()]
        *totals, samples = collective.sum(torch.stack([*sums, torch.full_like(sums[0], len(labels))])).tolist()
        self._samples += samples
        for name, total in zip(logits, totals, strict=True):
            self._sums[name] = self._sums.get(name, 0.0) + total


def unimodal_losses(output: Output, labels: Tensor, objective: Terms) -> dict[str, Tensor]:
    """The loss of each modality's own head: the unimodal terms of an output that has no other such head."""
    found: dict[str, Tensor] = {}
    for modality, logits in output.modality_logits.items():
        terms = objective(replace(output, modality_logits={modality: logits}), labels)
        found[modality] = torch.stack([loss for name, loss in terms.items() if _is_unimodal(name)]).sum()
    return found


def _is_unimodal(name: str) -> bool:
    return name == UNIMODAL or name.startswith(f"{UNIMODAL}_")
