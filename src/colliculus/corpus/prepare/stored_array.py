"""Storage of arrays from .npy and .npz files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample, split_entry
from colliculus.media.array_files import as_float32, check_numbers
from colliculus.media.event_formats import is_event_file
from colliculus.media.kinds import Track
from colliculus.media.numpy_files import load_arrays
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class StoredArray:
    """Arrays of one shape from .npy files or entries of .npz files ("FILE.npz::ENTRY", or the only entry).

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> StoredArray(shape=(1, 8, 8)).dtype
        dtype('float32')
    """

    suffixes: ClassVar[frozenset[str]] = frozenset({".npy", ".npz"})
    track: ClassVar[Track | None] = None

    shape: tuple[int, ...]
    """Shape (C, H, W), or (T, C, H, W) for a sequence."""
    number: Literal["float32", "uint8", "int16", "uint16"] = "float32"
    """Type of the stored numbers."""

    def __post_init__(self) -> None:
        if len(self.shape) not in (3, 4) or min(self.shape) < 1:
            raise ColliculusError(f"`shape` of an array is {self.shape}: use C H W, or T C H W for a sequence")

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the stored numbers."""
        return np.dtype(self.number)

    @property
    def in_words(self) -> str:
        """See `Storage.in_words`."""
        return "each array as it is"

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:  # noqa: ARG002 - an array has no seconds
        """See `Storage.read`."""
        file, entry = split_entry(path)
        if is_event_file(file) and not (entry and file.suffix.lower() in self.suffixes):
            raise ColliculusError(f"{path} holds events and not an array: list its column with --events NAME:TxPxHxW")
        array = _load(file, entry)
        check_numbers(path, array)
        if array.shape != self.shape:
            raise ColliculusError(f"{path} has shape {array.shape} instead of {self.shape}: change it or `shape`")
        values = as_float32(path, array)
        with np.errstate(invalid="ignore"):
            stored = values.astype(self.dtype)
        if not np.array_equal(stored, values):
            raise ColliculusError(f"{path} holds numbers that {self.number} cannot represent: store it as float32")
        return stored


def _load(file: Path, entry: str) -> NDArray[np.generic]:
    def chosen(names: Sequence[str]) -> Sequence[str]:
        if names == [""]:
            return names
        if (entry or len(names) != 1) and entry not in names:
            raise ColliculusError(f"{file} holds the arrays {', '.join(names)}: choose one of them as {file}::ARRAY")
        return [entry or names[0]]

    (array,) = load_arrays(file, chosen).values()
    return array
