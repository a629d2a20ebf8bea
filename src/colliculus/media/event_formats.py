"""Any event file: its format is decided by its first bytes, and by its ending only where it has no header."""

from __future__ import annotations

from pathlib import Path

from colliculus.files.checks import check_file
from colliculus.media.aedat_packets import read_aedat3, read_aedat4
from colliculus.media.event_files import read_aedat
from colliculus.media.event_tables import (
    are_event_columns,
    read_event_arrays,
    read_event_bytes,
    read_event_hdf5,
    read_event_text,
)
from colliculus.media.events import Events
from colliculus.media.numpy_files import array_names
from colliculus.media.prophesee import read_prophesee
from colliculus.types import ColliculusError

EVENT_SUFFIXES = frozenset({
    ".aedat", ".aedat4", ".bin", ".dat", ".raw", ".csv", ".txt", ".npz", ".npy", ".h5", ".hdf5"
})  # fmt: skip
"""Suffixes of the files that may hold events."""

_READERS = {
    b"#!AER-DAT4": read_aedat4,
    b"#!AER-DAT3": read_aedat3,
    b"#!AER-DAT": read_aedat,
    b"%": read_prophesee,
    b"\x93NUMPY": read_event_arrays,
    b"PK": read_event_arrays,
}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LINE = 200


def read_events(path: Path, entry: str = "") -> Events:
    r"""Read a recording of an event camera or cochlea.

    AEDAT 2.0, 3.1 and 4; EVT 2.0, EVT 3.0 and .dat of Prophesee; .npz, .npy and HDF5; text of t, x, y and p; .bin of
    N-MNIST and N-Caltech101.

    Args:
        path: the file.
        entry: group of an HDF5 file, or recording of N-TIDIGITS.

    Returns:
        Events in the order of their times, which count from the first event (of N-TIDIGITS: from the start).

    Raises:
        ColliculusError: the file is missing, damaged or of another format.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "a.csv")
        ...     _ = path.write_text("t,x,y,p\n5000,1,2,1\n7000,3,4,0\n")
        ...     read_events(path).t_s.tolist()
        [0.0, 0.002]
    """
    check_file(path)
    with path.open("rb") as file:
        head = file.read(_LINE)
    if head.startswith(_HDF5):
        return read_event_hdf5(path, entry)
    if entry:
        raise ColliculusError(f"{path} holds one recording and no {entry!r}: name it without ::{entry}")
    text = _is_text(head.partition(b"\n")[0])
    for first, reader in _READERS.items():
        if head.startswith(first) and (text or first != b"%"):
            return reader(path)
    if path.suffix.lower() == ".bin":
        return read_event_bytes(path)
    if text:
        return read_event_text(path)
    raise ColliculusError(
        f"{path} is not an event file that is known: give AEDAT, EVT 2.0, EVT 3.0, .dat, .npz, .h5, a table of t, x, y"
        " and p, or .bin of N-MNIST"
    )


def is_event_file(path: Path) -> bool:
    """True for a file of an event format, for arrays t, x, y and p, and for text that begins with four such columns."""
    tables = (".npy", ".npz", ".csv", ".txt")  # hold other things as well
    return states_events(path) or (path.is_file() and path.suffix.lower() in EVENT_SUFFIXES.difference(tables))


def states_events(path: Path) -> bool:
    """True if the first bytes of a file say that it holds events; those of .bin files never do."""
    try:
        with path.open("rb") as file:
            head = file.read(_LINE)
    except OSError:
        return False  # its reader reports it
    if path.suffix.lower() in (".npy", ".npz"):
        return are_event_columns(array_names(path))
    if path.suffix.lower() in (".csv", ".txt"):
        cells = head.partition(b"\n")[0].decode("latin-1").replace(",", " ").replace("#", " ").split()
        return len(cells) == len("txyp") if cells and not cells[0].isidentifier() else are_event_columns(cells)
    return head.startswith((b"#!AER-DAT", b"% ", _HDF5))


def _is_text(line: bytes) -> bool:
    text = line.decode("latin-1").removeprefix("ï»¿").strip().replace("\t", " ")
    return text.isascii() and text.isprintable()
