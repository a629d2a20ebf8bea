"""Event files: AEDAT 2.0, as jAER writes it, and the spikes of cochleas in N-TIDIGITS and SHD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.events import Events
from colliculus.types import ColliculusError

COCHLEA_SHAPE = (8, 8)
"""Layout of the 64 channels of the cochlea: channel c is at row c // 8 and column c % 8."""

SHD_SHAPE = (25, 28)
"""Layout of the 700 channels of SHD: channel c is at row c // 28 and column c % 28, so a row holds neighbours."""

_MOST_EVENTS = 2**26  # of one recording: a file that states more is damaged, and would fill the memory
_VERSION = b"#!AER-DAT"
_LAST_LINE = "#End Of ASCII Header"  # of jAER; older files have none
_SECONDS = 1e-6  # of a tick
_SENSORS = {"DVS128": (128, 128), "DAVIS240": (180, 240), "DAVIS346": (260, 346), "DAVIS640": (480, 640)}


@dataclass(frozen=True, kw_only=True)
class _Chip:
    """Bit fields of a chip's address; `special` marks what is not an event (frames, motion, pins)."""

    special: int
    x_shift: int
    x_mask: int
    y_shift: int
    y_mask: int
    polarity_shift: int
    on: int
    flip_x: int | None = None


_DVS128 = _Chip(
    special=0xFFFF8000, x_shift=1, x_mask=0x7F, y_shift=8, y_mask=0x7F, polarity_shift=0, on=0, flip_x=127
)  # x and polarity are reversed, as jAER and the publisher's own `dat2mat.m` do
_DAVIS = _Chip(
    special=0x80000400, x_shift=12, x_mask=0x3FF, y_shift=22, y_mask=0x1FF, polarity_shift=11, on=1
)  # bit 31: a sample of a frame; bit 10: motion sensor or pin


def read_aedat(path: Path) -> Events:
    """Read the events of an AEDAT 2.0 file: a text header, then pairs of a 32-bit address and a time in microseconds.

    The address is read as a DVS128's (as in MNIST-DVS, whose header names no chip) unless the header line `# AEChip:`
    names a DAVIS. Samples of frames, of the motion sensor and of pins are no events. Times count from the first event
    and continue where the 32-bit clock wraps. Source: iniVation, "AEDAT 2.0"; columns and polarity of the DVS128 as in
    the `dat2mat.m` that is published with MNIST-DVS.

    Raises:
        ColliculusError: the file is missing, empty, cut short, a git-lfs pointer, or of another version or chip.
    """
    with decoding(path):
        content = path.read_bytes()
        header, start = _header(path, content)
        chip = _chip(path, header)
        if (len(content) - start) % 8:
            raise ColliculusError(f"{path} ends within an event: copy or download it again")
        words = np.frombuffer(content, dtype=">u4", offset=start).reshape(-1, 2)
        addresses, ticks = words[:, 0].astype(np.int64), words[:, 1]
        kept = (addresses & chip.special) == 0
        if not kept.any():
            raise ColliculusError(f"{path} holds no event: record or download it again")
        addresses, times = addresses[kept], _unwrapped(ticks[kept])
        order = np.argsort(times, kind="stable")  # older hardware stepped back now and then
        x = addresses >> chip.x_shift & chip.x_mask
        return Events(
            t_s=(times[order] - times.min()) * _SECONDS,
            x=(x if chip.flip_x is None else chip.flip_x - x)[order],
            y=(addresses >> chip.y_shift & chip.y_mask)[order],
            polarity=((addresses >> chip.polarity_shift & 1) == chip.on).astype(np.int64)[order],
            sensor=sensor_of(" ".join(header)) if chip is _DAVIS else _SENSORS["DVS128"],
        )


def _header(path: Path, content: bytes) -> tuple[list[str], int]:
    """Lines of the header, and the position of the first event."""
    if not content.startswith(_VERSION):
        raise ColliculusError(f"{path} does not begin with {_VERSION.decode()}2.0: give an AEDAT 2.0 file")
    lines: list[str] = []
    start = 0
    while content[start : start + 1] == b"#" and _LAST_LINE not in lines:
        end = content.find(b"\n", start)
        line = content[start : None if end < 0 else end].decode("latin-1").rstrip("\r")
        if lines and not (line.isascii() and line.replace("\t", " ").isprintable()):  # an event that begins with "#"
            break
        if end < 0:
            raise ColliculusError(f"{path} ends within its header: copy or download it again")
        lines.append(line.strip())
        start = end + 1
    if not lines[0].startswith("#!AER-DAT2."):
        raise ColliculusError(f"{path} is of the version {lines[0][2:]!r}: give an AEDAT 2.0 file")
    return lines, start


def _chip(path: Path, header: list[str]) -> _Chip:
    names = [line.partition(":")[2].strip() for line in header if line.lstrip("# ").startswith("AEChip")]
    if not names or "dvs128" in names[0].lower():
        return _DVS128
    if "davis" in names[0].lower():
        return _DAVIS
    raise ColliculusError(f"{path} was recorded by {names[0]!r}: give a recording of a DVS128 or a DAVIS")


