"""Event files of every format against their bytes, slow loops, and real recordings' figures."""

from __future__ import annotations

import struct

import event_bytes
import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.media.event_formats import read_events
from colliculus.media.events import MOST_EVENTS, recorded_events
from colliculus.types import ColliculusError

ROWS = [(1000, 3, 4, 1), (1000, 29, 19, 0), (1007, 0, 0, 1), (250_000, 12, 7, 0)]
EXPECTED = [(t - 1000, x, y, p) for t, x, y, p in ROWS]


def told(events):
    ticks = np.rint(events.t_s * 1e6).astype(int)
    return list(zip(ticks.tolist(), events.x.tolist(), events.y.tolist(), events.polarity.tolist(), strict=True))


def read(tmp_path, content, name="recording"):
    (tmp_path / name).write_bytes(content)
    return read_events(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "sensor"),
    [
        (event_bytes.aedat3(ROWS), (128, 128)),
        (event_bytes.aedat3(ROWS, source="DAVIS240C"), (180, 240)),
        (event_bytes.aedat3(ROWS, source="eDVS"), None),
        (event_bytes.evt2(ROWS), (480, 640)),
        (event_bytes.evt2(ROWS, b"% evt 2.0\n"), None),
        (event_bytes.evt2(ROWS, b"% format EVT2;height=320;width=400\n"), (320, 400)),
        (event_bytes.dat(ROWS), (240, 304)),
        (event_bytes.dat(ROWS, version=1), (240, 304)),
        (b"t,x,y,p\n" + b"".join(b"%d,%d,%d,%d\n" % row for row in ROWS), None),
        (b"# x y p t\n" + b"".join(b"%d %d %d %d\n" % (x, y, p, t) for t, x, y, p in ROWS), None),
        (b"".join(b"%.6f %d %d %d\n" % (t / 1e6, x, y, p or -1) for t, x, y, p in ROWS), None),
    ],
)
@pytest.mark.parametrize("name", ["recording", "a.aedat", "a.csv", "a.raw"])
def test_the_format_is_decided_by_the_content(tmp_path, content, sensor, name):
    events = read(tmp_path, content, name)
    assert told(events) == EXPECTED
    assert events.sensor == sensor


def test_aedat4(tmp_path):
    pytest.importorskip("aedat")
    events = read(tmp_path, event_bytes.aedat4(ROWS), "a.aedat")
    assert told(events) == EXPECTED
    assert events.sensor == (20, 30)


@pytest.mark.parametrize("cut", [15, 60, 200, -1, -20])
def test_a_damaged_aedat4_is_a_sentence(tmp_path, cut):
    pytest.importorskip("aedat")
    with pytest.raises(ColliculusError, match=r"copy (or download )?it again"):
        read(tmp_path, event_bytes.aedat4(ROWS)[:cut], "a.aedat4")


def test_events_of_nmnist_have_no_header(tmp_path):
    assert told(read(tmp_path, event_bytes.nmnist(ROWS), "a.bin")) == EXPECTED
    overflow = (8191, 0, 240, 0)  # a row of 240: the clock went over, 2^13 microseconds pass
    rows = [(100, 1, 2, 1), overflow, (5, 3, 4, 0), overflow, (6, 3, 4, 1)]
    assert told(read(tmp_path, event_bytes.nmnist(rows), "b.bin")) == [
        (0, 1, 2, 1),
        (5 + 8192 - 100, 3, 4, 0),
        (6 + 2 * 8192 - 100, 3, 4, 1),
    ]
    with pytest.raises(ColliculusError, match="within an event of 5 bytes"):
        read(tmp_path, event_bytes.nmnist(ROWS)[:-1], "c.bin")


def test_arrays_by_their_names(tmp_path):
    t, x, y, p = np.array(ROWS).T
    np.savez(tmp_path / "a.npz", timestamps=t.astype(np.uint64), x=x.astype(np.int16), y=y, polarity=p.astype(bool))
    assert told(read_events(tmp_path / "a.npz")) == EXPECTED
    np.savez(tmp_path / "b.npz", t=t / 1e6, x=x, y=y, p=2 * p - 1)
    assert told(read_events(tmp_path / "b.npz")) == EXPECTED
    table = np.zeros(4, dtype=[("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")])
    table["t"], table["x"], table["y"], table["p"] = t, x, y, p
    np.save(tmp_path / "c.npy", table)
    assert told(read_events(tmp_path / "c.npy")) == EXPECTED
    np.save(tmp_path / "d.npy", np.array(ROWS))
    with pytest.raises(ColliculusError, match="events need t, x, y and p"):
        read_events(tmp_path / "d.npy")


