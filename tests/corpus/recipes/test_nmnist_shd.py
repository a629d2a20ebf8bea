from __future__ import annotations

from collections import Counter

import h5py
import numpy as np
import pytest

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.recipes.nmnist_shd import NmnistShd
from colliculus.data.prepared import Prepared
from colliculus.media.event_formats import read_events
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("nmnist-shd")


def row_of(sample):
    file, _, entry = sample.files["audio"].partition("::spikes/")
    return file, int(entry)


def test_a_pair_is_of_one_digit_of_one_part(raw):
    samples = NmnistShd().samples(raw)
    assert Counter(s.split for s in samples) == {"train": 80, "test": 40}  # of ten utterances for eight recordings
    labels, speakers = {}, {}
    for part in ("train", "test"):
        with h5py.File(raw / f"shd_{part}.h5") as file:
            labels[part], speakers[part] = file["labels"][()], file["extra/speaker"][()]
    for sample in samples:
        file, row = row_of(sample)
        assert file == f"shd_{sample.split}.h5"
        assert sample.files["visual"].startswith(f"{sample.split.title()}/{sample.label}/0000")
        assert labels[sample.split][row] % 10 == int(sample.label)
        assert sample.stratum == ("english" if labels[sample.split][row] < 10 else "german")
        assert sample.group == f"speaker {speakers[sample.split][row]}"
    assert {s.stratum for s in samples} == {"english", "german"}


def test_nothing_is_used_twice_and_the_test_has_unknown_speakers_alone(raw):
    samples = NmnistShd().samples(raw)
    for modality in ("audio", "visual"):
        assert len({s.files[modality] for s in samples}) == len(samples)
    speakers = {part: {s.group for s in samples if s.split == part} for part in ("train", "test")}
    assert speakers["test"] == {"speaker 5", "speaker 6"}
    assert not speakers["train"] & speakers["test"]


def test_the_test_of_the_papers_has_known_speakers_too(raw):
    for digit in (3, 4):
        (raw / f"Test/{digit}/00009.bin").write_bytes((raw / f"Test/{digit}/00001.bin").read_bytes())
    samples = NmnistShd(pairs="paper").samples(raw)
    known = [s for s in samples if s.split == "test" and s.group == "speaker 0"]
    assert {(s.label, s.stratum) for s in known} == {("3", "english"), ("4", "german")}
    assert len(samples) == 122


def test_words_are_twenty_classes(raw):
    labels = Counter(s.label for s in NmnistShd(classes="words").samples(raw) if s.split == "test")
    assert labels == {f"{digit} {language}": 2 for digit in range(10) for language in ("english", "german")}


def test_the_seed_decides_the_pairs(raw):
    first, again, other = (NmnistShd(seed=seed).samples(raw) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    with pytest.raises(ColliculusError, match="`seed` is -1"):
        NmnistShd(seed=-1)


def test_the_channels_of_the_cochlea_form_rows_of_neighbours(raw):
    with h5py.File(raw / "shd_test.h5") as file:
        times, units = file["spikes/times"][7].astype(float), file["spikes/units"][7].astype(int)
    events = read_events(raw / "shd_test.h5", "spikes/7")
    assert (28 * events.y + events.x).tolist() == units.tolist()
    assert (events.t_s.tolist(), events.sensor) == (times.tolist(), (25, 28))
    counts = np.zeros((10, 1, 25, 28), int)
    for t, unit in zip(times, units, strict=True):
        counts[min(int(10 * t / times.max()), 9), 0, unit // 28, unit % 28] += 1
    sample = next(s for s in NmnistShd().samples(raw) if row_of(s) == ("shd_test.h5", 7))
    stored = NmnistShd().audio.read(raw / sample.files["audio"], sample)
    np.testing.assert_array_equal(stored, counts)
    assert stored.sum() == 40
    assert NmnistShd().visual.read(raw / sample.files["visual"], sample).sum(axis=(0, 2, 3)).tolist() == [30, 30]


def test_validation_by_speakers(raw, tmp_path):
    prepare(NmnistShd(), raw, tmp_path / "p", jobs=0)
    samples = read_prepared(tmp_path / "p").samples
    data = Prepared(root=tmp_path / "p", protocol="given", validation_fraction=0.2).load()
    train, validation, test = (
        {samples[row].group for row in part.rows} for part in (data.train, data.validation, data.test)
    )
    assert (len(train), len(validation), test) == (4, 1, {"speaker 5", "speaker 6"})
    assert not train & validation
    assert (data.spec.num_classes, data.spec.steps) == (10, {"audio": 10, "visual": 10})
    assert (data.spec.size("audio"), data.spec.size("visual")) == ((25, 28), (34, 34))


def changed(path, **arrays):
    with h5py.File(path, "a") as file:
        for name, array in arrays.items():
            key = name.replace("__", "/")
            del file[key]
            file[key] = array


def test_what_is_missing_or_damaged_is_named(raw, tmp_path):
    with pytest.raises(ColliculusError, match=r"shd_train\.h5 is not a file"):
        NmnistShd().samples(tmp_path)
    changed(raw / "shd_test.h5", extra__speaker=np.zeros(42, int))
    with pytest.raises(ColliculusError, match=r'shd_test\.h5 has no digit 0 by a speaker .* `pairs` "paper"'):
        NmnistShd().samples(raw)
    changed(raw / "shd_test.h5", labels=np.full(42, 20))
    with pytest.raises(ColliculusError, match="labels beyond 0 to 19"):
        NmnistShd().samples(raw)
    changed(raw / "shd_test.h5", labels=np.zeros(41, int))
    with pytest.raises(ColliculusError, match="no label and speaker for each recording"):
        NmnistShd().samples(raw)
    for file in (raw / "Train/9").iterdir():
        file.unlink()
    changed(raw / "shd_test.h5", labels=np.arange(42) % 20)
    with pytest.raises(ColliculusError, match=r"Train/9 holds no 00001\.bin.*unpack Train\.zip"):
        NmnistShd().samples(raw)


@pytest.mark.parametrize(
    ("times", "units", "told"),
    [
        ([[0.1, 0.2]], [[1]], "is not a list of times and channels"),
        ([[]], [[]], "is not a list of times and channels"),
        ([[0.1, np.nan]], [[1, 2]], "is not a list of times and channels"),
        ([[0.1, -0.1]], [[1, 2]], "no channel 0 to 699"),
        ([[0.1, 0.1]], [[1, 700]], "no channel 0 to 699"),
        ([[0.1], [0.1]], [[1], [1]], r"no recording 'spikes/2': choose spikes/0 to 1"),
    ],
)
def test_a_damaged_recording_is_a_sentence(tmp_path, times, units, told):
    with h5py.File(tmp_path / "shd_test.h5", "w") as file:
        for name, kind, rows in (("times", "f2", times), ("units", "u2", units)):
            stored = file.create_dataset(f"spikes/{name}", (len(rows),), dtype=h5py.vlen_dtype(np.dtype(kind)))
            for i, row in enumerate(rows):
                stored[i] = np.array(row, kind)
    with pytest.raises(ColliculusError, match=told):
        read_events(tmp_path / "shd_test.h5", f"spikes/{len(times) * (len(times) > 1)}")
