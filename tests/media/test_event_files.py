from __future__ import annotations

import struct

import h5py
import numpy as np
import pytest

from colliculus.media.event_files import read_aedat, read_cochlea
from colliculus.types import ColliculusError

HEADER = (
    b"#!AER-DAT2.0\r\n"
    b"# This is a raw AE data file - do not edit\r\n"
    b"# Data format is int32 address, int32 timestamp (8 bytes total), repeated for each event\r\n"
    b"# Timestamps tick is 1 us\r\n"
)
DAVIS = HEADER + b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n"


def write(path, pairs, header=HEADER):
    path.write_bytes(header + b"".join(struct.pack(">II", address, tick) for address, tick in pairs))
    return path


def dvs128(raw_x, raw_y, bit):
    return raw_y << 8 | raw_x << 1 | bit


def told(events):
    return list(
        zip(events.t_s.round(7).tolist(), events.x.tolist(), events.y.tolist(), events.polarity.tolist(), strict=True)
    )


def test_addresses_of_a_dvs128(tmp_path):
    pairs = [(dvs128(0, 0, 1), 5000), (dvs128(127, 5, 0), 5250), (dvs128(3, 127, 0), 1_005_000)]
    assert told(read_aedat(write(tmp_path / "a.aedat", pairs))) == [
        (0, 127, 0, 0),
        (0.00025, 0, 5, 1),
        (1, 124, 127, 1),
    ]


def test_the_known_bytes_of_one_event(tmp_path):
    (tmp_path / "a.aedat").write_bytes(HEADER + bytes.fromhex("0000 0A06 0000 03E8"))  # row 10, column 3 from the right
    events = read_aedat(tmp_path / "a.aedat")
    assert told(events) == [(0, 124, 10, 1)]
    assert (events.t_s.dtype, events.x.dtype, events.polarity.dtype) == (np.float64, np.int64, np.int64)


def test_addresses_of_a_davis(tmp_path):
    polarity = 100 << 22 | 200 << 12 | 1 << 11
    frame, motion = 1 << 31 | polarity, 1 << 10 | polarity
    pairs = [(polarity, 7), (frame, 8), (motion, 9), (3 << 22 | 4 << 12, 1007)]
    assert told(read_aedat(write(tmp_path / "a.aedat", pairs, DAVIS))) == [(0, 200, 100, 1), (0.001, 4, 3, 0)]


def test_a_pin_is_no_event(tmp_path):
    pairs = [(1 << 15, 1), (dvs128(1, 1, 1), 11), (dvs128(1, 1, 1) | 1 << 15, 12)]
    assert len(read_aedat(write(tmp_path / "a.aedat", pairs)).t_s) == 1


@pytest.mark.parametrize("start", [2**32 - 10, 2**31 - 10])
def test_the_clock_wraps(tmp_path, start):
    pairs = [(dvs128(1, 1, 1), (start + 30 * i) % 2**32) for i in range(4)]
    np.testing.assert_allclose(read_aedat(write(tmp_path / "a.aedat", pairs)).t_s, np.arange(4) * 3e-5)


