from __future__ import annotations

import gzip
import wave
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
from PIL import Image
from small_digits import NUM_INDICES, SPEAKERS, write_idx, write_root

from colliculus.corpus.prepare.fetch_av_digits import MNIST_SHA256, RECORDINGS_SHA256, recordings_digest
from colliculus.data.av_digits import AVDigits
from colliculus.data.loading import epoch_batches
from colliculus.media.delta import SpectralDelta
from colliculus.media.digit_files import NUM_DIGITS, read_digit_images, read_speech
from colliculus.media.sound import read_sound
from colliculus.media.window import Window
from colliculus.types import ColliculusError

REAL = Path(__file__).parents[3] / "shared" / "data" / "av_digits"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="the real recordings and pictures are not here")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    write_root(folder)
    return folder


@pytest.fixture
def own_root(tmp_path):
    write_root(tmp_path)
    return tmp_path


def _greys(dataset, part, epoch=0):
    """The grey of each picture of a part."""
    split = getattr(dataset, part)
    visual = split.batch(np.arange(len(split)), epoch=epoch).inputs["visual"].numpy()
    mean, std = dataset.normalisation.mean["visual"][0], dataset.normalisation.std["visual"][0]
    assert np.ptp(visual, axis=(1, 2, 3)).max() == 0
    return np.rint(visual[:, 0, 0, 0] * std + mean).astype(int)


def test_standard_protocol(root):
    dataset = AVDigits(root=root, size=16).load()
    assert dataset.protocol == "standard"
    assert np.bincount(dataset.test.labels).tolist() == [15] * NUM_DIGITS  # 3 speakers, indices 0..4
    assert np.bincount(dataset.validation.labels).tolist() == [3] * NUM_DIGITS  # at least one of each speaker's three
    assert np.bincount(dataset.train.labels).tolist() == [6] * NUM_DIGITS
    assert dataset.spec.input_shape("audio", 2) == (2, 1, 16, 16)


@pytest.mark.parametrize("fold", range(len(SPEAKERS)))
def test_speaker_out_tests_one_speaker_whole(root, fold):
    dataset = AVDigits(root=root, size=8, protocol="speaker-out", fold=fold).load()
    assert dataset.protocol == f"speaker-out fold {fold}"
    assert len(dataset.test) == NUM_DIGITS * NUM_INDICES
    assert len(dataset.train) + len(dataset.validation) == 2 * NUM_DIGITS * NUM_INDICES
    speech = read_speech(root / "recordings")
    settings = AVDigits(root=root, size=8)
    audio = np.stack(
        [settings.spectrogram(w) for w, s in zip(speech.waveforms, speech.speakers, strict=True) if s == SPEAKERS[fold]]
    )
    tested = dataset.test.batch(np.arange(len(dataset.test)), epoch=0).inputs["audio"].numpy()
    np.testing.assert_allclose(tested, dataset.normalisation("audio", audio), atol=1e-5)


