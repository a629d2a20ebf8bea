"""LFM: learning with the modality gap, an alignment of the modalities' predictions with a learned weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, log
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from colliculus.layers import own_logits
from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms
from colliculus.modulation.scores import shares
from colliculus.types import Collective, ColliculusError, Output

Divergence = Literal["program", "jensen-shannon"]

_RANGE = (0.05, 0.95)  # of the learned weight, in the program
_HALVED_EVERY = 20  # epochs after which the rate of the weight is halved, in the program


@dataclass(frozen=True, kw_only=True)
class LFMSettings:
    """Settings of LFM."""

    weight: float = 0.05
    """Weight of the alignment at the start, between 0.05 and 0.95; the other terms have the rest."""
    rate: float = 1e-4
    """Step size of the learned weight, halved every 20 epochs; 0 keeps the weight."""
    divergence: Divergence = "program"
    """Divergence of two predictions p and q from their mean m: (KL(m, p) + KL(m, q)) / 2, as in the program, or
    (KL(p, m) + KL(q, m)) / 2, that of Jensen and Shannon."""

    def __post_init__(self) -> None:
        if not _RANGE[0] <= self.weight <= _RANGE[1]:
            raise ColliculusError(f"`weight` of lfm is {self.weight}: choose between {_RANGE[0]} and {_RANGE[1]}")
        if not 0 <= self.rate < inf:
            raise ColliculusError(f"`rate` of lfm is {self.rate}: choose 0 or a positive number")


def divergence(logits: Tensor, others: Tensor, kind: Divergence) -> Tensor:
    """Divergence of two predictions from their mean, averaged over the batch: (B, K), (B, K) -> a scalar.

    Example:
        >>> one, other = torch.tensor([[0.0, 100.0]]), torch.tensor([[100.0, 0.0]])
        >>> divergence(one, other, "jensen-shannon")  # no overlap: log 2
        tensor(0.6931)
    """
    p, q = logits.log_softmax(1), others.log_softmax(1)
    m = torch.logaddexp(p, q) - log(2)
    pairs = ((m, p), (m, q)) if kind == "program" else ((p, m), (q, m))
    return torch.stack([(a.exp() * (a - b)).sum(1).mean() for a, b in pairs]).mean()


def alignment(logits: Mapping[str, Tensor], kind: Divergence) -> Tensor:
    """Mean divergence over all pairs of modalities, a scalar."""
    pairs = [divergence(a, b, kind) for a, b in combinations(logits.values(), 2)]
    return torch.stack(pairs).mean() if pairs else 0.0 * next(iter(logits.values())).sum()  # one modality


class LFM(Modulator):
    """Align the modalities' predictions, with a weight that is learned (Yang et al., NeurIPS 2024).

    The objective is 2 ((1 - a) task + a align): task is the method's own, align the mean over pairs of modalities of a
    divergence of softmax(out_m). out_m is the modality's share of the logits, or from its own head if it has one.

    a is learned from data that the step does not see. A gradient step of size h on 2 ((1 - a) task + a align) changes
    the loss on such data by -2 h g (g_align - g_task) for each unit of a, with g the gradient of that loss: a grows by
    `rate` g (g_align - g_task), once an epoch, within 0.05 and 0.95.

    Deviation: this is the program of BalanceBenchmark (arXiv 2502.10816), whose out_m are slices of the joint head and
    whose task is the cross-entropy of the joint logits; the paper's alignment is contrastive. In that program a changes
    by the mean over the first tensor of a product of a Hessian and a gradient, on a validation batch. Ours is
    the derivative itself, with one half of the epoch's first batch as the seen and the other as the unseen data, so
    that no validation sample trains anything.
    """

    differentiates = True

    def __init__(self, settings: LFMSettings) -> None:
        self._settings = settings
        self._weight = settings.weight
        self._rate = 0.0  # of this epoch, until it is used

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Let the weight learn in the first step of the epoch."""
        self._rate = self._settings.rate * 0.5 ** (epoch // _HALVED_EVERY)

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Compute the weighted losses with the alignment."""
        logits = own_logits(output) or shares(output)
        if not logits:
            raise ColliculusError(
                "balance lfm aligns each modality's predictions, and this fusion has no shares: set unimodal_loss "
                "above 0, which gives each modality its own head"
            )
        if self._rate:
            self._learn(model, output.logits, logits, labels, collective)
            self._rate = 0.0
        a = self._weight
        losses = {name: 2 * (1 - a) * loss for name, loss in objective(output, labels).items()}
        losses["prediction_alignment"] = 2 * a * alignment(logits, self._settings.divergence)
        return PreparedLosses(losses, report={"alignment_weight": a})

    def state(self) -> dict[str, Any]:
        """The learned weight."""
        return {"weight": self._weight}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the weight."""
        self._weight = state["weight"]

    def _learn(
        self, model: MultimodalSNN, fused: Tensor, logits: Mapping[str, Tensor], labels: Tensor, collective: Collective
    ) -> None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        half = len(labels) // 2
        seen, unseen = slice(half), slice(half, None)
        along = _gradient(alignment({m: x[seen] for m, x in logits.items()}, self._settings.divergence), parameters)
        along = along - _gradient(functional.cross_entropy(fused[seen], labels[seen]), parameters)
        ahead = _gradient(functional.cross_entropy(fused[unseen], labels[unseen]), parameters)
        # a rank with a single sample has nothing that is seen
        mine = torch.stack([ahead @ along, ahead.new_tensor(1.0)]) if half else ahead.new_zeros(2)
        total, ranks = collective.sum(mine.double()).tolist()
        step = self._rate * total / ranks if ranks else 0.0
        self._weight = min(max(self._weight + step, _RANGE[0]), _RANGE[1])


def _gradient(loss: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Gradient of `loss` in one row; zeros where nothing reaches."""
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in found])