@pytest.mark.parametrize("group", ["", "events/", "CD/events/", "own/"])
def test_groups_of_hdf5(tmp_path, group):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, column in zip("txyp", np.array(ROWS).T, strict=True):
            file[f"{group}{name}"] = column
    if group == "own/":
        with pytest.raises(ColliculusError, match=r"but 'own': name their group as .*a\.h5::GROUP"):
            read_events(tmp_path / "a.h5")
    assert told(read_events(tmp_path / "a.h5", "own" if group == "own/" else "")) == EXPECTED


def loop_evt3(words):
    """EVT 3.0 word by word, as the specification says."""
    high = low = turns = x = y = p = 0
    begun, events = False, []
    for word in words:
        kind, value = word >> 12, word & 0xFFF
        if kind == 8:
            turns += begun and high - value > 2048
            high, low, begun = value, 0, True
        elif kind == 6:
            low = value
        elif kind == 0:
            y = value & 0x7FF
        elif kind == 3:
            x, p = value & 0x7FF, value >> 11
        elif kind == 2 and begun:
            events.append(((turns << 24) + (high << 12) + low, value & 0x7FF, y, value >> 11))
        elif kind in (4, 5):
            number = 12 if kind == 4 else 8
            if begun:
                events += [
                    ((turns << 24) + (high << 12) + low, x + bit, y, p) for bit in range(number) if value >> bit & 1
                ]
            x += number
    return events


def loop_evt2(words):
    high, turns, begun, events = 0, 0, False, []
    for word in words:
        kind = word >> 28
        if kind == 8:
            new = word & 0xFFFFFFF
            turns += begun and high - new > 2**27
            high, begun = new, True
        elif kind <= 1 and begun:
            events.append((((turns << 28) + high << 6) + (word >> 22 & 63), word >> 11 & 0x7FF, word & 0x7FF, kind))
    return events


def in_time(events):
    events = sorted(events, key=lambda row: row[0])  # stable
    return [(t - events[0][0], x, y, p) for t, x, y, p in events]


WORD3 = st.builds(
    lambda kind, value: kind << 12 | value, st.sampled_from([0, 2, 3, 4, 5, 6, 7, 8, 10, 14]), st.integers(0, 4095)
)
WORD2 = st.builds(
    lambda kind, value: kind << 28 | value,
    st.sampled_from([0, 1, 8, 10, 14]),
    st.one_of(st.integers(0, 2**28 - 1), st.sampled_from([2**28 - 1, 0, 1])),
)


@given(st.lists(WORD3, max_size=60))
def test_evt3_is_read_as_a_loop_over_its_words_reads_it(tmp_path_factory, words):
    words = [0x8FFF, 0x3005, *words]
    path = tmp_path_factory.mktemp("evt3") / "a.raw"
    path.write_bytes(b"% evt 3.0\n% end\n" + struct.pack(f"<{len(words)}H", *words))
    expected = loop_evt3(words)
    if not expected:
        with pytest.raises(ColliculusError, match="holds no event"):
            read_events(path)
        return
    assert told(read_events(path)) == in_time(expected)


