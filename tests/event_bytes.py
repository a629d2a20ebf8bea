"""Event files written byte by byte from the specifications, for tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Rows = Sequence[tuple[int, int, int, int]]
"""Events as (microseconds, x, y, polarity)."""


def aedat3(rows: Rows, overflow: int = 0, source: str = "DVS128") -> bytes:
    """AEDAT 3.1 with a packet of another kind before that of the events, and one event that is marked invalid."""
    head = f"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: {source}\r\n#!END-HEADER\r\n".encode()
    special = struct.pack("<HHIIIIII", 0, 1, 8, 4, 0, 1, 1, 1) + bytes(8)
    events = b"".join(struct.pack("<II", 1 | p << 1 | y << 2 | x << 17, t) for t, x, y, p in rows)
    invalid = struct.pack("<II", 5 << 2, rows[0][0])
    count = len(rows) + 1
    return head + special + struct.pack("<HHIIIIII", 1, 1, 8, 4, overflow, count, count, len(rows)) + invalid + events


def aedat4(rows: Rows, width: int = 30, height: int = 20) -> bytes:
    """AEDAT 4 without compression: a size-prefixed flatbuffer as header, and one packet of events."""
    attributes = "".join(
        f'<attr key="{key}" type="string">{value}</attr>'
        for key, value in (("compression", "NONE"), ("originalModuleName", "capture"), ("typeIdentifier", "EVTS"))
    )
    sizes = "".join(f'<attr key="{k}" type="int">{v}</attr>' for k, v in (("sizeX", width), ("sizeY", height)))
    info = f'<node name="info" path="/mainloop/Recorder/outInfo/0/info/">{sizes}</node>'
    node = f'<node name="0" path="/mainloop/Recorder/outInfo/0/">{attributes}{info}</node>'
    xml = f'<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">{node}</node></dv>'.encode()
    header = _table(b"IOHE", [("i", 0), ("q", -1), ("ref", xml)])
    elements = b"".join(struct.pack("<qhhB3x", t, x, y, p) for t, x, y, p in rows)
    packet = _table(b"EVTS", [("structs", (len(rows), elements))])
    return b"#!AER-DAT4.0\r\n" + header + struct.pack("<ii", 0, len(packet)) + packet


def _table(name: bytes, fields: list[tuple[str, object]]) -> bytes:
    """A size-prefixed flatbuffer of one table; its last field may be a reference, to text or a vector of structs."""
    vtable, inline, references = [], b"", []
    for kind, value in fields:
        size = 8 if kind == "q" else 4
        inline += bytes(-(4 + len(inline)) % size)
        vtable.append(4 + len(inline))
        if kind in "iq":
            inline += struct.pack(f"<{kind}", value)
        else:
            references.append((4 + len(inline), kind, value))
            inline += bytes(4)
    slots = struct.pack(f"<{2 + len(vtable)}H", 4 + 2 * len(vtable), 4 + len(inline), *vtable)
    start = 8 + len(slots)
    padding = -(start + 4) % 8  # the size in front counts for the alignment
    start += padding
    body = bytearray(struct.pack("<I4s", start, name) + bytes(padding) + slots)
    body += struct.pack("<i", len(slots)) + inline
    for place, kind, value in references:
        count, content = (len(value), value + b"\0") if kind == "ref" else value
        body += bytes(-(len(body) + 4 + 4) % 8)
        struct.pack_into("<I", body, start + place, len(body) - start - place)
        body += struct.pack("<I", count) + content
    return struct.pack("<I", len(body)) + bytes(body)


def evt2(rows: Rows, header: bytes = b"% evt 2.0\n% geometry 640x480\n% end\n") -> bytes:
    """EVT 2.0: a word of the upper time whenever it changes."""
    words, high = [], None
    for t, x, y, p in rows:
        if t >> 6 != high:
            high = t >> 6
            words.append(8 << 28 | high & 0xFFFFFFF)
        words.append(p << 28 | (t & 0x3F) << 22 | x << 11 | y)
    return header + struct.pack(f"<{len(words)}I", *words)


def dat(rows: Rows, version: int = 2) -> bytes:
    """.dat of Prophesee; version 1 has narrower fields."""
    y_shift, p_shift = (14, 28) if version == 2 else (9, 17)
    head = f"% Data file containing CD events.\n% Version {version}\n% Height 240\n% Width 304\n".encode() + b"\x0c\x08"
    return head + b"".join(struct.pack("<II", t, x | y << y_shift | p << p_shift) for t, x, y, p in rows)


def nmnist(rows: Rows) -> bytes:
    """Five bytes for each event of N-MNIST."""
    return b"".join(bytes((x, y, p << 7 | t >> 16, t >> 8 & 0xFF, t & 0xFF)) for t, x, y, p in rows)
