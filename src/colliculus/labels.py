"""Labels: hard (a class per sample) or soft (a probability per class).

Hard labels are (B,) class indices, int64. Soft labels are (B, K) probabilities, each row summing to 1, as mixing two
samples gives. A function of soft labels is the expectation of the function of hard ones, over classes drawn with these
probabilities; one-hot rows give the values of hard labels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def are_soft(labels: Tensor) -> bool:
    """True for soft labels."""
    return labels.ndim == 2


def at_label(values: Tensor, labels: Tensor) -> Tensor:
    """The value of each sample's own class.

    Args:
        values: a number for each class, (..., B, K).
        labels: (B,) or (B, K).

    Returns:
        (..., B), differentiable.

    Example:
        >>> values = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
        >>> at_label(values, torch.tensor([1, 0])), at_label(values, torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
        (tensor([2., 3.]), tensor([1.5000, 3.0000]))
    """
    if are_soft(labels):
        return (values * labels).sum(-1)
    return values.gather(-1, labels.expand(values.shape[:-1])[..., None])[..., 0]


def correctness(predictions: Tensor, labels: Tensor) -> Tensor:
    """True for each correct prediction, (B,) bool; for soft labels the probability that it is correct, (B,).

    Example:
        >>> correctness(torch.tensor([1, 1]), torch.tensor([1, 0])).tolist()
        [True, False]
        >>> correctness(torch.tensor([1]), torch.tensor([[0.75, 0.25]])).tolist()
        [0.25]
    """
    return labels.gather(1, predictions[:, None])[:, 0] if are_soft(labels) else predictions == labels


def same_class(labels: Tensor) -> Tensor:
    """True for two samples of the same class, (B, B) bool; for soft labels the probability of it, (B, B).

    The diagonal is 1: a sample has the same class as itself.

    Example:
        >>> same_class(torch.tensor([[0.5, 0.5], [0.0, 1.0]])).tolist()
        [[1.0, 0.5], [0.5, 1.0]]
    """
    if not are_soft(labels):
        return labels[:, None] == labels[None, :]
    return (labels @ labels.T).fill_diagonal_(1.0)


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """One-hot labels (B, K), or the probabilities of soft ones.

    Example:
        >>> one_hot(torch.tensor([2]), 3, torch.float32)
        tensor([[0., 0., 1.]])
    """
    if are_soft(labels):
        return labels.to(dtype)
    zeros = torch.zeros(len(labels), num_classes, dtype=dtype, device=labels.device)
    return zeros.scatter_(1, labels[:, None], 1)  # `functional.one_hot` waits for the largest label