def test_pictures_show_the_digit_and_never_leave_their_part(root):
    dataset = AVDigits(root=root, size=8).load()
    train = np.stack([_greys(dataset, "train", epoch) for epoch in range(30)])
    validation, test = _greys(dataset, "validation"), _greys(dataset, "test")
    np.testing.assert_array_equal((train - 1) // 20, np.tile(dataset.train.labels, (30, 1)))
    np.testing.assert_array_equal((validation - 1) // 20, dataset.validation.labels)
    np.testing.assert_array_equal((test - 201) // 5, dataset.test.labels)
    assert not set(validation) & set(train.ravel())
    assert len(set(train.ravel())) == NUM_DIGITS * 18  # over many epochs every training picture is shown
    assert all(len(set(epoch)) == len(epoch) for epoch in train)  # and none twice in one


def test_training_pairs_are_a_function_of_seed_and_epoch(root):
    first, again, other = (AVDigits(root=root, size=8, seed=seed).load() for seed in (0, 0, 1))
    np.testing.assert_array_equal(_greys(first, "train", 3), _greys(again, "train", 3))
    assert (_greys(first, "train", 3) != _greys(first, "train", 4)).any()
    assert (_greys(first, "train", 3) != _greys(other, "train", 3)).any()
    assert (_greys(first, "test") != _greys(other, "test")).any()


@pytest.mark.parametrize("part", ["validation", "test"])
def test_held_out_pairs_are_fixed(root, part):
    dataset = AVDigits(root=root, size=8).load()
    np.testing.assert_array_equal(_greys(dataset, part, 0), _greys(dataset, part, 7))


def test_a_sample_does_not_depend_on_its_batch(root):
    train = AVDigits(root=root, size=8).load().train
    whole = train.batch(np.arange(len(train)), epoch=2)
    some = train.batch(np.array([5, 2]), epoch=2)
    for modality, values in some.inputs.items():
        np.testing.assert_array_equal(values, whole.inputs[modality][[5, 2]])
    assert some.labels.tolist() == whole.labels[[5, 2]].tolist()


def test_standardised_by_training_or_as_told(root):
    dataset = AVDigits(root=root, size=8, delta=True).load()
    batch = next(epoch_batches(dataset.train, batch_size=100, seed=0, epoch=0, shuffle=True))
    for values in batch.inputs.values():
        assert values.mean().item() == pytest.approx(0, abs=1e-3)
        assert values.std().item() == pytest.approx(1, abs=1e-2)
    told = AVDigits(root=root, size=8, delta=True, protocol="speaker-out").load(dataset.normalisation)
    assert told.normalisation == dataset.normalisation


def test_delta_is_a_third_modality_of_the_same_utterances(root):
    settings = AVDigits(root=root, size=16, delta=True)
    two, three = AVDigits(root=root, size=16).load(), settings.load()
    assert three.spec == settings.spec
    assert three.spec.modalities == ("audio", "visual", "delta")
    for part in ("train", "validation", "test"):
        rows = np.arange(len(getattr(two, part)))
        before, after = (getattr(dataset, part).batch(rows, epoch=1) for dataset in (two, three))
        assert list(after.inputs) == ["audio", "visual", "delta"]
        assert before.labels.tolist() == after.labels.tolist()
        for modality, values in before.inputs.items():
            np.testing.assert_array_equal(values, after.inputs[modality])
    speech = read_speech(root / "recordings")
    heard = SpectralDelta(spectrogram=settings.spectrogram)
    expected = np.stack([heard(w) for w, i in zip(speech.waveforms, speech.indices, strict=True) if i < 5])
    tested = three.test.batch(np.arange(len(three.test)), epoch=0).inputs["delta"].numpy()
    np.testing.assert_allclose(tested, three.normalisation("delta", expected), atol=1e-5)


def test_the_fingerprint_of_runs_made_before_there_was_a_delta_is_kept(root):
    assert AVDigits(root=root, size=8).load().fingerprint == "770f0734b3dae29c"


def test_the_fingerprint_tells_data_apart(root):
    settings = [{}, {"protocol": "speaker-out"}, {"seed": 1}, {"size": 9}, {"scale": "mel"}, {"delta": True}]
    prints = [AVDigits(root=root, **{"size": 8, **some}).load().fingerprint for some in settings]
    assert len(set(prints)) == len(prints)
    assert AVDigits(root=root, size=8).load().fingerprint == prints[0]


def test_the_reader_reads_what_the_set_holds(root, tmp_path):
    settings = AVDigits(root=root, size=16, delta=True)
    dataset = settings.load()
    Image.fromarray(np.full((28, 28), 77, np.uint8)).save(tmp_path / "clip.png")
    (tmp_path / "clip.wav").write_bytes((root / "recordings" / "0_george_0.wav").read_bytes())
    reader = settings.reader(dataset.spec)
    (clip,) = reader.group(sorted(tmp_path.iterdir())).values()
    read = reader.read(clip)
    assert (read["visual"] == 77).all()
    first = dataset.test.batch(np.array([0]), epoch=0).inputs
    for modality in ("audio", "delta"):
        found = dataset.normalisation(modality, read[modality])
        np.testing.assert_allclose(found, first[modality].numpy()[0], atol=1e-5)
    (picture,) = reader.group([tmp_path / "clip.png"]).values()
    assert list(reader.read(picture)) == ["visual"]
    assert set(AVDigits(root=root, size=16).reader(dataset.spec).read(clip)) == {"audio", "visual"}


def test_plain_and_decoded_recordings_are_equal(root):
    waveforms = read_speech(root / "recordings").waveforms
    path = root / "recordings" / "0_george_0.wav"
    np.testing.assert_array_equal(waveforms[0], read_sound(path, Window(), 8000))


def test_recordings_of_another_rate_are_resampled(own_root):
    path = own_root / "recordings" / "0_george_0.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 1600, "NONE", ""))
        file.writeframes(bytes(3200))
    assert len(read_speech(own_root / "recordings").waveforms[0]) == pytest.approx(800, abs=8)


def _remove_recordings(root):
    for path in (root / "recordings").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "recordings").rename(root / "other"), "recordings does not exist"),
        (_remove_recordings, "no recording named like"),
        (lambda root: (root / "recordings" / "3_theo_1.wav").write_bytes(b""), "3_theo_1.wav is empty"),
        (
            lambda root: (root / "recordings" / "3_theo_1.wav").write_bytes(b"RIFF" * 20),
            "3_theo_1.wav cannot be decoded",
        ),
        (lambda root: (root / "t10k-images-idx3-ubyte.gz").unlink(), "t10k-images-idx3-ubyte.gz"),
        (lambda root: (root / "t10k-images-idx3-ubyte.gz").write_bytes(b"no gzip"), "is damaged"),
        (
            lambda root: (root / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08")),
            "not an MNIST file",
        ),
        (lambda root: write_idx(root / "t10k-images-idx3-ubyte.gz", np.zeros((2, 3), np.uint8)), "not an MNIST file"),
        (lambda root: write_idx(root / "t10k-labels-idx1-ubyte.gz", np.zeros(3, np.uint8)), "do not fit"),
        (lambda root: write_idx(root / "t10k-labels-idx1-ubyte.gz", np.full(50, 11, np.uint8)), "do not fit"),
        (lambda root: write_idx(root / "t10k-labels-idx1-ubyte.gz", np.zeros(50, np.uint8)), "class 1 "),
    ],
)
def test_damaged_data_give_one_sentence(own_root, damage, message):
    damage(own_root)
    with pytest.raises(ColliculusError, match=message) as caught:
        AVDigits(root=own_root, size=8).load()
    assert "\n" not in str(caught.value)


