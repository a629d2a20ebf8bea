from __future__ import annotations

import gzip
import wave
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
from PIL import Image

from colliculus.corpus.prepare.fetch_av_digits import MNIST_SHA256, RECORDINGS_SHA256, recordings_digest
from colliculus.data.augment import Augment
from colliculus.data.augment.images import Flip, ImageAugment
from colliculus.data.augment.mix import Mixup
from colliculus.data.augment.sound import Masks, SpectrogramAugment
from colliculus.data.av_digits import AVDigits
from colliculus.data.loading import epoch_batches
from colliculus.media.delta import SpectralDelta
from colliculus.media.digit_files import NUM_DIGITS, read_digit_images, read_speech
from colliculus.media.sound import read_sound
from colliculus.media.window import Window
from colliculus.types import ColliculusError

SPEAKERS = ("george", "jackson", "theo")
NUM_INDICES = 8
REAL = Path(__file__).parents[3] / "shared" / "data" / "av_digits"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="the real recordings and pictures are not here")


def _write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def _write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, len(samples), "NONE", ""))
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())


def _write_root(root):
    """Three speakers with 8 recordings of each digit; 20 training and 10 test pictures of each.

    Every picture is of one grey of its own part: training from 1, test from 201. Where the digit stands in the grey,
    the pairing can be read from the batches.
    """
    rng = np.random.default_rng(0)
    (root / "recordings").mkdir(parents=True)
    for digit in range(NUM_DIGITS):
        for speaker in SPEAKERS:
            for index in range(NUM_INDICES):
                samples = rng.integers(-9000, 9000, 400 + 40 * digit)
                _write_wav(root / "recordings" / f"{digit}_{speaker}_{index}.wav", samples)
    for part, count, first in (("train", 20, 1), ("t10k", 5, 201)):
        digits = np.repeat(np.arange(NUM_DIGITS, dtype=np.uint8), count)
        greys = np.arange(len(digits), dtype=np.uint8) + first
        _write_idx(root / f"{part}-images-idx3-ubyte.gz", np.broadcast_to(greys[:, None, None], (len(digits), 28, 28)))
        _write_idx(root / f"{part}-labels-idx1-ubyte.gz", digits)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    _write_root(folder)
    return folder


@pytest.fixture
def own_root(tmp_path):
    _write_root(tmp_path)
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
        (lambda root: _write_idx(root / "t10k-images-idx3-ubyte.gz", np.zeros((2, 3), np.uint8)), "not an MNIST file"),
        (lambda root: _write_idx(root / "t10k-labels-idx1-ubyte.gz", np.zeros(3, np.uint8)), "do not fit"),
        (lambda root: _write_idx(root / "t10k-labels-idx1-ubyte.gz", np.full(50, 11, np.uint8)), "do not fit"),
        (lambda root: _write_idx(root / "t10k-labels-idx1-ubyte.gz", np.zeros(50, np.uint8)), "class 1 "),
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


TASKS = ("same", "xor", "sum", "which", "lag")
BINDING = TASKS[:4]


def _written(part, images):
    """Digits of MNIST's images by their places, as `_write_root` wrote them."""
    return np.array(images) // (5 if part == "test" else 20)


