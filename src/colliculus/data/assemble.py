"""The last step of loading: three splits become a dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample
from colliculus.data.augment import Augment, ModalityKind, augmented
from colliculus.data.dataset import Dataset, RawSplit
from colliculus.data.standardise import chunks
from colliculus.types import DataSpec


def assemble(
    spec: DataSpec,
    splits: Mapping[str, RawSplit],
    protocol: str,
    digest: str,
    *,
    augment: Augment | None = None,
    kinds: Mapping[str, ModalityKind] | None = None,
    stored: Mapping[str, Any] | None = None,
    sources: Mapping[str, str] | None = None,
    samples: Mapping[str, Sequence[Sample]] | None = None,
) -> Dataset:
    """Put a dataset together.

    Args:
        spec: modalities and classes.
        splits: "train", "validation" and "test".
        protocol, stored, sources, samples: as in `Dataset`.
        digest: `fingerprint` of the arrays that decide the dataset.
        augment, kinds: as in `augmented`; None: no augmentation.

    Raises:
        ColliculusError: `augment` is set for a kind that no modality is of.
    """
    train = splits["train"]
    return Dataset(
        spec=spec,
        train=augmented(train, augment or Augment(), kinds or {}, spec),
        validation=splits["validation"],
        test=splits["test"],
        normalisation=train.normalisation,
        protocol=protocol,
        fingerprint=digest,
        stored=stored or {},
        sources=sources or {},
        samples=samples or {},
    )


def spec_of(shapes: Mapping[str, tuple[int, ...]], classes: Sequence[str]) -> DataSpec:
    """Spec of samples (C, H, W), static, or (T, C, H, W), sequences, of each modality.

    Example:
        >>> spec_of({"audio": (4, 1, 8, 8), "visual": (3, 16, 16)}, ("cat", "dog")).steps
        {'audio': 4}
    """
    return DataSpec(
        channels={m: shape[-3] for m, shape in shapes.items()},
        sizes={m: (shape[-2], shape[-1]) for m, shape in shapes.items()},
        steps={m: shape[0] for m, shape in shapes.items() if len(shape) == 4},
        num_classes=len(classes),
        class_names=tuple(classes),
    )


Look = Callable[[str, int, NDArray[np.generic]], None]
"""Gets the name of an array, the number of its first rows that came before, and the rows that come now."""


def fingerprint(spec: DataSpec, parts: Mapping[str, NDArray[np.generic]], look: Look | None = None) -> str:
    """A short digest that two runs share exactly if they used the same data: the first 16 digits of a SHA-256.

    Args:
        spec: the modalities and classes.
        parts: arrays that decide the dataset (contents, labels, rows): names, types, shapes and values all count.
        look: called with all rows of all arrays, chunk by chunk, so that each is read once.

    Example:
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (8, 8)}, num_classes=2)
        >>> fingerprint(spec, {"labels": np.array([0, 1])}) == fingerprint(spec, {"labels": np.array([1, 0])})
        False
    """
    declared = [list(spec.channels.items()), list(spec.sizes.items()), sorted(spec.steps.items()), spec.names]
    digest = hashlib.sha256(json.dumps(declared).encode())
    for name in sorted(parts):
        array = parts[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        done = 0
        for part in chunks(array):
            chunk = np.asarray(part)
            digest.update(np.ascontiguousarray(chunk).data)
            if look is not None:
                look(name, done, chunk)
            done += len(chunk)
    return digest.hexdigest()[:16]
