"""Batches of arrays: which samples, in which order, on which rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from colliculus.data.dataset import Normalisation, RawSplit, Split
from colliculus.data.recordings import Recordings
from colliculus.data.sampling import Sampling, epoch_order
from colliculus.types import Batch, ColliculusError

ItemT = TypeVar("ItemT")


class RowArray(Protocol):
    """Rows of an array, (n, ...), in memory, memory-mapped or in several files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (n, ...)."""
        ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.generic]:
        """Copies of rows, in that order."""
        ...


ToInput = Callable[[NDArray[np.generic]], NDArray[np.generic]]
"""Conversion of stored values (B, ...) to inputs (B, C, H, W) or (B, T, C, H, W)."""


@dataclass(frozen=True, eq=False)
class ArraySplit(RawSplit):
    """Rows of arrays, in memory or memory-mapped; whole batches are read at once.

    Args:
        arrays: array of each modality, in declared order: (n, C, H, W) static or (n, T, C, H, W), any numeric type.
        targets: class index of each of `rows`.
        rows: rows of `arrays` that belong to this split, in order.
        normalisation: normalisation of the batches.
        to_input: conversion of the modalities that are stored in another form than above.
        present: rows that hold a modality, (n,), of each modality that some rows lack; the other rows get the training
            mean, which is zero.
        sounds: recordings of the samples, where their waveforms are at hand.

    Raises:
        ColliculusError: `targets` and `rows` differ in length.

    Example:
        >>> unchanged = Normalisation(mean={}, std={})
        >>> split = ArraySplit({"audio": np.zeros((5, 4, 1, 8, 8))}, np.array([1, 0]), np.array([4, 2]), unchanged)
        >>> split.batch(np.array([0, 1]), epoch=0).inputs["audio"].shape
        torch.Size([4, 2, 1, 8, 8])
    """

    arrays: Mapping[str, RowArray]
    targets: NDArray[np.int64]
    rows: NDArray[np.int64]
    normalisation: Normalisation
    to_input: Mapping[str, ToInput] = field(default_factory=dict[str, ToInput])
    present: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict[str, NDArray[np.bool_]])
    sounds: Mapping[str, Recordings] = field(default_factory=dict[str, Recordings])

    def __post_init__(self) -> None:
        if len(self.targets) != len(self.rows):
            raise ColliculusError(f"a split of {len(self.rows)} samples was given {len(self.targets)} labels")

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        return self.targets

    def values(self, indices: NDArray[np.int64], *, epoch: int) -> dict[str, NDArray[np.generic]]:  # noqa: ARG002
        """Copies of the samples at `indices` as they are stored; nothing is drawn anew, so `epoch` changes nothing."""
        rows = self.rows[indices]
        return {m: a[rows] for m, a in self.arrays.items()}

    def inputs(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """Stored values converted by `to_input`."""
        return {m: self.to_input[m](x) if m in self.to_input else x for m, x in values.items()}

    def recordings(self, *, epoch: int) -> Mapping[str, Recordings]:  # noqa: ARG002 - the same in all epochs
        """Sounds whose waveforms are at hand, by name."""
        return self.sounds

    def collate(self, inputs: Mapping[str, NDArray[np.generic]], indices: NDArray[np.int64]) -> Batch:
        """Standardised batch, time first; zeros where a sample lacks a modality."""
        present = {m: held[self.rows[indices]] for m, held in self.present.items()}
        return standard_batch(inputs, self.targets[indices], self.normalisation, present)


def standard_batch(
    values: Mapping[str, NDArray[np.generic]],
    labels: NDArray[np.int64],
    normalisation: Normalisation,
    present: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Batch:
    """Standardise raw samples and put time first: contiguous float32 tensors, (B, C, H, W) or (T, B, C, H, W).

    Args:
        values: (B, C, H, W) or (B, T, C, H, W) of each modality, any numeric type.
        labels: (B,) class indices.
        normalisation: normalisation of each channel.
        present: samples that hold a modality, (B,); the others get zeros. All hold a modality that is not named.
    """
    inputs: dict[str, torch.Tensor] = {}
    for modality, raw in values.items():
        array = normalisation(modality, raw)
        time_first = array if array.ndim == 4 else array.swapaxes(0, 1)
        ours = np.ascontiguousarray(time_first)
        if np.may_share_memory(ours, raw):  # never change the caller's data
            ours = ours.copy()
        if present and modality in present:
            ours[(..., ~present[modality], *[slice(None)] * 3)] = 0
        inputs[modality] = torch.from_numpy(ours)
    return Batch(inputs, torch.from_numpy(np.array(labels, dtype=np.int64)))


def num_batches(num_samples: int, *, batch_size: int, drop_incomplete: bool = False, world_size: int = 1) -> int:
    """Batches of one epoch, the same on every rank.

    An epoch has as few batches of near-equal size as `batch_size` allows, with at least one sample per rank in each: no
    sample is dropped and no batch is tiny. With `drop_incomplete` it has full batches only, and drops the rest.

    Args:
        num_samples: samples of the split.
        batch_size: samples of a batch over all ranks.
        drop_incomplete: drop the incomplete last batch, as published experiments do.
        world_size: number of ranks that share each batch.

    Raises:
        ColliculusError: there would be no batch, or one without a sample for every rank.

    Example:
        >>> num_batches(130, batch_size=64), num_batches(130, batch_size=64, drop_incomplete=True)
        (3, 2)
    """
    if batch_size < world_size:
        raise ColliculusError(f"`batch_size` {batch_size} is smaller than the {world_size} processes: raise it")
    if num_samples < world_size:
        raise ColliculusError(f"a split of {num_samples} samples is too small for {world_size} process(es): use fewer")
    if not drop_incomplete:
        return min(-(-num_samples // batch_size), num_samples // world_size)
    if num_samples < batch_size:
        raise ColliculusError(
            f"`drop_incomplete` leaves nothing of {num_samples} samples in batches of {batch_size}: lower `batch_size`"
        )
    return num_samples // batch_size


def epoch_batches(
    split: Split,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    shuffle: bool,
    drop_incomplete: bool = False,
    sampling: Sampling = "each",
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[Batch]:
    """Batches of one rank in one epoch, the same number on every rank; over all ranks every sample comes exactly once.

    With `sampling` "balanced", every class comes equally often instead.

    Args:
        split: the samples.
        batch_size, drop_incomplete, world_size: as in `num_batches`.
        seed: decides the order, together with `epoch`.
        epoch: number of the epoch, from 0.
        shuffle: random order instead of the split's own.
        sampling: samples of a shuffled epoch, as in `epoch_order`.
        rank: number of this process; it gets every `world_size`-th sample of each batch, starting at its own number.

    Raises:
        ColliculusError: as `num_batches`.
    """
    count = num_batches(len(split), batch_size=batch_size, drop_incomplete=drop_incomplete, world_size=world_size)
    order = epoch_order(split.labels, sampling, seed=seed, epoch=epoch) if shuffle else np.arange(len(split))
    kept = order[: count * batch_size] if drop_incomplete else order
    for indices in np.array_split(kept, count):
        yield split.batch(indices[rank::world_size], epoch=epoch)


def made_ahead(items: Iterator[ItemT]) -> Iterator[ItemT]:
    """The same items, such as batches, each made by a thread while the one before it is in use.

    Example:
        >>> split = ArraySplit({}, np.arange(4), np.arange(4), Normalisation(mean={}, std={}))
        >>> order = epoch_batches(split, batch_size=2, seed=0, epoch=0, shuffle=False)
        >>> [batch.labels.tolist() for batch in made_ahead(order)]
        [[0, 1], [2, 3]]
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as maker:
        upcoming = maker.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = maker.submit(next, items, None)
            yield item


def ready_for(device: torch.device, batch: Batch) -> Batch:
    """The batch in memory from which `Batch.to(device)` copies while the program goes on: pinned memory for CUDA."""
    if device.type != "cuda":
        return batch
    inputs = {m: x.pin_memory() for m, x in batch.inputs.items()}
    return Batch(inputs, batch.labels.pin_memory())
