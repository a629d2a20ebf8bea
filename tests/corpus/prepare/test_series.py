from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from colliculus.corpus.prepare.depth_frames import DepthFrames
from colliculus.corpus.prepare.prepared_folder import describe, described
from colliculus.corpus.prepare.series import SensorSeries
from colliculus.corpus.sample import Sample
from colliculus.types import ColliculusError

WHOLE = Sample(name="x", label="0", files={"m": "x"})


def test_points_are_relative_to_the_first_position_of_the_root(tmp_path):
    """Two points in the plane, three moments; slow loop over every number."""
    raw = np.random.default_rng(0).normal(size=(2, 2, 3))
    savemat(tmp_path / "a.mat", {"d": raw})
    stored = SensorSeries(channels=4, steps=5, time_axis="last", root=1).read(tmp_path / "a.mat", WHOLE)
    assert stored.shape == (4, 1, 5)
    for point in range(2):
        for axis in range(2):
            for step in range(5):
                before, share = divmod(step * 2 / 4, 1)
                values = raw[point, axis] - raw[1, axis, 0]
                expected = values[int(before)] * (1 - share) + values[min(int(before) + 1, 2)] * share
                assert stored[2 * point + axis, 0, step] == pytest.approx(expected, abs=1e-6)
    assert stored[2, 0, 0] == stored[3, 0, 0] == 0


def test_time_runs_along_the_first_axis(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0, 10], [1, 11], [2, 12]]))
    stored = SensorSeries(channels=2, steps=3).read(tmp_path / "a.npy", WHOLE)
    assert stored[:, 0].tolist() == [[0, 1, 2], [10, 11, 12]]


@pytest.mark.parametrize(
    ("shape", "settings", "told"),
    [
        ((5, 3), {"channels": 2}, "has shape .5, 3., .* 2 channels"),
        ((0, 2), {"channels": 2}, "has shape"),
        ((2, 5), {"channels": 2, "time_axis": "last", "root": 0}, "no point 0"),
        ((2, 3, 5), {"channels": 6, "time_axis": "last", "root": 2}, "no point 2"),
    ],
)
def test_another_shape_is_refused(tmp_path, shape, settings, told):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(ColliculusError, match=told):
        SensorSeries(steps=4, **settings).read(tmp_path / "a.npy", WHOLE)


def test_numbers_that_are_none_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, np.nan]]))
    with pytest.raises(ColliculusError, match="not finite"):
        SensorSeries(channels=2, steps=4).read(tmp_path / "a.npy", WHOLE)


@pytest.mark.parametrize("settings", [{"channels": 0}, {"steps": 0}, {"root": -1}])
def test_settings_out_of_range(settings):
    with pytest.raises(ColliculusError, match=f"`{next(iter(settings))}`"):
        SensorSeries(**{"channels": 1, "steps": 1, **settings})


def test_reduced_clips_are_found_by_name(tmp_path):
    depth = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 1, 2, 2)
    np.savez(tmp_path / "all.npz", depth=depth, names=np.array(["b", "a"]))
    storage = DepthFrames(size=(2, 2), steps=3)
    np.testing.assert_array_equal(storage.read(tmp_path / "all.npz::a", WHOLE), depth[1])
    with pytest.raises(ColliculusError, match="no clip 'c'"):
        storage.read(tmp_path / "all.npz::c", WHOLE)
    with pytest.raises(ColliculusError, match=r"single \.mat files"):
        DepthFrames().read(tmp_path / "all.npz::a", WHOLE)
    np.savez(tmp_path / "all.npz", depth=depth, names=np.array(["b"]))
    with pytest.raises(ColliculusError, match="as many `names`"):
        storage.read(tmp_path / "all.npz::b", WHOLE)


def test_a_depth_video_without_a_body(tmp_path):
    video = np.zeros((4, 4, 10), np.uint16)
    savemat(tmp_path / "a.mat", {"d": video})
    with pytest.raises(ColliculusError, match=r"a\.mat .* shows no body"):
        DepthFrames().read(tmp_path / "a.mat", WHOLE)
    video[0, 0, 9] = 5
    savemat(tmp_path / "a.mat", {"d": video})
    with pytest.raises(ColliculusError, match=r"no body in 1 evenly spaced frames: raise `steps`"):
        DepthFrames(steps=1).read(tmp_path / "a.mat", WHOLE)
    assert DepthFrames(steps=10).read(tmp_path / "a.mat", WHOLE)[9].max() == 128


@pytest.mark.parametrize("settings", [{"size": (0, 2)}, {"steps": 0}, {"span_mm": 0.0}])
def test_settings_of_the_depth_out_of_range(settings):
    with pytest.raises(ColliculusError, match=f"`{next(iter(settings))}`"):
        DepthFrames(**settings)


def test_a_prepared_folder_remembers_both():
    storages = {"a": SensorSeries(channels=2, steps=3, root=1), "b": DepthFrames(variable="d")}
    assert described(describe(storages)) == storages
