"""A user's own PyTorch datasets and batches as splits and datasets that training and evaluation take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from colliculus.corpus.splits import held_out, stratified_holdout
from colliculus.data.assemble import fingerprint as digest_of
from colliculus.data.assemble import spec_of
from colliculus.data.collate import collate, stack_labels
from colliculus.data.dataset import Dataset, DerivedSplit, Item, Normalisation, Split, items_of
from colliculus.data.evenly import evenly
from colliculus.types import Batch, ColliculusError, DataSpec

_LOOKED_AT = 64  # samples of each part that go into the fingerprint


def as_split(data: object, spec: DataSpec | None = None) -> Split:
    """Make a user's own data a `Split`.

    Args:
        data: a map-style dataset of (inputs, label), or an iterable of (inputs, labels) batches. Inputs are arrays or
            tensors by modality, (C, H, W) or (T, C, H, W) for each sample. Batches begin with the batch axis, as
            `torch.utils.data.default_collate` makes them, or are a `Batch`, where time comes first. A map-style dataset
            stays as it is (an attribute `labels` or `targets` spares reading it once for the labels); batches are kept
            in memory, in the order in which they come. A `Split` is returned as it is.
        spec: modalities and shapes that the samples must have; None: any.

    Raises:
        ColliculusError: there are no samples, or they are of another form or do not fit `spec`.

    Example:
        >>> samples = [({"audio": torch.full((4, 1, 8, 8), float(k))}, k % 2) for k in range(6)]
        >>> split = as_split(samples)
        >>> len(split), split.labels.tolist()
        (6, [0, 1, 0, 1, 0, 1])
        >>> split.batch(np.array([5, 0]), epoch=0).inputs["audio"].shape
        torch.Size([4, 2, 1, 8, 8])
        >>> batches = torch.utils.data.DataLoader(samples, batch_size=4)
        >>> as_split(batches)[5][0]["audio"].mean().item()
        5.0
    """
    if isinstance(data, Split):
        return data
    samples = _samples(data)
    if not len(samples):
        raise ColliculusError("the data hold no samples: give at least one")
    if spec is not None:
        _check_fits(samples[0], spec)
    return SampleSplit(samples, _labels(data, samples), spec.modalities if spec else tuple(_pair(samples[0])[0]))


def as_dataset(
    train: object,
    validation: object = None,
    test: object = None,
    *,
    class_names: Sequence[str] = (),
    validation_fraction: float = 0.1,
    test_fraction: float = 0.2,
    seed: int = 0,
    fingerprint: str = "",
) -> Dataset:
    """Make a user's own data a `Dataset`; its spec follows from the shapes of the samples.

    Inputs are used as they are: standardise them yourself. Samples (C, H, W) are static, (T, C, H, W) are sequences.

    Args:
        train: as `as_split` takes it.
        validation: the same; None: a share of each class of the training samples.
        test: the same; None: a share of each class of the training samples, taken before the validation part.
        class_names: names of all classes, in the order of their numbers; empty: the numbers that occur.
        validation_fraction: share of the training samples for the validation part, if the data have none; 0 makes
            no validation part.
        test_fraction: share that becomes the test part, where none is given.
        seed: seed of the parts that are taken from training.
        fingerprint: name of the data, for samples that are drawn anew whenever they are read; empty: a digest of all
            labels and of up to 64 samples of each part.

    Raises:
        ColliculusError: as `as_split`; or a part cannot be taken from training without losing a class.

    Example:
        >>> draw = torch.Generator().manual_seed(0)
        >>> def samples(count):
        ...     return [({"imu": torch.randn(10, 6, 1, 1, generator=draw)}, k % 3) for k in range(count)]
        >>> data = as_dataset(samples(30), test=samples(9), class_names=("walk", "run", "rest"))
        >>> data.spec.steps, data.spec.channels, len(data.train), len(data.validation), len(data.test)
        ({'imu': 10}, {'imu': 6}, 27, 3, 9)
    """
    whole = as_split(train)
    inputs, _ = whole[0]
    given = [as_split(part).labels for part in (validation, test) if part is not None]
    classes = class_names or [str(k) for k in range(max(int(labels.max()) for labels in (whole.labels, *given)) + 1)]
    spec = spec_of({m: tuple(x.shape) for m, x in inputs.items()}, classes)
    if whole.labels.max() >= spec.num_classes:
        raise ColliculusError(f"a label is {whole.labels.max()} and {spec.num_classes} classes are named: name all")
    rows, taken = np.arange(len(whole)), dict[str, Split]()
    for name, part, fraction in (("test", test, test_fraction), ("validation", validation, validation_fraction)):
        if part is not None:
            taken[name] = as_split(part, spec)
            continue
        hold_out = held_out if name == "validation" else stratified_holdout  # a test there must be
        kept, held = hold_out(whole.labels[rows], fraction=fraction, seed=seed)
        rows, taken[name] = rows[kept], SplitRows(whole, rows[held])
    drawn = [name for name, part in (("test", test), ("validation", validation)) if part is None and len(taken[name])]
    protocol = f"{' and '.join(drawn)} of each class from training, seed {seed}" if drawn else "given"
    splits = {"train": SplitRows(whole, rows) if drawn else whole, **taken}
    return Dataset(
        spec=spec,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        normalisation=Normalisation({}, {}),
        protocol=protocol if len(taken["validation"]) else f"{protocol}, no validation part",
        fingerprint=fingerprint or digest_of(spec, _contents(splits)),
    )


@dataclass(frozen=True, eq=False)
class SampleSplit(Split):
    """A split of single samples, which `collate` puts together.

    Args:
        samples: (inputs, label) by index.
        classes: (n,) class indices.
        modalities: modalities to give, in order.
    """

    samples: Any
    classes: NDArray[np.int64]
    modalities: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        return self.classes

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:  # noqa: ARG002 - the samples know no epoch
        """Samples at `indices`, time first."""
        wanted = indices.tolist()
        fetch = getattr(self.samples, "__getitems__", None)
        items = [_pair(item) for item in (fetch(wanted) if fetch else map(self.samples.__getitem__, wanted))]
        if lacking := [m for m in self.modalities for inputs, _ in items if m not in inputs]:
            raise ColliculusError(f"a sample lacks {lacking[0]}: give every sample {', '.join(self.modalities)}")
        return collate([({m: inputs[m] for m in self.modalities}, label) for inputs, label in items])


@dataclass(frozen=True, eq=False)
class SplitRows(DerivedSplit):
    """Some samples of a split.

    Args:
        split: all samples.
        rows: indices of the samples to keep, in order.
    """

    rows: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        return self.split.labels[self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:
        """Samples at `indices`."""
        return self.split.batch(self.rows[indices], epoch=epoch)


def _samples(data: object) -> Any:
    """`data` itself if it is a map-style dataset of samples, else all samples of its batches."""
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        mapped = cast("Sequence[object]", data)
        if not len(mapped) or not _is_batch(mapped[0]):
            return mapped
    if not isinstance(data, Iterable):
        raise ColliculusError(
            f"{type(data).__name__} holds no samples: give a map-style dataset, or batches, of (inputs, labels)"
        )
    return [
        sample for part in cast("Iterable[object]", data) for sample in (_items(part) if _is_batch(part) else [part])
    ]


def _is_batch(part: object) -> bool:
    """True for many samples: their labels are whole numbers (B,) or probabilities (B, K)."""
    if isinstance(part, Batch):
        return True
    labels = torch.as_tensor(_pair(part)[1])
    return labels.dim() == 2 or (labels.dim() == 1 and not labels.is_floating_point())


def _items(batch: object) -> list[Item]:
    if isinstance(batch, Batch):
        return items_of(batch)
    inputs, labels = _pair(batch)
    tensors = {m: torch.as_tensor(x) for m, x in inputs.items()}
    for m, x in tensors.items():
        if len(x) != len(labels):
            raise ColliculusError(
                f"a batch of {len(labels)} labels has the shape {tuple(x.shape)} of {m}: give the batch axis first, or"
                " a `Batch` with time first"
            )
    return [({m: x[b] for m, x in tensors.items()}, torch.as_tensor(label)) for b, label in enumerate(labels)]


def _pair(sample: object) -> tuple[dict[str, Any], Any]:
    """Inputs by modality, and the label or labels."""
    if isinstance(sample, Sequence) and len(sample) == 2 and isinstance(sample[0], dict):
        return cast("tuple[dict[str, Any], Any]", tuple(sample))
    raise ColliculusError(
        f"a sample is of the type {type(sample).__name__}: give (inputs, label), with the inputs of each modality"
        " by name in a dict"
    )


def _labels(data: object, samples: Any) -> NDArray[np.int64]:
    """(n,) class indices: an attribute of the dataset, else those of the samples, each read once."""
    for name in ("labels", "targets"):
        found = getattr(data, name, None)
        if found is not None and len(found) == len(samples) and np.asarray(found).dtype.kind in "iu":
            return np.asarray(found, dtype=np.int64)
    stacked = stack_labels([_pair(samples[i])[1] for i in range(len(samples))])
    return (stacked.argmax(dim=1) if stacked.dim() == 2 else stacked).numpy()


def _check_fits(sample: object, spec: DataSpec) -> None:
    inputs, _ = _pair(sample)
    for modality in spec.modalities:
        if modality not in inputs:
            raise ColliculusError(f"the samples hold {', '.join(inputs)} and not {modality}: add it")
        shape = tuple(torch.as_tensor(inputs[modality]).shape)
        steps = (spec.steps[modality],) if modality in spec.steps else ()
        if shape[: len(steps)] != steps or not spec.takes(modality, shape[len(steps) :]):
            expected = ", ".join([*map(str, steps), spec.frame(modality)])
            raise ColliculusError(f"a sample of {modality} has shape {shape}, and ({expected}) is needed: change it")


def _contents(splits: dict[str, Split]) -> dict[str, NDArray[np.generic]]:
    """Arrays that stand for the data in the fingerprint."""
    contents: dict[str, NDArray[np.generic]] = {f"labels of {name}": split.labels for name, split in splits.items()}
    for name, split in splits.items():
        if not len(split):
            continue
        contents |= {
            f"{name} {m}": x.numpy() for m, x in split.batch(evenly(_LOOKED_AT, len(split)), epoch=0).inputs.items()
        }
    return contents
