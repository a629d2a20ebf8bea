from __future__ import annotations

import numpy as np
import pytest

from colliculus.data.arrays import Arrays
from colliculus.data.series import from_series
from colliculus.media.array_files import ArrayReader
from colliculus.types import ColliculusError

LABELS = np.repeat(["rest", "run", "walk"], 20)


def recordings(channels=6, samples=40, seed=0):
    """(n, channels, samples), every channel with a mean and a deviation of its own."""
    draw = np.random.default_rng(seed).normal(size=(len(LABELS), channels, samples))
    return draw * np.arange(1, channels + 1)[:, None] + 10 * np.arange(channels)[:, None]


def test_both_layouts_are_the_same_data_and_are_standardised_by_the_training_part():
    raw = recordings()
    ours, turned = from_series({"imu": raw}, LABELS), from_series({"imu": raw.transpose(0, 2, 1)}, LABELS)
    assert ours.spec == turned.spec
    assert ours.fingerprint == turned.fingerprint
    assert (ours.spec.channels, ours.spec.sizes, ours.spec.steps) == ({"imu": 6}, {"imu": (1, 40)}, {})
    assert ours.spec.names == ("rest", "run", "walk")
    batch = ours.train.batch(np.arange(len(ours.train)), epoch=0)
    seen = batch.inputs["imu"].numpy()[:, :, 0]
    np.testing.assert_allclose(seen.mean((0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(seen.std((0, 2)), 1, atol=1e-5)
    np.testing.assert_array_equal(
        seen, turned.train.batch(np.arange(len(turned.train)), epoch=0).inputs["imu"][:, :, 0]
    )
    assert (len(ours.train), len(ours.validation), len(ours.test)) == (42, 6, 12)


def test_a_sample_is_its_own_row_and_label():
    raw = np.zeros((60, 2, 8))
    raw[:, 0, 3] = np.arange(60)
    data = from_series(raw, np.arange(60) % 3, validation_fraction=0)
    found = data.test.batch(np.arange(len(data.test)), epoch=0)
    mean, std = data.normalisation.mean["series"][0], data.normalisation.std["series"][0]
    rows = np.rint(found.inputs["series"][:, 0, 0, 3].numpy() * std + mean).astype(int)
    assert len(rows) == 12
    np.testing.assert_array_equal(rows % 3, found.labels.numpy())
    assert len(data.validation) == 0


def test_people_stay_together():
    people = np.arange(60) // 5
    data = from_series(recordings(), LABELS, groups=people)
    raw = recordings()
    sides = []
    for split in (data.train, data.validation, data.test):
        x = split.batch(np.arange(len(split)), epoch=0).inputs["series"]
        back = x[:, 0, 0, 0].numpy() * data.normalisation.std["series"][0] + data.normalisation.mean["series"][0]
        sides.append({people[np.abs(raw[:, 0, 0] - value).argmin()] for value in back})
    assert all(sides)
    assert sum(map(len, sides)) == len(set().union(*sides))


@pytest.mark.parametrize(
    ("shape", "settings", "told"),
    [
        ((60, 6, 11), {}, "neither of the last two axes is twice as long"),
        ((60, 6), {}, r"series has the shape \(60, 6\)"),
        ((59, 6, 40), {}, "series holds 59 samples and there are 60 labels"),
        ((60, 6, 40), {"groups": [1, 2]}, r"the groups have the shape \(2,\)"),
    ],
)
def test_what_is_no_series_is_refused(shape, settings, told):
    with pytest.raises(ColliculusError, match=told):
        from_series(np.zeros(shape), LABELS, **settings)


def test_values_that_are_not_finite_and_one_class_are_refused():
    raw = recordings()
    raw[3, 2, 1] = np.nan
    with pytest.raises(ColliculusError, match="not finite"):
        from_series(raw, LABELS)
    with pytest.raises(ColliculusError, match=r"1 class\(es\)"):
        from_series(recordings(), ["rest"] * 60)


def test_the_axis_of_time_can_be_named():
    raw = recordings(channels=6, samples=8)
    assert from_series(raw, LABELS, time_axis="last").spec.channels == {"series": 6}
    assert from_series(raw, LABELS, time_axis="first").spec.channels == {"series": 8}


@pytest.mark.parametrize("turned", [False, True])
def test_series_in_files_are_read_in_training_and_in_prediction(tmp_path, turned):
    raw = recordings(samples=32).astype(np.float32)
    written = raw.transpose(0, 2, 1) if turned else raw
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        np.save(tmp_path / split / "imu.npy", written)
        np.save(tmp_path / split / "label.npy", np.arange(60) % 3)
    settings = Arrays(root=tmp_path, standardise=False)
    data = settings.load()
    assert data.spec.sizes == {"imu": (1, 32)}
    axis = 1 if turned else 2
    assert data.sources == {"imu": f"imu.npy, series of 6 channels over 32 moments (axis {axis} is time)"}
    np.testing.assert_array_equal(data.test.batch(np.arange(60), epoch=0).inputs["imu"][:, :, 0], raw)
    reader = settings.reader(data.spec)
    clips = reader.group([tmp_path / "test" / "imu.npy"])
    assert len(clips) == 60
    np.testing.assert_array_equal(reader.read(clips["test[7]"])["imu"][:, 0], raw[7])
    np.save(tmp_path / "one.imu.npy", written[5])
    (one,) = reader.group([tmp_path / "one.imu.npy"]).values()
    np.testing.assert_array_equal(reader.read(one)["imu"][:, 0], raw[5])


def test_square_series_are_read_as_the_data_were(tmp_path):
    raw = recordings(channels=8, samples=8).astype(np.float32)
    data = from_series({"imu": raw}, LABELS, time_axis="first")
    np.save(tmp_path / "one.imu.npy", raw[5])
    reader = ArrayReader(data.spec, "first")
    (one,) = reader.group([tmp_path / "one.imu.npy"]).values()
    np.testing.assert_array_equal(reader.read(one)["imu"][:, 0], raw[5].T)


def test_an_array_that_could_be_images_is_refused(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    np.save(tmp_path / "train" / "touch.npy", np.zeros((4, 28, 28)))
    np.save(tmp_path / "train" / "label.npy", np.arange(4) % 2)
    with pytest.raises(ColliculusError, match=r"touch\.npy has the shape \(4, 28, 28\), and neither"):
        Arrays(root=tmp_path).load()


def test_an_axis_of_time_without_a_series_is_refused(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        np.save(tmp_path / split / "touch.npy", np.zeros((4, 1, 8, 8)))
        np.save(tmp_path / split / "label.npy", np.arange(4) % 2)
    with pytest.raises(ColliculusError, match=r"`time_axis` is 'first', and .* holds no series"):
        Arrays(root=tmp_path, time_axis="first").load()
