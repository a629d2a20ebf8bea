"""Samples put together to batches with time first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

import torch
from torch import Tensor

from colliculus.types import Batch, ColliculusError, DataSpec


def collate(samples: Sequence[tuple[Mapping[str, Any], Any]]) -> Batch:
    """Put samples together, for `DataLoader(..., collate_fn=collate)`.

    Each of at least one sample is (inputs, label): arrays or tensors (C, H, W) or (T, C, H, W) of each modality, and a
    class index or K probabilities. Inputs become (B, C, H, W) or (T, B, C, H, W), float32; labels become (B,), int64,
    or (B, K), float32.

    Raises:
        ColliculusError: samples differ in their modalities or shapes, or an input has another number of axes.

    Example:
        >>> samples = [({"audio": torch.zeros(4, 1, 8, 8), "visual": torch.zeros(3, 8, 8)}, k) for k in range(2)]
        >>> batch = collate(samples)
        >>> batch.inputs["audio"].shape, batch.inputs["visual"].shape, batch.labels.tolist()
        (torch.Size([4, 2, 1, 8, 8]), torch.Size([2, 3, 8, 8]), [0, 1])
    """
    names = tuple(samples[0][0])
    if unlike := [inputs for inputs, _ in samples if set(inputs) != set(names)]:
        raise ColliculusError(
            f"one sample has the modalities {', '.join(names)} and another {', '.join(unlike[0]) or 'none'}: give every"
            " sample the same ones, zeros where one is missing"
        )
    return Batch(
        {m: _stack(m, [inputs[m] for inputs, _ in samples]) for m in names},
        stack_labels([label for _, label in samples]),
    )


def stack_labels(given: Sequence[Any]) -> Tensor:
    """Labels of samples together: (B,), int64, or probabilities (B, K), float32.

    Raises:
        ColliculusError: a label is neither a whole number nor a row of probabilities.
    """
    labels = torch.stack([torch.as_tensor(label) for label in given])
    if labels.is_floating_point() == (labels.dim() == 1) or labels.dim() > 2:
        raise ColliculusError(
            f"labels of type {labels.dtype} and shape {tuple(labels.shape[1:])} were given: give a whole number, or K"
            " probabilities, for each sample"
        )
    return labels.float() if labels.is_floating_point() else labels.long()


def _stack(modality: str, values: Sequence[object]) -> Tensor:
    tensors = [torch.as_tensor(value) for value in values]
    shape = tuple(tensors[0].shape)
    if len(shape) not in (3, 4):
        raise ColliculusError(f"a sample of {modality} has the shape {shape}: give (C, H, W) or (T, C, H, W)")
    if unlike := [tuple(tensor.shape) for tensor in tensors if tuple(tensor.shape) != shape]:
        raise ColliculusError(f"samples of {modality} have the shapes {shape} and {unlike[0]}: give all the same shape")
    return torch.stack(tensors, dim=len(shape) - 3).float()


@overload
def time_first(batch: Tensor, spec: None = None) -> Tensor: ...
@overload
def time_first(batch: Mapping[str, Tensor], spec: DataSpec | None = None) -> dict[str, Tensor]: ...
@overload
def time_first(batch: Batch, spec: DataSpec | None = None) -> Batch: ...
def time_first(
    batch: Tensor | Mapping[str, Tensor] | Batch, spec: DataSpec | None = None
) -> Tensor | dict[str, Tensor] | Batch:
    """Move sequences that begin with the batch axis, (B, T, C, H, W), to (T, B, C, H, W); static inputs stay.

    Args:
        batch: a tensor, tensors by modality, or a `Batch`, batch first as `torch.utils.data.default_collate` makes it.
        spec: which modalities are sequences, and how long they are; without it, tensors of five axes are sequences.

    Raises:
        ColliculusError: a sequence does not have the steps of `spec` on its second axis.

    Example:
        >>> time_first(torch.zeros(8, 4, 1, 32, 32)).shape
        torch.Size([4, 8, 1, 32, 32])
        >>> {m: tuple(x.shape) for m, x in time_first({"audio": torch.zeros(8, 4, 1, 2, 2)}).items()}
        {'audio': (4, 8, 1, 2, 2)}
    """
    if isinstance(batch, Tensor):
        return batch.transpose(0, 1).contiguous() if batch.dim() == 5 else batch
    if isinstance(batch, Batch):
        return replace(batch, inputs=time_first(batch.inputs, spec))
    for modality, steps in (spec.steps if spec else {}).items():
        if modality in batch and (batch[modality].dim() != 5 or batch[modality].shape[1] != steps):
            raise ColliculusError(
                f"{modality} has the shape {tuple(batch[modality].shape)}, and a sequence of {steps} steps with the"
                f" batch first is (B, {steps}, C, H, W): leave the batch as it is if time comes first already"
            )
    return {m: time_first(x) for m, x in batch.items()}
