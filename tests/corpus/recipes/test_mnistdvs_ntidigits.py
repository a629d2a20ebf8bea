from __future__ import annotations

from collections import Counter, defaultdict

import h5py
import numpy as np
import pytest
import raw_trees

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.seal import read_prepared
from colliculus.corpus.recipes.mnistdvs_ntidigits import MnistDvsNtidigits
from colliculus.data.prepared import Prepared
from colliculus.media.event_files import read_cochlea
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("mnistdvs-ntidigits")


def test_a_pair_is_of_one_digit(raw):
    sources = MnistDvsNtidigits().sources(raw)
    assert len(sources) == 60  # ten digits by six speakers
    for source in sources:
        entry = source.files["audio"].removeprefix("n-tidigits.hdf5::")
        part, spoken = entry.split("/")
        speaker, digit = spoken.rsplit("-a-", 1)
        assert source.label == ("0" if digit in "oz" else digit)
        assert source.files["visual"].startswith(f"grabbed_data{source.label}/scale4/mnist_{source.label}_scale04_")
        assert (source.split, source.group, source.stratum) == (part, speaker, speaker.split("-")[0])
        assert len(read_cochlea(raw / "n-tidigits.hdf5", entry).t_s) == 30


def test_oh_and_zero_are_both_nought(raw):
    spoken = [s.files["audio"][-1] for s in MnistDvsNtidigits().sources(raw) if s.label == "0"]
    assert Counter(spoken) == {"z": 4, "o": 2}


def test_connected_digits_cannot_be_used(raw):
    with h5py.File(raw / "n-tidigits.hdf5") as file:
        labels = [label.decode() for label in file["train_labels"]]
    assert "man-ae-a-1z3" in labels
    assert not any("1z3" in source.files["audio"] for source in MnistDvsNtidigits().sources(raw))


def test_honest_pairs_use_no_recording_twice(raw):
    sources = MnistDvsNtidigits().sources(raw)
    for modality in ("audio", "visual"):
        assert len({source.files[modality] for source in sources}) == len(sources)
    speakers = {part: {s.group for s in sources if s.split == part} for part in ("train", "test")}
    assert not speakers["train"] & speakers["test"]


def test_where_recordings_are_few_both_parts_get_their_share(raw):
    for number in range(4, 9):
        (raw / f"grabbed_data7/scale4/mnist_7_scale04_{number:04d}.aedat").unlink()
    parts = Counter(source.split for source in MnistDvsNtidigits().sources(raw) if source.label == "7")
    assert parts == {"train": 1, "test": 1}  # half of three, for each three speakers


def test_pairs_of_the_papers_are_of_a_fixed_number(raw):
    sources = MnistDvsNtidigits(pairs="paper", pairs_per_digit=4).sources(raw)
    assert Counter((s.label, s.split) for s in sources) == {
        (str(digit), part): 4 for digit in range(10) for part in ("train", "test")
    }
    videos = {part: {s.files["visual"] for s in sources if s.split == part} for part in ("train", "test")}
    assert len(videos["train"]) == len(videos["test"]) == 40
    assert not videos["train"] & videos["test"]
    heard: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for source in sources:
        heard[f"{source.label} {source.split}"][source.files["audio"]] += 1
    assert all(sorted(counts.values()) == [1, 1, 2] for counts in heard.values())  # three voices in four pairs


def test_the_seed_decides_the_pairs(raw):
    first, again, other = (MnistDvsNtidigits(seed=seed).sources(raw) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert {source.files["audio"] for source in first} == {source.files["audio"] for source in other}


def test_bad_settings_are_refused():
    with pytest.raises(ColliculusError, match="pairs_per_digit"):
        MnistDvsNtidigits(pairs_per_digit=0)


def test_what_is_missing_is_named(raw, tmp_path):
    with pytest.raises(ColliculusError, match=r"n-tidigits\.hdf5 is no file"):
        MnistDvsNtidigits().sources(tmp_path)
    with pytest.raises(ColliculusError, match="has no folder 'grabbed_data0/scale8'"):
        MnistDvsNtidigits(scale=8).sources(raw)
    for file in (raw / "grabbed_data9/scale4").iterdir():
        file.unlink()
    with pytest.raises(ColliculusError, match=r"holds no mnist_9_scale04_0001\.aedat.*grabbed_data9\.zip"):
        MnistDvsNtidigits().sources(raw)
    with h5py.File(raw / "n-tidigits.hdf5", "a") as file:
        kept = [label for label in file["test_labels"][()] if not label.endswith(b"-4")]
        del file["test_labels"]
        file["test_labels"] = np.array(kept)
    with pytest.raises(ColliculusError, match="has no 4 alone in its test part"):
        MnistDvsNtidigits().sources(raw)
    (raw / "n-tidigits.hdf5").write_bytes(raw_trees.POINTER)
    with pytest.raises(ColliculusError, match="git lfs pull"):
        MnistDvsNtidigits().sources(raw)
    (raw / "n-tidigits.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ColliculusError, match=r"n-tidigits\.hdf5 cannot be decoded"):
        MnistDvsNtidigits().sources(raw)


def test_s_cmrl_is_fed_sixteen_frames_of_counts(raw):
    source = MnistDvsNtidigits().sources(raw)[0]
    counts = {m: storage.read(raw / source.files[m], source) for m, storage in MnistDvsNtidigits().storages.items()}
    assert {m: array.shape for m, array in counts.items()} == {"audio": (16, 1, 28, 28), "visual": (16, 2, 28, 28)}
    assert counts["visual"].sum() == 40  # no event is lost
    assert counts["visual"].sum(axis=(0, 2, 3)).tolist() == [20, 20]
    assert counts["audio"].any(axis=(1, 2, 3)).all()  # spread evenly over its time


def test_pairs_of_the_papers_have_the_protocol_of_the_papers(raw, tmp_path):
    prepare(MnistDvsNtidigits(pairs="paper", pairs_per_digit=4), raw, tmp_path / "out", jobs=0)
    sources = read_prepared(tmp_path / "out").sources
    dataset = Prepared(root=tmp_path / "out", protocol="paper").load()
    assert len(dataset.test) == len(dataset.train) + len(dataset.validation) == 40
    assert {sources[row].split for row in dataset.test.rows} == {"test"}
    assert dataset.spec.steps == {"audio": 16, "visual": 16}
