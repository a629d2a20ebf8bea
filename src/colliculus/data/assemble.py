"""The last step of loading: three splits become a dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment import Augment, ModalityKind, augmented
from colliculus.data.dataset import Dataset, RawSplit
from colliculus.data.standardise import chunks
from colliculus.types import DataSpec


def assemble(
    spec: DataSpec,
    splits: Mapping[str, RawSplit],
    protocol: str,
    contents: Mapping[str, NDArray[np.generic]],
    *,
    augment: Augment | None = None,
    kinds: Mapping[str, ModalityKind] | None = None,
    stored: Mapping[str, Any] | None = None,
) -> Dataset:
    """Put a dataset together and take its fingerprint.

    Args:
        spec: modalities and classes.
        splits: "train", "validation" and "test".
        protocol, stored: as in `Dataset`.
        contents: arrays that decide the dataset, by name.
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
        fingerprint=fingerprint(spec, contents),
        stored=stored or {},
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


def fingerprint(spec: DataSpec, parts: Mapping[str, NDArray[np.generic]]) -> str:
    """A short digest that two runs share exactly if they used the same data: the first 16 digits of a SHA-256.

    Args:
        spec: the modalities and classes.
        parts: arrays that decide the dataset (contents, labels, rows): names, types, shapes and values all count.

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
        for chunk in chunks(array):
            digest.update(np.ascontiguousarray(chunk).data)
    return digest.hexdigest()[:16]