def sensor_of(text: str) -> tuple[int, int] | None:
    """Rows and columns of the sensor of iniVation that a text names; None if it names none that is known.

    Example:
        >>> sensor_of("AEChip: eu.seebetter.ini.chips.davis.DAVIS240C")
        (180, 240)
    """
    return next((size for name, size in _SENSORS.items() if name in text.upper()), None)


def _unwrapped(ticks: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Times that continue where the 32-bit clock wraps; each step is taken in the shorter direction."""
    steps = np.diff(ticks.astype(np.int64))
    shortest = (steps + 2**31) % 2**32 - 2**31
    return np.concatenate([ticks[:1].astype(np.int64), ticks[0] + np.cumsum(shortest)])


def read_cochlea(path: Path, entry: str) -> Events:
    """Read the spikes of one recording of N-TIDIGITS: `entry` is its part and label, such as "train/man-ae-a-1".

    Channel c is at x = c % 8, y = c // 8 (`COCHLEA_SHAPE`), and there is no polarity. Times count from the start of the
    recording.

    Raises:
        ColliculusError: the file is missing, damaged, a git-lfs pointer, or does not hold this entry; or h5py is not
            installed.
    """
    part, _, label = entry.partition("/")
    with decoding(path), open_hdf5(path) as file:
        times = hdf5_array(path, file, f"{part}_timestamps/{label}").astype(np.float64)
        channels = hdf5_array(path, file, f"{part}_addresses/{label}").astype(np.int64)
        whole = times.shape == channels.shape == (len(times),) and np.isfinite(times).all()
        if not whole or not len(times) or times.min() < 0 or channels.min() < 0 or channels.max() >= 64:
            raise ColliculusError(f"{path}: {entry!r} is not a list of times and channels 0 to 63: download it again")
    return _spikes(times, channels, COCHLEA_SHAPE)


def read_shd(path: Path, entry: str) -> Events:
    """Read the spikes of one recording of the Spiking Heidelberg Digits: `entry` is its row, such as "spikes/17".

    Channel c is at x = c % 28, y = c // 28 (`SHD_SHAPE`), and there is no polarity. Times count from the start of the
    recording. Source: Cramer et al., 2020, doi:10.1109/TNNLS.2020.3044364.

    Raises:
        ColliculusError: the file is missing, damaged, a git-lfs pointer, or does not hold this row; or h5py is not
            installed.
    """
    row = entry.removeprefix("spikes/")
    with decoding(path), open_hdf5(path) as file:
        columns = [_hdf5_dataset(path, file, f"spikes/{name}") for name in ("times", "units")]
        if not row.isdecimal() or int(row) >= min(map(len, columns)):
            raise ColliculusError(f"{path} holds no recording {entry!r}: choose spikes/0 to {len(columns[0]) - 1}")
        times, channels = (np.asarray(column[int(row)]) for column in columns)
        whole = times.ndim == 1 and times.shape == channels.shape and times.dtype.kind == "f"
        if not whole or not len(times) or channels.dtype.kind not in "iu" or not np.isfinite(times).all():
            raise ColliculusError(f"{path}: {entry!r} is not a list of times and channels: download it again")
        if times.min() < 0 or channels.min() < 0 or channels.max() >= np.prod(SHD_SHAPE):
            raise ColliculusError(f"{path}: {entry!r} has a time below 0 or no channel 0 to 699: download it again")
    return _spikes(times.astype(np.float64), channels.astype(np.int64), SHD_SHAPE)


def _spikes(times: NDArray[np.float64], channels: NDArray[np.int64], shape: tuple[int, int]) -> Events:
    """Spikes of the channels of a cochlea, which are arranged in rows of `shape`."""
    order = np.argsort(times, kind="stable")
    row, column = np.divmod(channels[order], shape[1])
    return Events(t_s=times[order], x=column, y=row, polarity=np.zeros_like(row), sensor=shape)


def open_hdf5(path: Path) -> Any:
    """Open a file with h5py for reading; use it in a `with`.

    Raises:
        ColliculusError: h5py is not installed.
    """
    try:
        import h5py  # an extra
    except ImportError as error:
        raise ColliculusError(f"{path} needs h5py: pip install 'colliculus[events]'") from error
    return h5py.File(path, "r")


def hdf5_array(path: Path, file: Mapping[str, Any], name: str) -> NDArray[Any]:
    """Read the array `name` of an open HDF5 file, after a check that it lies in this file and fits into memory.

    Raises:
        ColliculusError: there is no such array, it is too large, or it points into another file.
    """
    dataset = _hdf5_dataset(path, file, name)
    if dataset.size > _MOST_EVENTS:
        raise ColliculusError(f"{path}: {name!r} states {dataset.size} values: copy or download it again")
    return np.asarray(dataset[()])


def _hdf5_dataset(path: Path, file: Mapping[str, Any], name: str) -> Any:
    """The array `name` of an open HDF5 file, not read yet, after a check that it lies in this file."""
    import h5py

    group: Any = file
    for key in name.split("/"):
        link = group.get(key, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise ColliculusError(f"{path} holds no {name!r}: give the published file, or download it again")
        if not isinstance(link, h5py.HardLink):
            raise ColliculusError(f"{path}: {name!r} is a link to elsewhere: download the published file")
        group = group[key]
    if not isinstance(group, h5py.Dataset) or group.external or group.is_virtual or group.size is None:
        raise ColliculusError(f"{path}: {name!r} is not an array of its own: download the published file")
    return group
