"""Temporal adaptive balanced fusion loss (TAAF, arXiv 2505.14535)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.layers import FUSED
from colliculus.losses.class_weights import ClassWeights, cross_entropy, sample_weights
from colliculus.types import ColliculusError, Output, refuse_unread

Regulariser = Literal["none", "tet", "mean_ce"]


def temporal_balanced(
    step_logits: Tensor,
    weights: Tensor,
    labels: Tensor,
    label_smoothing: float = 0.0,
    class_weights: ClassWeights = (),
) -> Tensor:
    """L = - mean_b sum_t alpha(t) sum_i y_i log softmax(Z(t))_i.

    Args:
        step_logits: Z, (T, B, K).
        weights: the attention scores alpha, (T, B), summing to 1 over T.
        labels: (B,), or soft ones (B, K).
        label_smoothing: fraction of y spread evenly over all K classes.
        class_weights: a weight for each class, by which its samples count; empty: all count the same.

    Example:
        >>> weights = torch.full((3, 2), 1 / 3)
        >>> temporal_balanced(torch.zeros(3, 2, 4), weights, torch.tensor([0, 1]))  # log 4
        tensor(1.3863)
    """
    repeated = labels.expand(len(step_logits), *labels.shape).flatten(0, 1)
    entropies = functional.cross_entropy(
        step_logits.flatten(0, 1), repeated, reduction="none", label_smoothing=label_smoothing
    )
    each = (weights * entropies.view_as(weights)).sum(0)
    return (sample_weights(labels, class_weights) * each).mean() if class_weights else each.mean()


@dataclass(frozen=True, kw_only=True)
class TemporalBalanced:
    """(1 - l) L + l R of one stream, where L is the temporally weighted cross-entropy.

    R is the mean square of Z(t) - 1 for "tet" (Deng et al., ICLR 2022, arXiv 2202.11946) and the cross-entropy of the
    mean of Z(t) over time for "mean_ce"; "none" is L alone.

    Args:
        label_smoothing: label smoothing of every cross-entropy.
        regulariser: R.
        regulariser_weight: l.
        detach_weights: treat the weights of the steps as constants.
        class_weights: a weight for each class, by which its samples count in cross-entropies; empty: all count the
            same.

    Raises:
        ColliculusError: the weight of the regulariser is not between 0 and 1, or has no effect.

    Example:
        >>> logits, weights = torch.zeros(3, 2, 4), torch.full((3, 2), 1 / 3)
        >>> TemporalBalanced(regulariser="tet", regulariser_weight=0.5)(logits, weights, torch.tensor([0, 1]))
        tensor(1.1931)
    """

    label_smoothing: float = 0.0
    regulariser: Regulariser = "none"
    regulariser_weight: float = 0.05
    detach_weights: bool = False
    class_weights: ClassWeights = ()

    def __post_init__(self) -> None:
        if not 0 <= self.regulariser_weight <= 1:
            raise ColliculusError(f"`regulariser_weight` is {self.regulariser_weight}: choose a number from 0 to 1")
        if self.regulariser == "none":
            refuse_unread(self, ["regulariser_weight"], 'with `regulariser` "none"')

    def __call__(self, step_logits: Tensor, weights: Tensor, labels: Tensor) -> Tensor:
        """Scalar loss of Z (T, B, K) with weights (T, B)."""
        weights = weights.detach() if self.detach_weights else weights
        loss = temporal_balanced(step_logits, weights, labels, self.label_smoothing, self.class_weights)
        if self.regulariser == "none":
            return loss
        if self.regulariser == "tet":
            regulariser = (step_logits - 1).square().mean()
        else:
            regulariser = cross_entropy(step_logits.mean(0), labels, self.label_smoothing, self.class_weights)
        return (1 - self.regulariser_weight) * loss + self.regulariser_weight * regulariser


@dataclass(frozen=True)
class FusedTemporalBalanced:
    """L_f: the loss of the joint stream. If a model does not weigh its steps, each has the weight 1 / T."""

    loss: TemporalBalanced

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss against labels (B,)."""
        logits = output.step_logits if output.unweighted_logits is None else output.unweighted_logits
        return self.loss(logits.float(), _weights(output, FUSED, logits), labels)

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, loss=replace(self.loss, class_weights=class_weights))


@dataclass(frozen=True)
class UnimodalTemporalBalanced:
    """lambda_m L_m: the loss of each modality's own head.

    Args:
        loss: loss of a stream.
        weights: lambda by modality; a modality that is not named has 1.

    Raises:
        ColliculusError: a weight is negative or not finite.
    """

    loss: TemporalBalanced
    weights: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        if bad := [m for m, weight in self.weights.items() if not 0 <= weight < inf]:
            raise ColliculusError(f"the weight of {bad[0]}'s own loss is {self.weights[bad[0]]}: choose at least 0")

    def __call__(self, output: Output, labels: Tensor) -> dict[str, Tensor]:
        """Scalar losses against labels (B,), by modality."""
        return {
            m: self.weights.get(m, 1.0) * self.loss(logits.float(), _weights(output, m, logits), labels)
            for m, logits in output.modality_logits.items()
        }

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, loss=replace(self.loss, class_weights=class_weights))


def _weights(output: Output, stream: str, logits: Tensor) -> Tensor:
    even = torch.full(logits.shape[:2], 1 / len(logits), device=logits.device)
    return output.time_weights.get(stream, even).float()
