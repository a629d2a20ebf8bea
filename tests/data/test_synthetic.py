from __future__ import annotations

import itertools

import numpy as np
import pytest

from colliculus.data.synthesis import SHAPES, SOUNDS, add_noise, pressure, shapes, sounds
from colliculus.data.synthetic import Synthetic
from colliculus.types import ColliculusError

SMALL = {"num_train": 60, "num_validation": 24, "num_test": 24, "size": 16}


def _features(split, modality):
    """(n, features) that tell what is seen or heard, and not where or when."""
    values = split.arrays[modality].astype(np.float64)
    return np.abs(np.fft.fft2(values)).reshape(len(values), -1)


def _nearest_mean(dataset, modalities):
    """Test accuracy of the simplest classifier: the nearest class mean, over the modalities together."""
    distance = 0
    for modality in modalities:
        train, test = _features(dataset.train, modality), _features(dataset.test, modality)
        scale = train.std(axis=0) + 1e-9
        means = np.stack([train[dataset.train.labels == k].mean(axis=0) for k in range(dataset.spec.num_classes)])
        distance = distance + np.square((test[:, None] - means) / scale).sum(axis=2)
    return (distance.argmin(axis=1) == dataset.test.labels).mean()


@pytest.mark.parametrize("num_classes", range(2, 13))
def test_pairs_of_kinds_are_unique_and_a_kind_has_two_classes_at_most(num_classes):
    kinds = Synthetic(num_classes=num_classes, tactile=True).kinds(np.arange(num_classes))
    for one, other in itertools.combinations(kinds, 2):
        assert len(set(zip(kinds[one], kinds[other], strict=True))) == num_classes
    assert all(np.bincount(k).max() <= 2 for k in kinds.values())
    assert all(k.max() < len(SHAPES) for k in kinds.values())


def test_one_modality_alone_cannot_tell_the_classes_and_two_can():
    dataset = Synthetic(
        motion="static", size=16, visual_snr_db=20, num_train=480, num_validation=6, num_test=360
    ).load()
    alone = [_nearest_mean(dataset, [m]) for m in dataset.spec.modalities]
    assert max(alone) < 0.62  # chance among the two classes of a kind, and some luck
    assert _nearest_mean(dataset, dataset.spec.modalities) > max(alone) + 0.15


def test_shapes_and_sizes():
    dataset = Synthetic(**SMALL, tactile=True, steps=3).load()
    assert dataset.spec.modalities == ("audio", "visual", "tactile")
    batch = dataset.validation.batch(np.arange(5), epoch=0)
    assert {m: tuple(x.shape) for m, x in batch.inputs.items()} == {
        m: dataset.spec.input_shape(m, 5) for m in dataset.spec.modalities
    }
    assert tuple(batch.inputs["tactile"].shape) == (3, 5, 1, 16, 16)


def test_static_clips_have_no_time():
    spec = Synthetic(**SMALL, motion="static").load().spec
    assert not spec.steps
    assert spec.input_shape("audio", 2) == (2, 1, 16, 16)


def test_classes_are_balanced_in_every_part():
    dataset = Synthetic(**SMALL).load()
    for split, count in ((dataset.train, 10), (dataset.validation, 4), (dataset.test, 4)):
        assert np.bincount(split.labels).tolist() == [count] * 6


