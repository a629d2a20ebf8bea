from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from colliculus.media.numpy_files import MOST_BYTES, load_arrays, open_array
from colliculus.types import ColliculusError


def header(descr: object, shape: object) -> bytes:
    """A `.npy` header by hand: magic, version, length, and a dictionary padded to 128 bytes."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117) + b"\n"


def test_arrays_are_read_as_numpy_reads_them(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"a": rng.standard_normal((2, 3)), "b": np.asfortranarray(rng.integers(0, 9, (4, 5))), "c": np.float32(2)}
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    found = load_arrays(tmp_path / "x.npz")
    assert list(found) == ["a", "b", "c"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    np.save(tmp_path / "x.npy", arrays["b"])
    np.testing.assert_array_equal(load_arrays(tmp_path / "x.npy")[""], arrays["b"])
    mapped = open_array(tmp_path / "x.npy")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, arrays["b"])
    assert list(load_arrays(tmp_path / "x.npz", lambda names: [n for n in names if n == "c"])) == ["c"]


@pytest.mark.parametrize("descr", ["|V0", "<U0", "|S0", [("a", "|V0")]])
@pytest.mark.parametrize("read", [open_array, load_arrays])
def test_elements_without_a_size_are_refused(tmp_path, descr, read):
    """NumPy divides by the size, and the process ended by SIGFPE."""
    (tmp_path / "x.npy").write_bytes(header(descr, (5,)))
    with pytest.raises(ColliculusError, match=r"x\.npy holds .* values of shape \(5,\) and not numbers"):
        read(tmp_path / "x.npy")


@pytest.mark.parametrize("shape", [(2**40,), (2**33, 2**33), (MOST_BYTES // 8 + 1,)])
def test_a_header_that_states_too_much_is_refused_before_memory_is_taken(tmp_path, shape):
    (tmp_path / "x.npy").write_bytes(header("<f8", shape) + bytes(64))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", header("<f8", shape) + bytes(64))
    tracemalloc.start()
    for name in ("x.npy", "x.npz"):
        with pytest.raises(ColliculusError, match=r"states [\d,]+ bytes of numbers"):
            load_arrays(tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    with pytest.raises(ColliculusError, match=r"x\.npy cannot be decoded"):
        open_array(tmp_path / "x.npy")


def test_an_archive_that_unpacks_to_much_is_refused(tmp_path):
    """Eight members of 80 MB of zeros in less than 1 MB."""
    part = io.BytesIO()
    np.save(part, np.zeros(10**7))
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "abcdefgh":
            archive.writestr(f"{name}.npy", part.getvalue())
    assert (tmp_path / "x.npz").stat().st_size < 10**6
    with pytest.raises(ColliculusError, match="states 640,000,000 bytes"):
        load_arrays(tmp_path / "x.npz")
    assert len(load_arrays(tmp_path / "x.npz", lambda names: names[:1])) == 1


@pytest.mark.parametrize("content", [b"text", b"", header("<f8", (-1,)), header("|O", (1,)), header("<f8", "a")])
def test_a_member_that_is_no_array_is_refused(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ColliculusError, match=r"x\.npz"):
        load_arrays(tmp_path / "x.npz")


def test_a_memory_map_of_an_archive_is_refused(tmp_path):
    np.savez(tmp_path / "x.npy", a=np.ones(3))
    (tmp_path / "x.npy.npz").rename(tmp_path / "x.npy")
    with pytest.raises(ColliculusError, match="is an archive"):
        open_array(tmp_path / "x.npy")


def test_objects_archives_and_pointers_are_no_arrays(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ColliculusError, match=r"x\.npy holds object values"):
        open_array(path)
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(ColliculusError, match=r"x\.npy is an archive"):
        open_array(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ColliculusError, match="git lfs pull"):
        open_array(path)


def test_damaged_arrays_open_or_name_themselves(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(0)
    outcomes = []
    for trial in range(60):
        changed = content[: rng.integers(1, len(content))].copy() if trial % 3 == 0 else content.copy()
        where = rng.integers(0, len(changed), size=trial % 3)
        changed[where] ^= (1 << rng.integers(0, 8, size=trial % 3)).astype(np.uint8)
        path.write_bytes(changed.tobytes())
        try:
            open_array(path)
            outcomes.append("array")
        except ColliculusError as error:
            outcomes.append(str(error))
    errors = [outcome for outcome in outcomes if outcome != "array"]
    assert 0 < len(errors) < len(outcomes)
    assert all("x.npy" in error and "\n" not in error for error in errors)
