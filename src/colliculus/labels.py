"""Labels, hard or soft: what a sample's class is, or with which probability it is each class.

Hard labels are (B,) class indices, int64. Soft ones are (B, K) probabilities, each row summing to 1: what mixing two
samples gives. Whatever is asked of soft labels is the mean of what is asked of hard ones, over classes drawn by these
probabilities; rows that are 0 and a single 1 answer as hard labels do.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def are_soft(labels: Tensor) -> bool:
    """Whether they are probabilities."""
    return labels.ndim == 2


def at_label(values: Tensor, labels: Tensor) -> Tensor:
    """What `values` say of each sample's class.

    Args:
        values: a number for each class, (..., B, K).
        labels: (B,) or (B, K).

    Returns:
        (..., B), by gradient too.

    Example:
        >>> values = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
        >>> at_label(values, torch.tensor([1, 0])), at_label(values, torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
        (tensor([2., 3.]), tensor([1.5000, 3.0000]))
    """
    if are_soft(labels):
        return (values * labels).sum(-1)
    return values.gather(-1, labels.expand(values.shape[:-1])[..., None])[..., 0]


def rightness(predictions: Tensor, labels: Tensor) -> Tensor:
    """Whether each prediction (B,) is right, (B,) bool; of soft labels the probability that it is, (B,).

    Example:
        >>> rightness(torch.tensor([1, 1]), torch.tensor([1, 0])).tolist()
        [True, False]
        >>> rightness(torch.tensor([1]), torch.tensor([[0.75, 0.25]])).tolist()
        [0.25]
    """
    return labels.gather(1, predictions[:, None])[:, 0] if are_soft(labels) else predictions == labels


def same_class(labels: Tensor) -> Tensor:
    """Whether two samples are of one class, (B, B) bool; of soft labels the probability that they are, (B, B).

    A sample is of its own class, whatever that is: the diagonal is 1.

    Example:
        >>> same_class(torch.tensor([[0.5, 0.5], [0.0, 1.0]])).tolist()
        [[1.0, 0.5], [0.5, 1.0]]
    """
    if not are_soft(labels):
        return labels[:, None] == labels[None, :]
    return (labels @ labels.T).fill_diagonal_(1.0)


def memberships(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """How much each sample belongs to each class, (B, K): zeros and a one, or the probabilities.

    Example:
        >>> memberships(torch.tensor([2]), 3, torch.float32)
        tensor([[0., 0., 1.]])
    """
    return (labels if are_soft(labels) else functional.one_hot(labels, num_classes)).to(dtype)
