"""Tasks of AV-Digits whose label needs both modalities, or whose sound comes later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from small_digits import write_root

from colliculus.data.augment import Augment
from colliculus.data.augment.images import Flip, ImageAugment
from colliculus.data.augment.mix import Mixup
from colliculus.data.augment.sound import Masks, SpectrogramAugment
from colliculus.data.av_digits import AVDigits
from colliculus.media.digit_files import read_speech
from colliculus.types import ColliculusError

TASKS = ("same", "xor", "sum", "which", "lag")
BINDING = TASKS[:4]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    write_root(folder)
    return folder


def _written(part, images):
    """Digits of MNIST's images by their places, as `write_root` wrote them."""
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


@pytest.mark.parametrize(("task", "delta"), [("which", False), ("digits", True)])
def test_the_predictions_of_a_run_name_the_pairs(root, task, delta):
    settings = AVDigits(root=root, size=8, task=task, seed=5, delta=delta)
    dataset = settings.load()
    assert "train" not in dataset.samples  # its pairs change in every epoch
    for part, file in (("validation", "train"), ("test", "t10k")):
        named, pairs = dataset.samples[part], settings.pairs(part)
        assert [sample.label for sample in named] == [dataset.spec.names[p.label] for p in pairs]
        assert [dict(sample.files) for sample in named] == [
            {
                "audio": f"recordings/{p.recording}",
                "visual": f"{file}-images-idx3-ubyte.gz::{' '.join(map(str, p.images))}",
            }
            | ({"delta": f"recordings/{p.recording}"} if delta else {})
            for p in pairs
        ]
        assert len({sample.name for sample in named}) == len(pairs) > 0
        assert [settings.spec.names[label] for label in getattr(dataset, part).labels] == [s.label for s in named]
    whole = replace(settings, validation_fraction=0.0).load()
    assert (len(whole.samples["validation"]), len(whole.samples["test"])) == (0, len(whole.test))


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