def test_equal_seeds_give_equal_clips_and_parts_differ():
    first, again, other = (Synthetic(**SMALL, seed=seed).load() for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    parts = [split.arrays["visual"][:24] for split in (first.train, first.validation, first.test)]
    assert all((one != two).any() for one, two in itertools.combinations(parts, 2))


def test_the_knobs_of_a_modality_leave_the_others_alone():
    plain = Synthetic(**SMALL).load().test
    changed = Synthetic(**SMALL, audio_snr_db=-5, audio_informative=0.0, tactile=True).load().test
    np.testing.assert_array_equal(plain.arrays["visual"], changed.arrays["visual"])
    assert (plain.arrays["audio"] != changed.arrays["audio"]).any()


def test_more_training_clips_leave_the_test_part_alone():
    few, many = (Synthetic(**{**SMALL, "num_train": count}).load() for count in (12, 60))
    np.testing.assert_array_equal(few.test.arrays["audio"], many.test.arrays["audio"])


def _first_step(array, floor):
    """The first step in which something happens, of each clip."""
    return (array.reshape(*array.shape[:2], -1).max(axis=2) > floor).argmax(axis=1)


@pytest.mark.parametrize("lag", [-2, -1, 0, 1, 2])
def test_sound_and_touch_follow_the_picture_by_the_lag(lag):
    silent = {"audio_snr_db": np.inf, "visual_snr_db": np.inf, "tactile_snr_db": np.inf}
    arrays = Synthetic(**SMALL, **silent, tactile=True, lag=lag).load().test.arrays
    seen, heard, felt = (
        _first_step(arrays["visual"], 64),
        _first_step(arrays["audio"], -10),
        _first_step(arrays["tactile"], 0),
    )
    np.testing.assert_array_equal(heard - seen, lag)
    np.testing.assert_array_equal(felt - seen, lag)


def test_informative_is_the_share_of_clips_that_show_their_class():
    settings = Synthetic(visual_informative=0.4)
    kinds = np.tile(np.arange(3), 4000)
    shown = settings._shown(kinds, 0.4, np.random.default_rng(0))
    assert (shown == kinds).mean() == pytest.approx(0.4 + 0.6 / 3, abs=0.02)
    np.testing.assert_array_equal(settings._shown(kinds, 1.0, np.random.default_rng(0)), kinds)


@pytest.mark.parametrize("motion", ["moving", "static"])
def test_exported_clips_are_read_back_exactly(tmp_path, motion):
    settings = Synthetic(**SMALL, motion=motion, audio_snr_db=np.inf, visual_snr_db=np.inf)
    dataset = settings.load()
    files = settings.export(tmp_path / "clips", count=4)
    assert sorted((tmp_path / "clips").iterdir()) == sorted(files)
    reader = settings.reader(dataset.spec)
    clips = reader.group(files)
    assert [name.partition("-")[2] for name in clips] == [dataset.spec.names[k] for k in dataset.test.labels[:4]]
    for number, clip in enumerate(clips.values()):
        for modality, values in reader.read(clip).items():
            np.testing.assert_array_equal(values, dataset.test.arrays[modality][number])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    settings = Synthetic(**SMALL)
    for folder in ("file", "file/clips"):
        with pytest.raises(ColliculusError, match=r"file.* cannot be written \(.+\): "):
            settings.export(tmp_path / folder)


def test_one_file_of_a_clip_is_enough(tmp_path):
    settings = Synthetic(**SMALL)
    sound, picture = settings.export(tmp_path, count=1)
    reader = settings.reader(settings.spec)
    read = [list(reader.read(clip)) for file in (sound, picture) for clip in reader.group([file]).values()]
    assert read == [["audio"], ["visual"]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_classes": 13}, "2 to 12"),
        ({"num_classes": 1}, "2 to 12"),
        ({"num_test": 5}, "at least `num_classes`"),
        ({"visual_informative": 1.5}, "`visual_informative` is a share"),
        ({"audio_snr_db": float("nan")}, "`audio_snr_db` must be at least"),
        ({"steps": 0}, "`steps`"),
        ({"lag": 3}, "-2 to 2 with 4 steps"),
        ({"lag": 1, "motion": "static"}, "0 to 0"),
    ],
)
def test_settings_out_of_range(wrong, message):
    with pytest.raises(ColliculusError, match=message):
        Synthetic(**wrong)


def test_a_shape_travels_in_the_direction_of_its_kind():
    kinds, active = np.arange(4), np.ones((4, 3), dtype=bool)
    frames = shapes(kinds, active, num_kinds=4, size=64, rng=np.random.default_rng(0))
    pixels = np.arange(64)
    mass = frames.sum(axis=(2, 3))
    x, y = (frames.sum(axis=2) * pixels).sum(axis=2) / mass, (frames.sum(axis=3) * pixels).sum(axis=2) / mass
    travel = np.stack([x[:, 2] - x[:, 0], y[:, 2] - y[:, 0]], axis=1) / 64
    np.testing.assert_allclose(travel, 0.4 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]), atol=0.01)


