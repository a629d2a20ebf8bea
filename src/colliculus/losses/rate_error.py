"""Squared error of firing rates, the loss of output neurons (MISNet, ACM TOMM 2025, 10.1145/3721981)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from colliculus.labels import one_hot
from colliculus.losses.class_weights import ClassWeights, sample_weights
from colliculus.types import Output


def rate_error(rates: Tensor, labels: Tensor, label_smoothing: float = 0.0, class_weights: ClassWeights = ()) -> Tensor:
    """mean_b mean_k (r_k - y_k)^2 of rates r against one-hot labels y.

    Soft labels give the mean over classes drawn with their probabilities, as everywhere (see `labels`); smoothing
    spreads a part of the label evenly over all classes.

    Args:
        rates: (B, K).
        labels: (B,), or soft ones (B, K).
        label_smoothing: fraction of y spread evenly over all K classes.
        class_weights: a weight for each class, by which its samples count; empty: all count the same.

    Example:
        >>> rate_error(torch.tensor([[0.5, 0.25]]), torch.tensor([0]))  # (0.25 + 0.0625) / 2
        tensor(0.1562)
    """
    classes = rates.shape[1]
    target = (1 - label_smoothing) * one_hot(labels, classes, rates.dtype) + label_smoothing / classes
    errors = (rates - target).square() + target * (1 - target)
    return (errors * sample_weights(labels, class_weights)[:, None]).mean() if class_weights else errors.mean()


@dataclass(frozen=True)
class RateError:
    """`rate_error` of the joint output, whose logits are firing rates.

    Args:
        label_smoothing: fraction of the target spread evenly over all K classes.
        class_weights: as in `rate_error`.

    Example:
        >>> rates = torch.tensor([[1.0, 0.0]])
        >>> RateError(0.0)(Output(rates, rates[None], {}), torch.tensor([1]))
        tensor(1.)
    """

    label_smoothing: float
    class_weights: ClassWeights = ()

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of rates (B, K) against labels (B,), or soft ones (B, K)."""
        return rate_error(output.logits.float(), labels, self.label_smoothing, self.class_weights)

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, class_weights=class_weights)


@dataclass(frozen=True)
class UnimodalRateError:
    """Sum over the modalities of `rate_error` of their own outputs.

    Args:
        label_smoothing: fraction of the target spread evenly over all K classes.
        weight: weight of the sum.
        class_weights: as in `rate_error`.
    """

    label_smoothing: float
    weight: float = 1.0
    class_weights: ClassWeights = ()

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of the modalities' spikes (T, B, K) against labels (B,)."""
        terms = [
            rate_error(spikes.float().mean(0), labels, self.label_smoothing, self.class_weights)
            for spikes in output.modality_logits.values()
        ]
        return self.weight * torch.stack(terms).sum()

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, class_weights=class_weights)
