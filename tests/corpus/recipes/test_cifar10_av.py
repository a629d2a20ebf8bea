from __future__ import annotations

from collections import Counter

import pytest
import raw_trees

from colliculus.corpus.recipes.cifar10_av import CIFAR10AV
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("cifar10-av")


def test_the_lists_say_what_there_is(raw):
    samples = CIFAR10AV().samples(raw)
    assert Counter((sample.label, sample.split) for sample in samples) == {
        (label, split): count for label in ("cat", "dog") for split, count in (("train", 8), ("test", 4))
    }
    assert samples[0].files == {"audio": "sounds/cat4.wav", "visual": "pictures/cat8.png"}


def test_what_shares_a_sound_stays_together(raw):
    groups = Counter(sample.group for sample in CIFAR10AV().samples(raw))
    assert len(groups) == 12
    assert set(groups.values()) == {2}


def test_a_chain_of_shared_files_is_one_group(raw):
    (raw / "train.csv").write_text(
        "audio,visual,label\nsounds/cat0.wav,pictures/cat0.png,cat\nsounds/cat1.wav,pictures/cat1.png,cat\n"
        "sounds/cat2.wav,pictures/cat2.png,cat\n"
    )
    (raw / "test.csv").write_text(
        "visual,audio,label\npictures/cat1.png,sounds/cat0.wav,cat\npictures/cat3.png,sounds/cat1.wav,cat\n"
    )
    samples = CIFAR10AV().samples(raw)
    groups = {sample.files["visual"] + sample.files["audio"]: sample.group for sample in samples}
    assert len(set(groups.values())) == 2
    assert Counter(groups.values()) == {"pictures/cat0.png": 4, "pictures/cat2.png": 1}


def test_a_missing_list_and_a_path_out_of_the_tree_are_refused(raw):
    with pytest.raises(ColliculusError, match=r"has no gone\.csv: write a list of audio,visual,label"):
        CIFAR10AV(split_list=("train.csv", "gone.csv")).samples(raw)
    (raw / "test.csv").write_text("audio,visual,label\n../secret.wav,pictures/cat0.png,cat\n")
    with pytest.raises(ColliculusError, match=r"\.\./secret\.wav"):
        CIFAR10AV().samples(raw)


def test_pointers_are_refused(raw):
    (raw / "sounds/cat4.wav").write_bytes(raw_trees.POINTER)
    with pytest.raises(ColliculusError, match=r"cat4\.wav is a git-lfs pointer"):
        CIFAR10AV().samples(raw)