def test_a_truncated_picture_file(own_root):
    path = own_root / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ColliculusError, match="is damaged"):
        read_digit_images(own_root, "train")


def test_a_fold_that_the_data_lack(root):
    with pytest.raises(ColliculusError, match="`fold` is 3, and the recordings have 3 speakers: choose 0 to 2"):
        AVDigits(root=root, size=8, protocol="speaker-out", fold=3).load()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("size", 0), ("fold", -1), ("seed", -1), ("validation_fraction", -0.1), ("validation_fraction", 1.0)],
)
def test_settings_out_of_range(setting, value):
    with pytest.raises(ColliculusError, match=f"`{setting}`"):
        AVDigits(**{setting: value})


def test_a_folder_without_test_recordings(own_root):
    for path in (own_root / "recordings").glob("*_[0-4].wav"):
        path.unlink()
    with pytest.raises(ColliculusError, match="leaves no recordings for training or for the test"):
        AVDigits(root=own_root, size=8).load()


@needs_real_data
def test_real_files_are_the_published_ones():
    import hashlib

    assert recordings_digest(REAL / "recordings") == RECORDINGS_SHA256
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        assert hashlib.sha256((REAL / name).read_bytes()).hexdigest() == MNIST_SHA256[name]


@needs_real_data
def test_real_data(tmp_path):
    """The first ten recordings of each digit and speaker."""
    (tmp_path / "recordings").mkdir()
    for path in [*(REAL / "recordings").glob("*_[0-9].wav"), *REAL.glob("*.gz")]:
        copy(path, tmp_path / path.relative_to(REAL))
    dataset = AVDigits(root=tmp_path, size=16).load()
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (240, 60, 300)
    assert np.bincount(dataset.test.labels).tolist() == [30] * NUM_DIGITS
    batch = dataset.test.batch(np.arange(300), epoch=0)
    for modality in ("audio", "visual"):
        assert batch.inputs[modality].std().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("task", ["digits", "same", "sum", "which", "lag"])
@pytest.mark.parametrize("part", ["train", "test"])
def test_recordings_are_those_that_a_sample_is_made_of(root, task, part):
    split = getattr(AVDigits(root=root, size=16, delta=True, task=task).load(), part)
    rows = np.arange(0, len(split), 7)
    for epoch in (0, 1):
        recordings, values = split.recordings(epoch=epoch)["audio"], split.values(rows, epoch=epoch)
        made = recordings.inputs([recordings.waveform(row) for row in rows.tolist()])
        assert set(made) == {"audio", "delta"}
        for modality, inputs in made.items():
            np.testing.assert_array_equal(inputs, values[modality])
