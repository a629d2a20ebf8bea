"""Every manifest that is written is read back; any other bytes are refused in a sentence."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.corpus.manifest import read_manifest, write_manifest
from colliculus.corpus.sample import Sample
from colliculus.types import ColliculusError

SUFFIXES = [".csv", ".parquet"]
TEXT = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8).map(str.strip).filter(bool)
FILE = st.tuples(
    st.lists(TEXT.filter(lambda t: not set("/\\:") & set(t) and t != ".."), min_size=1, max_size=3),
    st.sampled_from([".wav", ".mp4", ".PNG", ".hdf5::12/3"]),
).map(lambda parts: "/".join(parts[0]) + parts[1])


@st.composite
def samples(draw):
    start = draw(st.none() | st.floats(0, 1e6))
    return Sample(
        name=draw(TEXT),
        label=draw(TEXT),
        files=draw(st.dictionaries(st.sampled_from(["audio", "visual", "löss_2"]), FILE, min_size=1)),
        split=draw(st.sampled_from([None, "train", "validation", "test"])),
        group=draw(st.none() | TEXT),
        stratum=draw(st.none() | TEXT),
        start_s=start,
        end_s=draw(st.none() | st.floats(0.1, 1e6).map(lambda length: (start or 0.0) + length)),
        left_out=draw(st.just("") | TEXT.filter(lambda t: t.lower() not in {"0", "1", "yes", "no", "true", "false"})),
    )


@given(rows=st.lists(samples(), min_size=1, max_size=5, unique_by=lambda s: s.name), suffix=st.sampled_from(SUFFIXES))
@settings(deadline=None, max_examples=30)
def test_what_is_written_is_read_back(rows, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"manifest{suffix}"
        write_manifest(path, rows)
        assert read_manifest(path) == rows
        assert list(Path(folder).iterdir()) == [path]


PIECES = st.sampled_from(
    [
        *(
            "label",
            "audio",
            "split",
            "start",
            "#n",
            "a.wav",
            "x",
            "..",
            "/",
            "::",
            "null",
            "1e999",
            "NaN",
            "\ufeff",
            "ä",
        ),
        *(",", ",", ",", "\n", "\n", '"', "\r", "\0"),
    ]
)
GARBAGE = st.binary(max_size=60) | st.lists(PIECES, max_size=25).map(lambda pieces: "".join(pieces).encode())


def reported_or_read(path):
    """Nothing but samples, or the one kind of error, which names the file."""
    try:
        read = read_manifest(path)
    except ColliculusError as error:
        told = str(error)
    else:
        told = path.name if read and all(isinstance(sample, Sample) for sample in read) else "nothing"
    assert path.name in told


@given(content=GARBAGE)
@settings(deadline=None, max_examples=100)
def test_garbage_is_reported_in_a_sentence(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.csv"
        path.write_bytes(content)
        reported_or_read(path)


@given(where=st.integers(0), flip=st.integers(1, 255), cut=st.none() | st.integers(0, 600))
@settings(deadline=None, max_examples=30)
def test_a_damaged_parquet_is_reported_in_a_sentence(where, flip, cut):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.parquet"
        write_manifest(path, [Sample(name=f"n{i}", label="x", files={"audio": f"{i}.wav"}) for i in range(3)])
        content = bytearray(path.read_bytes()[:cut])
        if content:
            content[where % len(content)] ^= flip
        path.write_bytes(content)
        reported_or_read(path)


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_rows_are_read_in_seconds(tmp_path, count):
    rows = [
        Sample(name=f"{i}", label=str(i % 10), files={"audio": f"s/{i}.wav", "visual": f"p/{i}.png"}, group=str(i // 9))
        for i in range(count)
    ]
    write_manifest(tmp_path / "m.csv", rows)
    before = time.process_time()
    assert read_manifest(tmp_path / "m.csv") == rows
    assert time.process_time() - before < 6 * count / 100_000  # 1.4 s for 100,000 where it was written