def test_events_are_in_the_order_of_time(tmp_path):
    pairs = [(dvs128(127 - i, 0, 1), tick) for i, tick in enumerate((100, 50, 120, 50))]
    events = read_aedat(write(tmp_path / "a.aedat", pairs))
    assert events.x.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(events.t_s, [0, 0, 5e-5, 7e-5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"RIFF....WAVE", r"does not begin with #!AER-DAT2\.0"),
        (b"#!AER-DAT3.1\r\n#End Of ASCII Header\r\n" + bytes(8), "give an AEDAT 2.0 file"),
        (b"#!AER-DAT2.0\r\n# This is", "ends within its header"),
        (HEADER + bytes(12), "ends within an event"),
        (HEADER, "holds no event"),
        (HEADER + b"# AEChip: eu.seebetter.ini.chips.ATIS304\r\n" + bytes(8), "ATIS304"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, message):
    (tmp_path / "a.aedat").write_bytes(content)
    with pytest.raises(ColliculusError, match=message) as caught:
        read_aedat(tmp_path / "a.aedat")
    assert "a.aedat" in str(caught.value)


def cochlea(path, times=(0.5, 0.25), channels=(63, 9), label="man-ae-a-1"):
    with h5py.File(path, "w") as file:
        file[f"train_timestamps/{label}"] = np.asarray(times)
        file[f"train_addresses/{label}"] = np.asarray(channels)
    return path


def test_channels_of_the_cochlea_lie_in_eight_rows(tmp_path):
    events = read_cochlea(cochlea(tmp_path / "n.hdf5"), "train/man-ae-a-1")
    assert told(events) == [(0.25, 1, 1, 0), (0.5, 7, 7, 0)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"times": (0.5,)}, "not a list of times"),
        ({"times": (0.5, np.nan)}, "not a list of times"),
        ({"times": (0.5, -1.0)}, "not a list of times"),
        ({"channels": (64, 0)}, "channels 0 to 63"),
        ({"times": (), "channels": ()}, "not a list of times"),
        ({"times": ((0.5, 0.25),), "channels": ((1, 2),)}, "not a list of times"),
        ({"label": "man-ae-a-2"}, "holds no 'train_timestamps/man-ae-a-1'"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path, wrong, message):
    with pytest.raises(ColliculusError, match=message):
        read_cochlea(cochlea(tmp_path / "n.hdf5", **wrong), "train/man-ae-a-1")


def test_a_link_into_another_file_is_not_followed(tmp_path):
    cochlea(tmp_path / "secret.hdf5")
    with h5py.File(tmp_path / "n.hdf5", "w") as file:
        file["train_timestamps"] = h5py.ExternalLink("secret.hdf5", "/train_timestamps")
    with pytest.raises(ColliculusError, match="link to elsewhere"):
        read_cochlea(tmp_path / "n.hdf5", "train/man-ae-a-1")


def test_the_bytes_of_another_file_are_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(16))
    with h5py.File(tmp_path / "n.hdf5", "w") as file:
        file.create_dataset("train_timestamps/x", shape=(2,), dtype="f8", external=[(str(tmp_path / "secret"), 0, 16)])
    with pytest.raises(ColliculusError, match="not an array of its own"):
        read_cochlea(tmp_path / "n.hdf5", "train/x")


def test_a_recording_that_claims_too_much_is_refused(tmp_path):
    with h5py.File(tmp_path / "n.hdf5", "w") as file:
        file.create_dataset("train_timestamps/x", shape=(10**12,), dtype="f8", chunks=(1024,))
    with pytest.raises(ColliculusError, match="states 1000000000000 values"):
        read_cochlea(tmp_path / "n.hdf5", "train/x")


def test_damaged_event_files_give_events_or_name_themselves(tmp_path):
    aedat = write(tmp_path / "whole.aedat", [(dvs128(i, i, i % 2), 10 * i) for i in range(100)])
    readers = {aedat: read_aedat, cochlea(tmp_path / "whole.hdf5"): lambda path: read_cochlea(path, "train/man-ae-a-1")}
    outcomes = []
    for whole, read in readers.items():
        content = np.frombuffer(whole.read_bytes(), dtype=np.uint8)
        rng = np.random.default_rng(len(content))
        for trial in range(45):
            changed = content.copy()
            if trial % 3 == 0:
                changed = changed[: rng.integers(1, len(changed))]
            else:
                where = rng.integers(0, len(changed) if trial % 3 == 1 else 200, size=8)
                changed[where] ^= (1 << rng.integers(0, 8, size=8)).astype(np.uint8)
            damaged = tmp_path / f"damaged{whole.suffix}"
            damaged.write_bytes(changed.tobytes())
            try:
                outcomes.append(len(read(damaged).t_s))
            except ColliculusError as error:
                outcomes.append(str(error))
    errors = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert 0 < len(errors) < len(outcomes)
    assert all("damaged." in error and "\n" not in error for error in errors)
