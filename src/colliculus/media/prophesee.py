"""Event files of Prophesee: EVT 2.0, EVT 3.0 (.raw) and .dat."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.events import MOST_EVENTS, Events, recorded_events
from colliculus.types import ColliculusError

_TD = (0x00, 0x0C)  # kinds of a .dat file that hold changes of brightness
_DAT_FIELDS = {1: (0x1FF, 9, 0xFF, 17), 2: (0x3FFF, 14, 0x3FFF, 28)}  # mask of x, shift and mask of y, bit of polarity
_Words = NDArray[np.int64]


def read_prophesee(path: Path) -> Events:
    """Read the events of a file whose header lines begin with "%": EVT 2.0, EVT 3.0 or .dat, as the header says.

    Events before the first word of time have no time and are left out. Times continue where a clock wraps. Source:
    Prophesee, "Data encoding formats" (docs.prophesee.ai).

    Raises:
        ColliculusError: the file is missing, damaged, of another format, or holds no event.
    """
    with decoding(path):
        content = path.read_bytes()
        header, start = _header(content)
        sensor = _sensor(header)
        named = re.search(r"^% *(?:evt|format) +(?:EVT)?(\d)(\.\d)?", header, re.MULTILINE | re.IGNORECASE)
        if named is None:
            return _dat(path, header, content[start:], sensor)
        if (named[1], named[2] or ".0") not in (("2", ".0"), ("3", ".0")):
            raise ColliculusError(f"{path} is in {named[0].strip('% ')!r}: convert it to EVT 2.0 or EVT 3.0")
        width = 4 if named[1] == "2" else 2
        words = np.frombuffer(content, f"<u{width}", (len(content) - start) // width, start).astype(np.int64)
        t, x, y, p = _evt2(words) if width == 4 else _evt3(path, words)
        return recorded_events(path, t, x, y, p, sensor)


def _header(content: bytes) -> tuple[str, int]:
    """The lines that begin with "%", to "% end" if that is there, and the position after them."""
    start = 0
    while content[start : start + 1] == b"%" and (end := content.find(b"\n", start)) >= 0:
        line = content[start:end]
        start = end + 1
        if line.strip() == b"% end":
            break
    return content[:start].decode("latin-1"), start


def _sensor(header: str) -> tuple[int, int] | None:
    """Rows and columns, which the formats state in three ways."""
    if found := re.search(r"geometry +(\d+)x(\d+)", header):
        return int(found[2]), int(found[1])
    height, width = (re.search(rf"{name}[ =]+(\d+)", header, re.IGNORECASE) for name in ("height", "width"))
    return (int(height[1]), int(width[1])) if height and width else None


def _dat(path: Path, header: str, content: bytes, sensor: tuple[int, int] | None) -> Events:
    version = re.search(r"^% *version +(\d+)", header, re.MULTILINE | re.IGNORECASE)
    if len(content) < 2 or content[0] not in _TD or content[1] != 8 or len(content) % 8 != 2:
        raise ColliculusError(f"{path} is not a .dat file of events of 8 bytes, or is cut: copy or download it again")
    x_mask, y_shift, y_mask, p_shift = _DAT_FIELDS[2 if version and int(version[1]) >= 2 else 1]
    words = np.frombuffer(content, "<u4", offset=2).reshape(-1, 2).astype(np.int64)
    t, word = _continued(words[:, 0], 32), words[:, 1]
    return recorded_events(path, t, word & x_mask, word >> y_shift & y_mask, word >> p_shift & 1, sensor)


def _evt2(words: _Words) -> tuple[_Words, _Words, _Words, _Words]:
    """EVT 2.0: words of 32 bits, kind in the upper four: 0 darker, 1 brighter, 8 upper 28 bits of the time."""
    kind = words >> 28
    high, known = _latest(kind == 8, words & 0xFFFFFFF)
    time = (_continued(high, 28) << 6) + (words >> 22 & 0x3F)
    event = (kind <= 1) & known
    words = words[event]
    return time[event], words >> 11 & 0x7FF, words & 0x7FF, kind[event]


def _evt3(path: Path, words: _Words) -> tuple[_Words, _Words, _Words, _Words]:
    """EVT 3.0: words of 16 bits with their kind in the upper four.

    0 row, 2 single event, 3 first column of vectors, 4 and 5 vector of 12 or 8 columns (a bit for each event), 6 lower
    and 8 upper 12 bits of the time; the upper bits set the lower ones to 0.
    """
    kind, value = words >> 12, words & 0xFFF
    high, known = _latest(kind == 8, value)
    low, _ = _latest((kind == 6) | (kind == 8), np.where(kind == 6, value, 0))
    time = (_continued(high, 12) << 12) + low
    row, _ = _latest(kind == 0, value & 0x7FF)
    first, begun = _latest(kind == 3, value)
    passed = np.cumsum(np.where(kind == 4, 12, np.where(kind == 5, 8, 0)))
    at_base, _ = _latest(kind == 3, passed)
    single, vector = (kind == 2) & known, ((kind == 4) | (kind == 5)) & known & begun
    bits = np.where(kind == 2, 1, np.where(kind == 4, value, value & 0xFF)) * (single | vector)
    number = np.bitwise_count(bits.astype(np.uint16)).astype(np.int64)
    if number.sum() > MOST_EVENTS:
        raise ColliculusError(f"{path} states {number.sum():,} events: cut the recording, or copy it again")
    column = np.where(single, value & 0x7FF, (first & 0x7FF) + passed - at_base - np.where(kind == 4, 12, 8))
    polarity = np.where(single, value, first) >> 11
    where = np.flatnonzero(number)
    which, bit = np.nonzero(bits[where, None] >> np.arange(12) & 1)
    where = where[which]
    return time[where], column[where] + bit, row[where], polarity[where]


def _latest(marked: NDArray[np.bool_], values: _Words) -> tuple[_Words, NDArray[np.bool_]]:
    """For each word the value at the last marked word up to it (0 before the first), and whether there is one."""
    last = np.maximum.accumulate(np.where(marked, np.arange(len(marked)), -1))
    return np.where(last >= 0, values[last], 0) if len(last) else last, last >= 0


def _continued(ticks: _Words, bits: int) -> _Words:
    """Times that go on where a clock of so many bits wraps: where they fall by more than half of its range."""
    wraps = np.diff(ticks, prepend=ticks[:1]) < -(1 << bits - 1)
    return ticks + (np.cumsum(wraps) << bits)