@given(st.lists(WORD2, max_size=60))
def test_evt2_is_read_as_a_loop_over_its_words_reads_it(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("evt2") / "a.raw"
    path.write_bytes(b"% evt 2.0\n% end\n" + struct.pack(f"<{len(words)}I", *words))
    expected = loop_evt2(words)
    if not expected:
        with pytest.raises(ColliculusError, match="holds no event"):
            read_events(path)
        return
    ticks = [(round(t * 1e6), *rest) for t, *rest in zip(*columns(read_events(path)), strict=True)]
    assert ticks == in_time(expected)


def columns(events):
    return events.t_s.tolist(), events.x.tolist(), events.y.tolist(), events.polarity.tolist()


def test_a_vector_of_evt3_by_hand(tmp_path):
    """Row 9, columns from 100: bits 0 and 11 of twelve, then bits 0 and 7 of eight, which begin at 112."""
    words = [0x8001, 0x6002, 0x0009, 0x3864, 0x4801, 0x5081, 0x2003]
    content = b"% evt 3.0\n" + struct.pack("<7H", *words)
    assert told(read(tmp_path, content)) == [
        (0, 100, 9, 1), (0, 111, 9, 1), (0, 112, 9, 1), (0, 119, 9, 1), (0, 3, 9, 0),
    ]  # fmt: skip


def test_clocks_that_wrap_go_on(tmp_path):
    first = read(tmp_path, event_bytes.aedat3(ROWS, overflow=3))
    assert told(first) == EXPECTED
    late, early = [((1 << 31) - 5, 1, 1, 1)], [(4, 2, 2, 0)]
    second = event_bytes.aedat3(early, overflow=1)
    packets = second[second.index(b"END-HEADER\r\n") + 12 :]
    assert told(read(tmp_path, event_bytes.aedat3(late) + packets)) == [(0, 1, 1, 1), (9, 2, 2, 0)]
    assert told(read(tmp_path, event_bytes.dat([(2**32 - 2, 1, 1, 1), (3, 2, 2, 0)]))) == [(0, 1, 1, 1), (5, 2, 2, 0)]
    assert told(read(tmp_path, event_bytes.evt2([(2**34 - 2, 1, 1, 1), (2**34 + 3, 2, 2, 0)]))) == [
        (0, 1, 1, 1),
        (5, 2, 2, 0),
    ]


def test_the_header_of_jaer_ends_at_its_last_line(tmp_path):
    """The first event of a DAVIS may begin with the byte of "#": row 143, whose address is 0x23..."""
    header = b"#!AER-DAT2.0\r\n# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n"
    rows = [(100, 0x3FF >> 2, 143, 1), (107, 5, 143, 0), (110, 7, 143, 1)]
    events = b"".join(struct.pack(">II", y << 22 | x << 12 | p << 11, t) for t, x, y, p in rows)
    assert events[:1] == b"#"
    rows = [(t - 100, x, y, p) for t, x, y, p in rows]
    for last in (b"#End Of ASCII Header\r\n", b""):
        found = read(tmp_path, header + last + events)
        assert told(found) == rows
        assert found.sensor == (180, 240)
    ten = events[:8] + b"\x23\x0a\x0a\x0a\n\n\n\n" + events[8:]
    assert len(told(read(tmp_path, header + b"#End Of ASCII Header\r\n" + ten))) == 4


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"#!AER-DAT3.1\r\n#Format: RAW\r\n", "a", "within its header"),
        (event_bytes.aedat3(ROWS)[:-3], "a", "within a packet"),
        (event_bytes.aedat3(ROWS).replace(b"RAW", b"PNG"), "a", "not in the format RAW"),
        (event_bytes.dat(ROWS)[:-1], "a", "not a .dat file of events of 8 bytes"),
        (b"% evt 2.1\n" + bytes(16), "a", "is in 'evt 2.1': convert it"),
        (b"% evt 3.0\n" + bytes(16), "a", "holds no event"),
        (b"\x00\x01\x02" * 9, "a", "not an event file that is known"),
        (b"\x00\x01\x02" * 9, "a.csv", "not an event file that is known"),
        (b"hello\n", "a.csv", "t, x, y and p"),
        (b"1,2,3\n", "a.csv", "has 3 columns"),
        (b"1,2,3,cat\n", "a.csv", "write lines of t, x, y and p"),
        (b"t,x,y,p\n1,2,-3,0\n", "a.csv", "outside a sensor"),
        (b"t,x,y,p\n1,2.5,3,0\n", "a.csv", "outside a sensor"),
        (b"t,x,y,p\nnan,2,3,0\n", "a.csv", "not finite"),
        (event_bytes.dat([(1, 304, 3, 0)]), "a", "outside a sensor of 240 rows and 304 columns"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, content, name, message):
    with pytest.raises(ColliculusError, match=message):
        read(tmp_path, content, name)


def test_a_recording_with_too_many_events_is_refused(tmp_path):
    many = np.broadcast_to(np.int64(0), MOST_EVENTS + 1)
    with pytest.raises(ColliculusError, match=r"holds 67,108,865 events"):
        recorded_events(tmp_path, many, many, many, many)
