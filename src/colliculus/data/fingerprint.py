"""A short digest that two runs share exactly if they used the same data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from colliculus.data.chunks import chunks
from colliculus.types import DataSpec


def fingerprint(spec: DataSpec, parts: Mapping[str, NDArray[np.generic]]) -> str:
    """Digest of the arrays that decide a dataset: contents, labels, rows of the splits.

    Args:
        spec: the modalities and classes.
        parts: arrays by name; names, types, shapes and values all count.

    Returns:
        The first 16 hexadecimal digits of a SHA-256.

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
