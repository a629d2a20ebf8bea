from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.data.augment import Augment
from colliculus.data.dataset import Normalisation
from colliculus.data.prepared import Prepared, _kinds
from colliculus.evaluation.corruption.acoustic import AcousticNoise
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

SPECTRUM = Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 8))
RECIPE = FolderRecipe(audio=Sound(duration_s=0.2, spectrogram=SPECTRUM), visual=Frames(size=(8, 8), steps=2))
SAMPLED = FolderRecipe(
    audio=Sound(kind="waveform", duration_s=0.2, spectrogram=SPECTRUM, bits=32), visual=Frames(size=(8, 8), steps=2)
)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Two classes of ten; one clip has no sound, one no picture."""
    root = tmp_path_factory.mktemp("clips")
    for number in range(20):
        folder = root / ("cat", "dog")[number % 2]
        folder.mkdir(exist_ok=True)
        random = np.random.default_rng(number)
        if number != 4:
            soundfile.write(folder / f"{number}.wav", random.uniform(-0.5, 0.5, 1600), 8000)
        if number != 7:
            picture = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / f"{number}.png")
    (root / "dog" / "bad.wav").write_bytes(b"no sound")
    return root


@pytest.fixture(scope="module")
def root(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare(RECIPE, raw, folder, jobs=0)
    return folder


def rows_of(dataset):
    return {name: getattr(dataset, name).rows for name in ("train", "validation", "test")}


def test_every_usable_sample_is_in_one_part(root):
    dataset = Prepared(root=root).load()
    rows = np.concatenate(list(rows_of(dataset).values()))
    assert sorted(rows) == read_prepared(root).usable == [row for row in range(21) if row != 20]
    assert dataset.spec.modalities == ("audio", "visual")
    assert dataset.spec.steps == {"visual": 2}
    assert dataset.spec.sizes == {"audio": (8, 8), "visual": (8, 8)}
    assert dataset.spec.class_names == ("cat", "dog")
    assert "group-disjoint" in dataset.protocol


def test_without_a_share_for_validation_the_rest_is_trained_on(root):
    rows, before = rows_of(Prepared(root=root, validation_fraction=0).load()), rows_of(Prepared(root=root).load())
    assert sorted(rows["train"]) == sorted([*before["train"], *before["validation"]])
    assert (len(rows["validation"]), rows["test"].tolist()) == (0, before["test"].tolist())


def test_a_batch_is_what_was_stored_standardised(root):
    dataset = Prepared(root=root).load()
    folder, split = read_prepared(root), dataset.train
    indices = np.array([3, 0, 5])
    batch = split.batch(indices, epoch=0)
    labels = [dataset.spec.class_names.index(folder.samples[row].label) for row in split.rows[indices]]
    assert batch.labels.tolist() == labels
    for modality in ("audio", "visual"):
        array = folder.arrays[modality].memory_map()
        for place, row in enumerate(split.rows[indices]):
            held = modality not in folder.results[row].missing
            values = dataset.normalisation(modality, array[row]) if held else 0
            made = batch.inputs[modality]
            found = made[:, place] if modality == "visual" else made[place]
            np.testing.assert_allclose(found.numpy(), np.broadcast_to(values, found.shape), rtol=1e-6)


def test_statistics_are_of_the_training_samples_that_hold_the_modality(root):
    dataset, folder = Prepared(root=root).load(), read_prepared(root)
    for modality in ("audio", "visual"):
        rows = [row for row in dataset.train.rows if modality not in folder.results[row].missing]
        values = folder.arrays[modality].memory_map()[rows].astype(np.float64)
        axes = tuple(axis for axis in range(values.ndim) if axis != values.ndim - 3)
        np.testing.assert_allclose(dataset.normalisation.mean[modality], values.mean(axis=axes), rtol=1e-6)
        np.testing.assert_allclose(dataset.normalisation.std[modality], values.std(axis=axes), rtol=1e-6)


def test_what_a_sample_lacks_is_the_training_mean(root):
    dataset, folder = Prepared(root=root).load(), read_prepared(root)
    lacking = [o.row for o in folder.results if o.missing == ("audio",)]
    for split in (dataset.train, dataset.validation, dataset.test):
        for index in np.flatnonzero(np.isin(split.rows, lacking)):
            assert not split.batch(np.array([index]), epoch=0).inputs["audio"].any()
            return
    pytest.fail("no sample lacks its sound")


def test_stored_waveforms_give_the_same_batches(raw, root, tmp_path):
    prepare(SAMPLED, raw, tmp_path / "sampled", jobs=0)
    pictured, sampled = Prepared(root=root).load(), Prepared(root=tmp_path / "sampled").load()
    assert pictured.spec == sampled.spec
    np.testing.assert_array_equal(pictured.train.rows, sampled.train.rows)
    np.testing.assert_allclose(pictured.normalisation.mean["audio"], sampled.normalisation.mean["audio"], rtol=1e-4)
    one, other = (d.train.batch(np.arange(5), epoch=0).inputs["audio"] for d in (pictured, sampled))
    np.testing.assert_allclose(one, other, atol=1e-3)
    assert one.shape == (5, 1, 8, 8)


@pytest.mark.parametrize("kind", ["acoustic", "babble"])
def test_stored_waveforms_take_acoustic_noise_and_spectrograms_do_not(raw, root, tmp_path, kind):
    prepare(SAMPLED, raw, tmp_path / "sampled", jobs=0)
    data, rows = Prepared(root=tmp_path / "sampled").load(), np.arange(3)
    assert Prepared(root=root).load().test.recordings(epoch=0) == {}
    recordings = data.test.recordings(epoch=0)["audio"]
    stored = read_prepared(tmp_path / "sampled").arrays["audio"].memory_map()
    np.testing.assert_allclose(recordings.waveform(2), stored[data.test.rows[2]])
    clean = data.test.batch(rows, epoch=0).inputs
    same = data.test.collate(recordings.inputs([recordings.waveform(row) for row in rows]), rows).inputs
    np.testing.assert_allclose(same["audio"], clean["audio"], atol=1e-5)
    noisy = AcousticNoise(data.test, "audio", 0.0, kind)(clean, rows)
    assert noisy["visual"] is clean["visual"]
    assert (noisy["audio"] - clean["audio"]).abs().amax((1, 2, 3)).min() > 0.1


def test_a_missing_sound_stays_missing_under_acoustic_noise(raw, tmp_path):
    (raw / "cat" / "0.wav").unlink()
    prepare(SAMPLED, raw, tmp_path / "p", jobs=0, incomplete="keep")
    folder = read_prepared(tmp_path / "p")
    split = Prepared(root=tmp_path / "p").load()
    lacking = [row for row, result in enumerate(folder.results) if "audio" in result.missing]
    for part in (split.train, split.validation, split.test):
        if len(found := np.flatnonzero(np.isin(part.rows, lacking))):
            noisy = AcousticNoise(part, "audio", 0.0, "acoustic")(part.batch(found, epoch=0).inputs, found)
            assert not noisy["audio"].any()
            return
    pytest.fail("no sample lacks its sound")


def test_the_fingerprint_follows_the_data_and_the_parts(raw, root, tmp_path):
    first = Prepared(root=root).load().fingerprint
    copy = shutil.copytree(root, tmp_path / "copy")
    assert Prepared(root=copy).load().fingerprint == first
    assert Prepared(root=root, fold=1).load().fingerprint != first
    assert Prepared(root=root, seed=1).load().fingerprint != first
    other = shutil.copytree(raw, tmp_path / "other")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(other / "cat" / "0.png")
    prepare(RECIPE, other, tmp_path / "changed", jobs=0)
    assert Prepared(root=tmp_path / "changed").load().fingerprint != first


def test_a_given_normalisation_is_used(root):
    own = Normalisation(mean={"audio": (1.0,)}, std={"audio": (2.0,)})
    dataset = Prepared(root=root).load(own)
    assert dataset.normalisation == own
    plain = Prepared(root=root, standardise=False).load()
    assert plain.normalisation.mean == {}
    one, other = (d.train.batch(np.array([0]), epoch=0).inputs["audio"] for d in (dataset, plain))
    np.testing.assert_allclose(one * 2 + 1, other, rtol=1e-5, atol=1e-5)


def test_training_is_augmented_and_nothing_else(root):
    def flipped(probability):
        augment = Augment()
        pictures = type(augment.pictures)(flip=type(augment.pictures.flip)(probability=probability))
        return Prepared(root=root, augment=type(augment)(pictures=pictures)).load()

    plain, varied = flipped(0.0), flipped(1.0)
    indices = np.arange(4)
    before, after = (d.train.batch(indices, epoch=0).inputs["visual"].numpy() for d in (plain, varied))
    np.testing.assert_allclose(after, before[..., ::-1])
    for name in ("validation", "test"):
        one, other = (getattr(d, name).batch(np.arange(2), epoch=0).inputs["visual"] for d in (plain, varied))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("recipe", [RECIPE, SAMPLED], ids=["spectrograms", "waveforms"])
def test_the_reader_reads_raw_files_as_they_were_prepared(raw, tmp_path, recipe):
    prepare(recipe, raw, tmp_path / "prepared", jobs=0)
    settings = Prepared(root=tmp_path / "prepared")
    dataset = settings.load()
    reader = settings.reader(dataset.spec)
    folder, split = read_prepared(tmp_path / "prepared"), dataset.train
    for index in range(3):
        sample = folder.samples[split.rows[index]]
        clips = reader.group([raw / file for file in sample.files.values()])
        arrays = reader.read(next(iter(clips.values())))
        batch = split.batch(np.array([index]), epoch=0)
        assert set(arrays) == set(sample.files)
        for modality, array in arrays.items():
            expected = batch.inputs[modality][:, 0] if modality == "visual" else batch.inputs[modality][0]
            np.testing.assert_allclose(dataset.normalisation(modality, array), expected, atol=1e-4)
    assert not reader.knows(Path("notes.txt"))
    with pytest.raises(ColliculusError, match="has an unknown ending"):
        reader.group([Path("notes.txt")])


def test_what_is_no_prepared_folder_is_told(root, tmp_path):
    with pytest.raises(ColliculusError, match=r"pass --data\.root ROOT"):
        Prepared().load()
    with pytest.raises(ColliculusError, match=r"has no prepare\.yaml"):
        Prepared(root=tmp_path).load()
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "audio.npy").unlink()
    with pytest.raises(ColliculusError, match=r"audio\.npy cannot be read"):
        Prepared(root=copy).load()
    with pytest.raises(ColliculusError, match="`fold` 0 to 4"):
        Prepared(fold=5)
    with pytest.raises(ColliculusError, match="`seed`"):
        Prepared(seed=-1)


def test_arrays_stay_on_the_disk(root):
    split = Prepared(root=root).load().train
    for array in split.arrays.values():
        base = array
        while base is not None and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)


def split_clips(raw, root):
    """`raw` with every fifth clip in `test`."""
    for file in raw.glob("*/*"):
        if file.stem != "bad":
            target = root / ("test" if int(file.stem) % 5 == 0 else "train") / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    return root


def test_a_split_of_the_user_is_kept_unless_folds_are_asked_for(raw, tmp_path):
    prepare(RECIPE, split_clips(raw, tmp_path / "split"), tmp_path / "out", jobs=0)
    dataset, samples = Prepared(root=tmp_path / "out").load(), read_prepared(tmp_path / "out").samples
    assert dataset.protocol == "given, validation from training"
    assert dataset.test.rows.tolist() == [row for row, sample in enumerate(samples) if sample.split == "test"]
    assert Prepared(root=tmp_path / "out", protocol="honest").load().protocol.startswith("group-disjoint")
    with pytest.raises(ColliculusError, match="`given` has no folds, and `fold` is 1"):
        Prepared(root=tmp_path / "out", fold=1).load()


def test_the_split_of_a_publisher_is_taken_only_where_it_is_asked_for(raw, tmp_path):
    prepare(RECIPE, split_clips(raw, tmp_path / "split"), tmp_path / "out", jobs=0)
    seal = tmp_path / "out" / "prepare.yaml"
    text = seal.read_text()
    assert text.count("name: folder") == 1
    seal.write_text(text.replace("name: folder", "name: ave"))
    assert Prepared(root=tmp_path / "out").load().protocol.startswith("group-disjoint")
    assert Prepared(root=tmp_path / "out", protocol="paper").load().protocol.startswith("paper")


def test_what_is_neither_sound_nor_image_is_a_series_or_a_map_by_its_height():
    class Stored(NamedTuple):
        shape: tuple[int, ...]

    kinds = _kinds({"imu": Stored((6, 1, 128)), "steps": Stored((4, 6, 1, 8)), "depth": Stored((8, 1, 32, 32))})
    assert kinds == {"imu": "series", "steps": "series", "depth": "maps"}
