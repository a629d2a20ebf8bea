"""Event files AEDAT 3.1, as cAER writes them (DVS128 Gesture), and AEDAT 4, as DV writes them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.event_files import sensor_of
from colliculus.media.events import Events, recorded_events
from colliculus.types import ColliculusError

_END = b"#!END-HEADER\r\n"
_POLARITY = 1  # kind of a packet
_HEAD_BYTES = 28


def read_aedat3(path: Path) -> Events:
    """Read the polarity events of an AEDAT 3.1 file: packets of one kind of event, each behind a head of 28 bytes.

    An event is a word of validity (bit 0), polarity (1), y (2 to 16) and x (17 to 31), and a time in microseconds, to
    which the packet adds the times that its 31-bit clock wrapped. Source: iniVation, "AEDAT 3.1".

    Raises:
        ColliculusError: the file is missing, cut short or compressed, or holds no event.
    """
    with decoding(path):
        content = path.read_bytes()
        start = content.find(_END) + len(_END)
        if start < len(_END):
            raise ColliculusError(f"{path} ends within its header: copy or download it again")
        header = content[:start].decode("latin-1")
        if "#Format: RAW" not in header:
            raise ColliculusError(f"{path} is not in the format RAW: write it again without compression")
        words: list[NDArray[np.uint32]] = []
        times: list[NDArray[np.int64]] = []
        while start < len(content):
            part, wrapped, start = _packet(path, content, start)
            if part is not None:
                words.append(part[:, 0])
                times.append((wrapped << 31) + part[:, 1].astype(np.int64))
        word = np.concatenate(words) if words else np.zeros(0, np.uint32)
        valid = (word & 1).astype(bool)
        time = np.concatenate(times)[valid] if words else np.zeros(0, np.int64)
        word = word[valid]
        return recorded_events(path, time, word >> 17, word >> 2 & 0x7FFF, word >> 1 & 1, sensor_of(header))


def _packet(path: Path, content: bytes, start: int) -> tuple[NDArray[np.uint32] | None, int, int]:
    """Words (n, 2) of a packet of polarity events, how often the clock had wrapped, and the end of the packet."""
    if len(content) - start < _HEAD_BYTES:
        raise ColliculusError(f"{path} ends within a packet: copy or download it again")
    kind, size, wrapped = (
        int.from_bytes(content[start + a : start + b], "little") for a, b in ((0, 2), (4, 8), (12, 16))
    )
    number = int.from_bytes(content[start + 20 : start + 24], "little")
    begin, end = start + _HEAD_BYTES, start + _HEAD_BYTES + size * number
    if end > len(content) or (kind == _POLARITY and size != 8):
        raise ColliculusError(f"{path} ends within a packet, or its packets are damaged: copy or download it again")
    if kind != _POLARITY:
        return None, 0, end
    return np.frombuffer(content[begin:end], "<u4").reshape(-1, 2), wrapped, end


def read_aedat4(path: Path) -> Events:
    """Read the events of an AEDAT 4 file by the package `aedat`.

    Raises:
        ColliculusError: the file is missing, damaged or holds no event, or `aedat` is not installed.
    """
    try:
        reader: Any = import_module("aedat")  # an extra
    except ImportError as error:
        raise ColliculusError(f"{path} needs aedat: pip install 'colliculus[events]'") from error
    with decoding(path):
        try:
            decoder: Any = reader.Decoder(str(path))
            sensors = [s for s in decoder.id_to_stream().values() if s.get("type") == "events"]
            parts = [packet["events"] for packet in decoder if "events" in packet]
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # how a panic of Rust arrives: no subclass of Exception
                raise
            raise ColliculusError(f"{path} cannot be decoded, it is damaged: copy or download it again") from error
        if not parts:
            raise ColliculusError(f"{path} holds no event: record or copy it again")
        found = np.concatenate(parts)
        sensor = (int(sensors[0]["height"]), int(sensors[0]["width"])) if sensors else None
        return recorded_events(path, found["t"], found["x"], found["y"], found["on"], sensor)
