"""`.npy` and `.npz` files of samples, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colliculus.media.clips import Clip
from colliculus.media.layouts import TimeAxis, as_map
from colliculus.media.numpy_files import load_arrays, open_array
from colliculus.types import ColliculusError, DataSpec


def as_float32(path: Path, array: NDArray[np.generic]) -> NDArray[np.float32]:
    """Copy values to float32.

    Raises:
        ColliculusError: a value is not finite, or too large for float32.
    """
    with np.errstate(over="ignore"):  # it becomes infinite
        values = np.array(array, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ColliculusError(f"{path} holds values not finite in float32: remove NaN, infinity, values over 3.4e38")
    return values


def check_numbers(path: Path, array: NDArray[np.generic]) -> None:
    """Check that an array holds booleans, integers or real numbers.

    Raises:
        ColliculusError: it holds something else.
    """
    if array.dtype.kind not in "biuf":
        raise ColliculusError(f"{path} holds {array.dtype} values: write it with an integer or floating type")


@dataclass(frozen=True)
class ArrayReader:
    """A `ClipReader` of array files, for `colliculus predict`.

    A file `<modality>.npy` belongs to the set of samples named by its folder, `<name>.<modality>.npy` to the set
    `<name>` of that folder. An array (C, H, W), or (T, C, H, W) of a sequence, is one sample, the clip `<name>`; with a
    leading n it is n samples, the clips `<name>[0]`, `<name>[1]`, ... The test folder of a dataset can therefore be
    given whole; its labels and metadata are passed over. `<name>.npz` with one array per modality is one sample.

    A series (C, 1, W) may be (channels, samples) or (samples, channels); `time_axis` decides where both fit.

    Args:
        spec: spec of the model; channels, sizes and steps must be these.
        time_axis: axis of time of a series, as in the data.
    """

    spec: DataSpec
    time_axis: TimeAxis = "longer"

    def knows(self, path: Path) -> bool:
        """True if `path` is an array file, by its suffix."""
        return path.suffix in (".npy", ".npz")

    def group(self, files: Sequence[Path]) -> dict[str, Clip]:
        """Samples that `files` hold, by name.

        Raises:
            ColliculusError: a file is damaged, of another kind, or names no modality of the model; a shape does not
                fit; or the modalities of a set differ in their number of samples.
        """
        sets: dict[Path, dict[Path, int | None]] = {}
        for file in dict.fromkeys(files):
            for modality, array in _entries(file).items():
                if modality in self.spec.channels:
                    sets.setdefault(_set_path(file), {})[file] = self._num_samples(file, modality, array)
                elif array.ndim != 1:  # one number per sample: labels or metadata
                    raise ColliculusError(f"{file} holds {modality!r}, and the model takes {self._known}: rename it")
        if not sets:
            raise ColliculusError(f"none of the files holds a modality of the model: give {self._known}")
        names = [path.name for path in sets]
        clips: dict[str, Clip] = {}
        for path, members in sets.items():
            clips |= _rows(path.name if names.count(path.name) == 1 else str(path), members)
        return clips

    def read(self, clip: Clip) -> dict[str, NDArray[np.float32]]:
        """Arrays of one sample, (C, H, W) or (T, C, H, W), not standardised.

        Raises:
            ColliculusError: a file is damaged or holds values that are not finite in float32.
        """
        arrays: dict[str, NDArray[np.float32]] = {}
        for file in clip.files:
            for modality, array in _entries(file).items():
                if modality in self.spec.channels:
                    sample = self._as_model(modality, array if clip.row is None else array[clip.row])
                    arrays[modality] = as_float32(file, sample)
        return arrays

    def _as_model(self, modality: str, sample: NDArray[np.generic]) -> NDArray[np.generic]:
        """A sample as the model takes it: a series (A, B) of its channels and length as (C, 1, W)."""
        height, width = self.spec.sizes.get(modality, (0, 0))
        channels = self.spec.channels[modality]
        if sample.ndim != 2 or height != 1 or sorted(sample.shape) != sorted((channels, width)):
            return sample
        last = sample.shape == (channels, width) if channels != width else self.time_axis == "last"
        return as_map(sample, last=last)

    @property
    def _known(self) -> str:
        return ", ".join(f"{modality}.npy" for modality in self.spec.modalities)

    def _num_samples(self, file: Path, modality: str, array: NDArray[np.generic]) -> int | None:
        """Number of samples of an array; None for a single sample without that axis."""
        check_numbers(file, array)
        frame = self.spec.input_shape(modality, batch=1)[-3:]
        steps = (self.spec.steps[modality],) if modality in self.spec.steps else ()
        shape = (*steps, *frame)
        if self._as_model(modality, array).shape == shape:
            return None
        if file.suffix == ".npy" and array.ndim and len(array) and self._as_model(modality, array[0]).shape == shape:
            return len(array)
        raise ColliculusError(f"{file} has the shape {array.shape}: give one sample {shape}, or n samples in a .npy")


def _entries(file: Path) -> dict[str, NDArray[np.generic]]:
    """Arrays of a file by modality."""
    if file.suffix == ".npy":
        return {file.stem.rpartition(".")[2]: open_array(file)}
    if file.suffix != ".npz":
        raise ColliculusError(f"{file} has an unknown ending: use .npy or .npz files")
    return load_arrays(file)


def _set_path(file: Path) -> Path:
    """Path that names the samples of `file`: their folder, or the part of the file name before the modality."""
    path = file.absolute()
    prefix = path.stem if path.suffix == ".npz" else path.stem.rpartition(".")[0]
    return path.parent / prefix if prefix else path.parent


def _rows(name: str, members: dict[Path, int | None]) -> dict[str, Clip]:
    counts = set(members.values())
    if len(counts) > 1:
        numbers = ", ".join(f"{file}: {count or 'one sample alone'}" for file, count in members.items())
        raise ColliculusError(f"the samples of {name!r} differ in number ({numbers}): give the same ones in each file")
    files, count = tuple(members), counts.pop()
    return {name: Clip(files)} if count is None else {f"{name}[{row}]": Clip(files, row) for row in range(count)}
