"""`.npy` and `.npz` files of NumPy, whose headers are checked before anything is allocated."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.types import ColliculusError

MOST_BYTES = 2**29
"""Size of the largest array that is read into memory; a larger one is opened memory-mapped, or refused."""
_REMEDY = "write it again with numpy.save or numpy.savez, as numbers"
_ZIP = b"PK"

Wanted = Callable[[Sequence[str]], Sequence[str]]
"""Names of the arrays to read, from those of a file."""


def open_array(path: Path) -> NDArray[np.generic]:
    """Open the array of a `.npy` file, memory-mapped.

    Raises:
        ColliculusError: the file is missing, empty or damaged, is an archive, or holds Python objects.
    """
    with decoding(path, _REMEDY):
        with path.open("rb") as stream:
            if stream.read(len(_ZIP)) == _ZIP:
                raise ColliculusError(f"{path} is an archive, not an array: write each array with numpy.save")
            stream.seek(0)
            _stated_bytes(path, stream)
        array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


def load_arrays(path: Path, wanted: Wanted = lambda names: names) -> dict[str, NDArray[np.generic]]:
    """Arrays of a `.npz` file by name, in memory; "" names the array of a `.npy` file.

    Args:
        path: the file; its kind is decided by its first bytes.
        wanted: gives the names to read from those that the file holds.

    Raises:
        ColliculusError: the file is missing, empty or damaged, or holds Python objects, something else than arrays, or
            more than half a gigabyte.
    """
    with decoding(path, _REMEDY):
        with path.open("rb") as stream:
            if stream.read(len(_ZIP)) != _ZIP:
                stream.seek(0)
                _check_size(path, _stated_bytes(path, stream))
                stream.seek(0)
                return {name: npy.read_array(stream, allow_pickle=False) for name in wanted([""])}
        with zipfile.ZipFile(path) as archive:
            return _members(path, archive, wanted)


def array_names(path: Path) -> list[str]:
    """Names of the arrays of a `.npz` file, or of the fields of a `.npy` file; empty for plain or damaged ones."""
    try:
        with path.open("rb") as stream:
            if stream.read(len(_ZIP)) == _ZIP:
                with zipfile.ZipFile(path) as archive:
                    return [name.removesuffix(".npy") for name in archive.namelist()]
        names = open_array(path).dtype.names
        return [] if names is None else list(names)
    except Exception:  # noqa: BLE001 - on damaged bytes zipfile and NumPy raise more kinds than they document
        return []


def _members(path: Path, archive: zipfile.ZipFile, wanted: Wanted) -> dict[str, NDArray[np.generic]]:
    infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    chosen, total = {name: infos[name] for name in wanted(list(infos))}, 0
    for info in chosen.values():
        with archive.open(info) as stream:
            total += _stated_bytes(path, stream)
    _check_size(path, total)
    found: dict[str, NDArray[np.generic]] = {}
    for name, info in chosen.items():
        with archive.open(info) as stream:
            found[name] = npy.read_array(stream, allow_pickle=False)
    return found


def _stated_bytes(path: Path, stream: IO[bytes]) -> int:
    """Size of an array by its header; elements without a size, by which NumPy would divide, are refused."""
    try:
        version = npy.read_magic(stream)
        shape, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(stream)
    except ValueError as error:
        raise ColliculusError(f"{path} holds something that is not an array ({error}): {_REMEDY}") from error
    if dtype.hasobject or not dtype.itemsize or any(length < 0 for length in shape):
        raise ColliculusError(f"{path} holds {dtype} values of shape {shape} and not numbers: {_REMEDY}")
    return math.prod(shape) * dtype.itemsize


def _check_size(path: Path, stated: int) -> None:
    if stated > MOST_BYTES:
        raise ColliculusError(
            f"{path} states {stated:,} bytes of numbers, and at most {MOST_BYTES:,} are read at once: give each sample"
            " a file of its own"
        )
