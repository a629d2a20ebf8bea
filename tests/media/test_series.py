from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from colliculus.media import matlab
from colliculus.media.matlab import read_matlab
from colliculus.media.series import read_series, resample_linearly
from colliculus.types import ColliculusError


@given(length=st.integers(1, 40), steps=st.integers(1, 40))
def test_resampling_is_that_of_numpy(length, steps):
    series = np.random.default_rng(length).normal(size=(3, length)).astype(np.float32)
    moments = np.linspace(0, length - 1, steps)
    expected = [np.interp(moments, np.arange(length), channel) for channel in series]
    np.testing.assert_allclose(resample_linearly(series, steps), expected, rtol=1e-5, atol=1e-6)


def test_the_same_numbers_from_every_kind_of_file(tmp_path):
    numbers = np.array([[1.5, 2, 3], [4, 5, 6]])
    savemat(tmp_path / "a.mat", {"other": numbers + 1, "mine": numbers})
    savemat(tmp_path / "alone.mat", {"x": numbers})
    np.save(tmp_path / "a.npy", numbers)
    np.savetxt(tmp_path / "a.csv", numbers, delimiter=",")
    for name, variable in (("a.mat", "mine"), ("alone.mat", ""), ("a.npy", ""), ("a.csv", "")):
        np.testing.assert_array_equal(read_series(tmp_path / name, variable), numbers)


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    savemat(tmp_path / "two.mat", {"x": np.ones(2), "y": np.ones(2)})
    savemat(tmp_path / "text.mat", {"x": "hello"})
    (tmp_path / "bad.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    (tmp_path / "head.csv").write_text("x,y\n1,2\n")
    for name, variable, told in (
        ("two.mat", "", "holds x, y and not one array"),
        ("two.mat", "z", "holds x, y and not z"),
        ("text.mat", "", "write it with an integer or floating type"),
        ("bad.mat", "", "bad.mat"),
        ("gone.mat", "", "is not a file"),
        ("head.csv", "", "no header"),
    ):
        with pytest.raises(ColliculusError, match=told) as caught:
            read_series(tmp_path / name, variable)
        assert "\n" not in str(caught.value)


def test_without_scipy_the_extra_is_named(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(matlab, "import_module", absent)
    with pytest.raises(ColliculusError, match=r"pip install 'colliculus\[matlab\]'"):
        read_matlab(tmp_path / "a.mat", "")