def _label(task, spoken, written):
    match task:
        case "same":
            return int(spoken == written[0])
        case "xor":
            return spoken ^ written[0]
        case "sum":
            return (spoken + written[0]) % 10
        case "which":
            return [*written].index(spoken)
    return spoken


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_pairs_are_those_of_the_batches(root, task, part):
    """The grey tells the image, the spectrum the recording: both are those of the table, and give the label."""
    settings = AVDigits(root=root, size=16, task=task)
    dataset, epoch = settings.load(), 3
    split, pairs = getattr(dataset, part), settings.pairs(part, epoch=epoch)
    batch = split.batch(np.arange(len(split)), epoch=epoch)
    assert batch.labels.tolist() == [pair.label for pair in pairs] == split.labels.tolist()
    mean, std = (float(x["visual"][0]) for x in (dataset.normalisation.mean, dataset.normalisation.std))
    visual = np.rint(batch.inputs["visual"].numpy() * std + mean).astype(int)
    waveforms = dict(zip(*_by_name(root), strict=True))
    for row, pair in enumerate(pairs):
        spoken = int(pair.recording[0])
        assert pair.label == _label(task, spoken, _written(part, pair.images))
        frames = visual[:, row].max(axis=0) if task == "lag" else visual[row]
        greys = frames[0, 8, 4 if task == "which" else 8 :: 16 if task == "which" else 99].tolist()
        assert greys == [image + (201 if part == "test" else 1) for image in pair.images]
        if task != "lag":
            heard = dataset.normalisation("audio", settings.spectrogram(waveforms[pair.recording]))
            np.testing.assert_allclose(batch.inputs["audio"][row].numpy(), heard, atol=1e-5)


def _by_name(root):
    paths = sorted((root / "recordings").iterdir())
    return [path.name for path in paths], read_speech(root / "recordings").waveforms


@pytest.mark.parametrize("task", TASKS)
def test_parts_share_no_recording_and_no_image(root, task):
    settings = AVDigits(root=root, size=8, task=task)
    pairs = {part: [settings.pairs(part, epoch=e) for e in range(4)] for part in ("train", "validation", "test")}
    recordings = {part: {p.recording for epoch in found for p in epoch} for part, found in pairs.items()}
    images = {part: {i for epoch in found for p in epoch for i in p.images} for part, found in pairs.items()}
    assert len(set.union(*recordings.values())) == sum(map(len, recordings.values())) > 0
    assert not images["train"] & images["validation"]  # test images are in another file
    assert all(found[0] == found[3] for part, found in pairs.items() if part != "train")
    assert pairs["train"][0] != pairs["train"][3]


def test_pairs_are_written_to_a_table(root, tmp_path):
    settings = AVDigits(root=root, size=8, task="which", seed=5)
    settings.write_pairs(tmp_path / "pairs.csv")
    lines = (tmp_path / "pairs.csv").read_text().splitlines()
    assert lines[0] == "part,recording,images,label"
    assert lines[1:] == [
        f"{part},{p.recording},{p.images[0]} {p.images[1]},{p.label}"
        for part in ("validation", "test")
        for p in settings.pairs(part)
    ]
    with pytest.raises(ColliculusError, match="unknown part 'dev'"):
        settings.pairs("dev")


def test_xor_uses_two_digits_only(root):
    settings = AVDigits(root=root, size=8, task="xor")
    dataset = settings.load()
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (12, 6, 30)
    assert {p.recording[0] for part in ("train", "validation", "test") for p in settings.pairs(part)} == {"0", "1"}


def test_the_spec_of_each_task(root):
    names = {"same": ("different", "same"), "which": ("left", "right")}
    for task in ("digits", *TASKS):
        spec = AVDigits(task=task, size=16, delta=True).spec
        assert spec.num_classes == (2 if task in ("same", "xor", "which") else 10)
        assert spec.class_names == names.get(task, ())
        assert spec.sizes == {"audio": (16, 16), "visual": (16, 32 if task == "which" else 16), "delta": (16, 16)}
        assert spec.steps == (dict.fromkeys(spec.modalities, 8) if task == "lag" else {})
        batch = AVDigits(root=root, task=task, size=16, delta=True).load().train.batch(np.arange(3), epoch=1)
        assert {m: x.shape[-3:] for m, x in batch.inputs.items()} == {m: (1, *spec.sizes[m]) for m in spec.modalities}


