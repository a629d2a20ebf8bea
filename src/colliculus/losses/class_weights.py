"""Weights of the classes: samples of rare classes count more, so that every class adds the same to a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.labels import at_label

ClassWeights = tuple[float, ...]
"""A weight for each of the K classes; empty: all samples count the same."""


@runtime_checkable
class WeighsClasses(Protocol):
    """A term of the objective whose samples may count by their class."""

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term with these weights."""
        ...


def balanced(counts: Sequence[int]) -> ClassWeights:
    """Weights N / (K n_k) of classes with n_k of N samples (King and Zeng 2001, Political Analysis 9, 137-163).

    Their mean over the samples is 1. K counts the classes that occur; a class without samples has the weight 0.

    Example:
        >>> balanced([6, 2, 0])
        (0.6666666666666666, 2.0, 0.0)
    """
    total, classes = sum(counts), sum(count > 0 for count in counts)
    return tuple(total / (classes * count) if count else 0.0 for count in counts)


def sample_weights(labels: Tensor, class_weights: ClassWeights) -> Tensor:
    """The weight of each sample, (B,) float32: of its class, or for soft labels (B, K) the mean over its classes.

    Example:
        >>> sample_weights(torch.tensor([[0.5, 0.5], [0.0, 1.0]]), (1.0, 2.0)).tolist()
        [1.5, 2.0]
    """
    weights = torch.tensor(class_weights, dtype=torch.float32).to(labels.device, non_blocking=True)
    return at_label(weights.expand(len(labels), -1), labels)


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float, class_weights: ClassWeights = ()) -> Tensor:
    """mean_b w_b CE_b of logits (B, K), a scalar; w_b is 1 without weights.

    The weights do not divide by their sum in the batch, unlike those of PyTorch: the sum over batches and ranks would
    depend on how the samples are shared out.
    """
    if not class_weights:
        return functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    each = functional.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    return (sample_weights(labels, class_weights) * each).mean()
