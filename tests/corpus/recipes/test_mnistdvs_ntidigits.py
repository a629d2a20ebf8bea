from __future__ import annotations

from collections import Counter, defaultdict

import h5py
import numpy as np
import pytest
import raw_trees

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.recipes.mnistdvs_ntidigits import MnistDvsNtidigits
from colliculus.data.prepared import Prepared
from colliculus.media.event_files import read_cochlea
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("mnistdvs-ntidigits")


def test_a_pair_is_of_one_digit(raw):
    samples = MnistDvsNtidigits().samples(raw)
    assert len(samples) == 60  # ten digits by six speakers
    for sample in samples:
        entry = sample.files["audio"].removeprefix("n-tidigits.hdf5::")
        part, spoken = entry.split("/")
        speaker, digit = spoken.rsplit("-a-", 1)
        assert sample.label == ("0" if digit in "oz" else digit)
        assert sample.files["visual"].startswith(f"grabbed_data{sample.label}/scale4/mnist_{sample.label}_scale04_")
        assert (sample.split, sample.group, sample.stratum) == (part, speaker, speaker.split("-")[0])
        assert len(read_cochlea(raw / "n-tidigits.hdf5", entry).t_s) == 30


def test_oh_and_zero_are_both_nought(raw):
    spoken = [s.files["audio"][-1] for s in MnistDvsNtidigits().samples(raw) if s.label == "0"]
    assert Counter(spoken) == {"z": 4, "o": 2}


def test_connected_digits_cannot_be_used(raw):
    with h5py.File(raw / "n-tidigits.hdf5") as file:
        labels = [label.decode() for label in file["train_labels"]]
    assert "man-ae-a-1z3" in labels
    assert not any("1z3" in sample.files["audio"] for sample in MnistDvsNtidigits().samples(raw))


def test_honest_pairs_use_no_recording_twice(raw):
    samples = MnistDvsNtidigits().samples(raw)
    for modality in ("audio", "visual"):
        assert len({sample.files[modality] for sample in samples}) == len(samples)
    speakers = {part: {s.group for s in samples if s.split == part} for part in ("train", "test")}
    assert not speakers["train"] & speakers["test"]


def test_where_recordings_are_few_both_parts_get_their_share(raw):
    for number in range(4, 9):
        (raw / f"grabbed_data7/scale4/mnist_7_scale04_{number:04d}.aedat").unlink()
    parts = Counter(sample.split for sample in MnistDvsNtidigits().samples(raw) if sample.label == "7")
    assert parts == {"train": 1, "test": 1}  # half of three, for each three speakers


def test_pairs_of_the_papers_are_of_a_fixed_number(raw):
    samples = MnistDvsNtidigits(pairs="paper", pairs_per_digit=4).samples(raw)
    assert Counter((s.label, s.split) for s in samples) == {
        (str(digit), part): 4 for digit in range(10) for part in ("train", "test")
    }
    videos = {part: {s.files["visual"] for s in samples if s.split == part} for part in ("train", "test")}
    assert len(videos["train"]) == len(videos["test"]) == 40
    assert not videos["train"] & videos["test"]
    heard: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        heard[f"{sample.label} {sample.split}"][sample.files["audio"]] += 1
    assert all(sorted(counts.values()) == [1, 1, 2] for counts in heard.values())  # three voices in four pairs


def test_the_seed_decides_the_pairs(raw):
    first, again, other = (MnistDvsNtidigits(seed=seed).samples(raw) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert {sample.files["audio"] for sample in first} == {sample.files["audio"] for sample in other}


def test_bad_settings_are_refused():
    with pytest.raises(ColliculusError, match="pairs_per_digit"):
        MnistDvsNtidigits(pairs_per_digit=0)


def test_what_is_missing_is_named(raw, tmp_path):
    with pytest.raises(ColliculusError, match=r"n-tidigits\.hdf5 is not a file"):
        MnistDvsNtidigits().samples(tmp_path)
    with pytest.raises(ColliculusError, match="has no folder 'grabbed_data0/scale8'"):
        MnistDvsNtidigits(scale=8).samples(raw)
    for file in (raw / "grabbed_data9/scale4").iterdir():
        file.unlink()
    with pytest.raises(ColliculusError, match=r"holds no mnist_9_scale04_0001\.aedat.*grabbed_data9\.zip"):
        MnistDvsNtidigits().samples(raw)
    with h5py.File(raw / "n-tidigits.hdf5", "a") as file:
        kept = [label for label in file["test_labels"][()] if not label.endswith(b"-4")]
        del file["test_labels"]
        file["test_labels"] = np.array(kept)
    with pytest.raises(ColliculusError, match="has no digit 4 in its test part"):
        MnistDvsNtidigits().samples(raw)
    (raw / "n-tidigits.hdf5").write_bytes(raw_trees.POINTER)
    with pytest.raises(ColliculusError, match="git lfs pull"):
        MnistDvsNtidigits().samples(raw)
    (raw / "n-tidigits.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ColliculusError, match=r"n-tidigits\.hdf5 cannot be decoded"):
        MnistDvsNtidigits().samples(raw)


def test_s_cmrl_is_fed_sixteen_frames_of_counts(raw):
    sample = MnistDvsNtidigits().samples(raw)[0]
    counts = {m: storage.read(raw / sample.files[m], sample) for m, storage in MnistDvsNtidigits().storages.items()}
    assert {m: array.shape for m, array in counts.items()} == {"audio": (16, 1, 28, 28), "visual": (16, 2, 28, 28)}
    assert counts["visual"].sum() == 40  # no event is lost
    assert counts["visual"].sum(axis=(0, 2, 3)).tolist() == [20, 20]
    assert counts["audio"].any(axis=(1, 2, 3)).all()  # spread evenly over its time


def test_pairs_of_the_papers_have_the_protocol_of_the_papers(raw, tmp_path):
    prepare(MnistDvsNtidigits(pairs="paper", pairs_per_digit=4), raw, tmp_path / "out", jobs=0)
    samples = read_prepared(tmp_path / "out").samples
    dataset = Prepared(root=tmp_path / "out", protocol="paper").load()
    assert len(dataset.test) == len(dataset.train) + len(dataset.validation) == 40
    assert {samples[row].split for row in dataset.test.rows} == {"test"}
    assert dataset.spec.steps == {"audio": 16, "visual": 16}
