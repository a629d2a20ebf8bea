"""Events as columns: text with commas or blanks, arrays of NumPy, groups of HDF5, and the .bin files of N-MNIST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.files.plain import short
from colliculus.media.event_files import hdf5_array, open_hdf5, read_cochlea, read_shd
from colliculus.media.events import Events, recorded_events
from colliculus.media.numpy_files import load_arrays
from colliculus.types import ColliculusError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps"),
    "x": ("x", "xs"),
    "y": ("y", "ys"),
    "p": ("p", "ps", "pol", "polarity", "on"),
}
_GROUPS = ("", "events", "CD/events")
_OVERFLOW_ROW, _OVERFLOW_TICKS = 240, 2**13
_MOST_TEXT = 2**28


def read_event_text(path: Path) -> Events:
    """Read lines of t, x, y and p with commas or blanks between them, below a line of names or without one.

    Whole times are microseconds; if any has a decimal point, all are seconds.

    Raises:
        ColliculusError: the file is missing or too large, or a line does not hold four numbers.
    """
    remedy = "write lines of t, x, y and p, below a line of these names or without one"
    with decoding(path, remedy):
        if path.stat().st_size > _MOST_TEXT:
            raise ColliculusError(f"{path} is a text of {path.stat().st_size:,} bytes: cut it, or store it as .npz")
        text = path.read_text(encoding="utf-8-sig")
        first = text.lstrip("# \t\r\n").partition("\n")[0].replace(",", " ").split()
        named = bool(first) and first[0].isidentifier()
        names = [name.lower() for name in first] if named else list(_NAMES)
        rows = text.replace(",", " ").splitlines()[int(named) :]
        table = np.loadtxt(rows, ndmin=2, comments="#")
        if table.shape[1] != len(names):
            raise ColliculusError(f"{path} has {table.shape[1]} columns: {remedy}")
        columns = dict(zip(names, table.T, strict=True))
        t, x, y, p = (columns[name] for name in _four(path, names))
        return recorded_events(path, t.astype(np.int64) if (t % 1 == 0).all() and "." not in rows[0] else t, x, y, p)


def read_event_arrays(path: Path) -> Events:
    """Read arrays t, x, y and p of a `.npz` file, or the fields of one structured array.

    Whole times are microseconds, floating ones seconds.

    Raises:
        ColliculusError: the file is missing or damaged, or has no such arrays.
    """
    with decoding(path):
        arrays = load_arrays(path)
        only: Any = next(iter(arrays.values())) if len(arrays) == 1 else None
        if only is not None and only.dtype.names:
            arrays = {name: only[name] for name in only.dtype.names}
        return _from_columns(path, arrays)


def read_event_hdf5(path: Path, entry: str) -> Events:
    """Read the events of an HDF5 file: arrays t, x, y and p, or a compound array, in the group `entry`.

    Without `entry`, at the top, in `events` or in `CD/events`. An entry such as "train/ann-1" of a file with
    `train_timestamps` is one of N-TIDIGITS (`read_cochlea`), and "spikes/17" of one with `spikes/units` one of the
    Spiking Heidelberg Digits (`read_shd`).

    Raises:
        ColliculusError: the file is missing or damaged, or has no such arrays; or h5py is not installed.
    """
    part = entry.partition("/")[0]
    with decoding(path), open_hdf5(path) as file:
        if entry and f"{part}_timestamps" in file:
            return read_cochlea(path, entry)
        if part == "spikes" and "spikes/units" in file:
            return read_shd(path, entry)
        for group in (entry,) if entry else _GROUPS:
            found: Any = file.get(group) if group else file
            if hasattr(found, "dtype") and found.dtype.names:
                array = hdf5_array(path, file, group)
                return _from_columns(path, {name: array[name] for name in found.dtype.names})
            keys = list(found) if hasattr(found, "keys") else []
            if are_event_columns(keys):
                prefix = f"{group}/" if group else ""
                t, x, y, p = (hdf5_array(path, file, f"{prefix}{name}") for name in _four(path, keys))
                return recorded_events(path, t, x, y, p)
        raise ColliculusError(
            f"{path} holds no arrays t, x, y and p, but {short(', '.join(file))}: name their group as {path}::GROUP"
        )


def read_event_bytes(path: Path) -> Events:
    """Read a .bin file of N-MNIST or N-Caltech101: 40 bits for each event, x, y, polarity and 23 bits of microseconds.

    A row of 240 marks an overflow of the clock. The format has no header. Source: Orchard et al., 2015,
    doi:10.3389/fnins.2015.00437, `Read_Ndataset.m`.

    Raises:
        ColliculusError: the file is missing, empty or cut.
    """
    with decoding(path):
        content = np.frombuffer(path.read_bytes(), np.uint8)
        if len(content) % 5:
            raise ColliculusError(f"{path} ends within an event of 5 bytes: copy or download it again")
        x, y, high, middle, low = content.reshape(-1, 5).T.astype(np.int64)
        t = ((high & 0x7F) << 16 | middle << 8 | low) + np.cumsum(y == _OVERFLOW_ROW) * _OVERFLOW_TICKS
        event = y != _OVERFLOW_ROW
        return recorded_events(path, t[event], x[event], y[event], high[event] >> 7)


def are_event_columns(names: Sequence[str]) -> bool:
    """True if t, x, y and p are among the names, or their longer forms.

    Example:
        >>> are_event_columns(["x", "y", "polarity", "timestamp"]), are_event_columns(["x", "y"])
        (True, False)
    """
    lower = {name.lower() for name in names}
    return all(lower & set(known) for known in _NAMES.values())


def _from_columns(path: Path, columns: Mapping[str, NDArray[Any]]) -> Events:
    t, x, y, p = (columns[name] for name in _four(path, list(columns)))
    return recorded_events(path, t, x, y, p)


def _four(path: Path, names: Sequence[str]) -> list[str]:
    """The names of t, x, y and p among others."""
    lower = {name.lower(): name for name in names}
    found = [next((lower[known] for known in aliases if known in lower), "") for aliases in _NAMES.values()]
    if not all(found):
        raise ColliculusError(
            f"{path} holds {short(', '.join(names))} and events need t, x, y and p: rename the columns, or fields, so"
        )
    return found