def test_every_shape_is_a_shape_of_its_own():
    kinds, active = np.arange(len(SHAPES)), np.ones((len(SHAPES), 1), dtype=bool)
    frames = shapes(kinds, active, num_kinds=len(SHAPES), size=32, rng=np.random.default_rng(0))
    assert frames.min() == 0
    assert (frames.max(axis=(1, 2, 3)) == 1).all()
    assert all(0.02 < frame.mean() < 0.3 for frame in frames)


def test_pressure_points_in_the_direction_of_its_kind():
    maps = pressure(np.array([0, 1]), np.ones((2, 1), dtype=bool), num_kinds=2, size=32, rng=np.random.default_rng(0))
    along_x, along_y = ((maps > 0.2).any(axis=axis).sum(axis=-1).ravel() for axis in (2, 3))
    assert along_x[0] > 2 * along_y[0]
    assert along_y[1] > 2 * along_x[1]


def _crossings(wave, parts=4):
    """How often each of some consecutive parts crosses zero: a measure of its pitch."""
    return (np.diff(np.sign(wave.reshape(parts, -1)), axis=1) != 0).sum(axis=1)


def test_sounds_are_what_they_are_called():
    kinds, active = np.arange(len(SOUNDS)), np.ones((len(SOUNDS), 4), dtype=bool)
    waves = sounds(kinds, active, step_samples=1024, rate_hz=8000, rng=np.random.default_rng(0))
    assert np.abs(waves).max() <= 0.2
    named = dict(zip(SOUNDS, waves, strict=True))
    assert np.ptp(_crossings(named["tone"])) <= 2
    assert (np.diff(_crossings(named["rise"])) > 50).all()
    assert (np.diff(_crossings(named["fall"])) < -50).all()
    loud = {name: np.mean(np.abs(wave) > 0.2 * np.abs(wave).max()) for name, wave in named.items()}
    assert loud["clicks"] < 0.25 < loud["tone"]
    flatness = {
        name: np.median(np.abs(np.fft.rfft(wave))) / np.abs(np.fft.rfft(wave)).max() for name, wave in named.items()
    }
    assert max(flatness, key=flatness.__getitem__) == "burst"


def test_a_sound_is_silent_outside_its_event():
    active = np.array([[False, True, False]])
    wave = sounds(np.array([2]), active, step_samples=100, rate_hz=8000, rng=np.random.default_rng(0))[0]
    assert not wave[:100].any()
    assert not wave[200:].any()
    assert wave[110:190].all()


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
def test_noise_has_the_power_asked_for(snr_db):
    signal = np.random.default_rng(0).uniform(0, 1, (3, 40_000)) * np.array([[1.0], [5.0], [0.0]])
    noise = add_noise(signal, snr_db, np.random.default_rng(1)) - signal
    ratio_db = 10 * np.log10(np.square(signal[:2]).mean(axis=1) / np.square(noise[:2]).mean(axis=1))
    np.testing.assert_allclose(ratio_db, snr_db, atol=0.1)
    assert not noise[2].any()


def test_onsets_are_the_same_at_any_lag():
    def first_frames(**changes):
        settings = {"num_classes": 2, "num_train": 64, "num_validation": 2, "num_test": 2, "size": 8, "steps": 10}
        clips = Synthetic(**settings, visual_snr_db=float("inf"), **changes).load().train
        shown = clips.batch(np.arange(len(clips)), epoch=0).inputs["visual"].flatten(2).std(dim=2) > 0  # (T, B)
        return set(shown.int().argmax(dim=0).tolist())

    assert first_frames(onsets=2, lag=0) == first_frames(onsets=2, lag=4) == {0, 1}
    assert first_frames(lag=0) == {0, 1, 2, 3, 4, 5}
    with pytest.raises(ColliculusError, match="choose 1 to 2 with lag 4"):
        Synthetic(steps=10, lag=4, onsets=3)