def test_silence_of_a_lagged_sound_is_that_of_an_empty_recording(root):
    settings = AVDigits(root=root, task="lag", steps=4, lag=2, size=16, delta=True)
    dataset = settings.load()
    batch = dataset.test.batch(np.arange(5), epoch=0)
    nothing = np.zeros(4000, np.float32)
    for modality, made in (("audio", settings.spectrogram), ("delta", settings.spectral_delta)):
        silent = dataset.normalisation(modality, made(nothing))
        x = batch.inputs[modality].numpy()
        np.testing.assert_allclose(x[:2], np.broadcast_to(silent, x[:2].shape), atol=1e-5)
        assert (np.abs(x[2:] - silent).max(axis=(2, 3, 4)) > 0.1).all()
    assert (batch.inputs["visual"][2:] == dataset.normalisation("visual", np.zeros((1, 1, 1)))[0, 0, 0]).all()


def test_fingerprints_tell_tasks_apart(root):
    settings = [{}, *({"task": task} for task in TASKS), {"task": "lag", "lag": 3}, {"task": "lag", "steps": 6}]
    prints = [AVDigits(root=root, size=8, **some).load().fingerprint for some in settings]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("task", ["digits", *TASKS])
def test_without_a_validation_part(root, task):
    settings = AVDigits(root=root, size=8, task=task, validation_fraction=0.0)
    dataset, with_part = settings.load(), AVDigits(root=root, size=8, task=task).load()
    assert len(dataset.validation) == 0
    assert len(dataset.train) == len(with_part.train) + len(with_part.validation)
    assert settings.pairs("validation") == ()
    every = dataset.train.batch(np.arange(len(dataset.train)), epoch=0).inputs["audio"]
    assert every.mean().item() == pytest.approx(0, abs=1e-3)


def test_augmentation_and_tasks(root):
    mirror = Augment(pictures=ImageAugment(flip=Flip(probability=0.5)))
    noise = Augment(spectrograms=SpectrogramAugment(time_masks=Masks(num=2)), mixup=Mixup(probability=0.5))
    with pytest.raises(ColliculusError, match="change sides"):
        AVDigits(task="which", augment=mirror)
    for task in TASKS:
        plain, varied = (AVDigits(root=root, size=8, task=task, augment=a).load() for a in (Augment(), noise))
        rows = np.arange(len(plain.train))
        before, after = (data.train.batch(rows, epoch=1) for data in (plain, varied))
        assert after.labels.shape == (len(rows), plain.spec.num_classes)
        assert {m: x.shape for m, x in before.inputs.items()} == {m: x.shape for m, x in after.inputs.items()}
        assert (before.inputs["audio"] != after.inputs["audio"]).any()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"task": "or"}, "unknown task 'or'"),
        ({"task": "lag", "lag": 5}, "`lag` 5"),
        ({"task": "lag", "lag": -1}, "`lag` -1"),
        ({"task": "lag", "steps": 7}, "`steps` is 7"),
        ({"task": "lag", "steps": 2}, "`steps` is 2"),
        ({"task": "same", "lag": 1}, '`lag` is 1, which has no effect with `task` "same"'),
        ({"steps": 6}, "`steps` is 6, which has no effect"),
    ],
)
def test_settings_of_tasks_that_make_no_sense(settings, told):
    with pytest.raises(ColliculusError, match=told):
        AVDigits(**settings)


def test_a_file_of_two_digits_side_by_side_can_be_predicted_and_a_lag_cannot(root, tmp_path):
    halves = np.concatenate([np.full((28, 28), 50), np.full((28, 28), 90)], axis=1).astype(np.uint8)
    Image.fromarray(halves).save(tmp_path / "clip.png")
    settings = AVDigits(root=root, size=16, task="which")
    reader = settings.reader(settings.spec)
    (clip,) = reader.group([tmp_path / "clip.png"]).values()
    assert reader.read(clip)["visual"][0, 8, ::31].tolist() == [50, 90]
    with pytest.raises(ColliculusError, match="do not move"):
        AVDigits(task="lag").reader(AVDigits(task="lag").spec)


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
