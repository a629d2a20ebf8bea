"""The last step of loading own data: three splits become a dataset."""

from __future__ import annotations

from collections.abc import Mapping

from colliculus.data.dataset import Dataset
from colliculus.data.fingerprint import fingerprint
from colliculus.data.loading import ArraySplit
from colliculus.files.checks import SPLITS
from colliculus.types import DataSpec


def assemble(spec: DataSpec, splits: Mapping[str, ArraySplit], protocol: str) -> Dataset:
    """Put a dataset together and take its fingerprint.

    Args:
        spec: modalities and classes.
        splits: "train", "validation" and "test"; those that are rows of the same arrays share the mapping of arrays.
        protocol: how the split was made, for the record.
    """
    pools = {id(splits[name].arrays): splits[name].arrays for name in SPLITS}  # shared arrays are hashed once
    contents = {f"{i} {m}": array for i, pool in enumerate(pools.values()) for m, array in pool.items()}
    labels = {f"labels of {name}": splits[name].labels for name in SPLITS}
    rows = {f"rows of {name}": splits[name].rows for name in SPLITS}
    return Dataset(
        spec=spec,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        normalisation=splits["train"].normalisation,
        protocol=protocol,
        fingerprint=fingerprint(spec, contents | labels | rows),
    )
