from __future__ import annotations

from collections import Counter

import pytest

from colliculus.corpus.recipes.kinetics_sounds import KineticsSounds
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("kinetics-sounds")


def test_clips_of_one_video_stay_together(raw):
    samples = KineticsSounds().samples(raw)
    assert Counter((sample.label, sample.split) for sample in samples) == {
        (label, split): count
        for label in ("playing organ", "tap dancing")
        for split, count in (("train", 8), ("test", 4))
    }
    assert {sample.group for sample in samples if sample.name.startswith("0_train0002_")} == {"0_train0002"}
    assert len({sample.group for sample in samples}) == 12


def test_the_folder_val_is_the_test_where_there_is_no_other(raw):
    (raw / "train").rename(raw / "val")
    assert {sample.split for sample in KineticsSounds().samples(raw)} == {"validation", "test"}
    (raw / "test").rename(raw / "train")
    assert {sample.split for sample in KineticsSounds().samples(raw)} == {"train", "test"}


def test_classes_alone_have_no_split_but_that_of_the_lists(raw, tmp_path):
    classes = tmp_path / "classes"
    (raw / "train").rename(classes)
    assert {sample.split for sample in KineticsSounds().samples(classes)} == {None}
    names = [f"{sample.name},{sample.label}" for sample in KineticsSounds().samples(classes)]
    (classes / "a.csv").write_text("\n".join(names[:12]))
    (classes / "b.csv").write_text("\n".join(names[12:]))
    splits = [sample.split for sample in KineticsSounds(split_list=("a.csv", "b.csv")).samples(classes)]
    assert splits == ["train"] * 12 + ["test"] * 4


def test_a_clip_of_two_classes_is_refused(raw):
    clip = raw / "train/tap dancing/0_train0000_000000_000010.mp4"
    (raw / "test/playing organ" / clip.name).write_bytes(clip.read_bytes())
    with pytest.raises(ColliculusError, match=r"0_train0000_000000_000010\.mp4 has the same name as"):
        KineticsSounds().samples(raw)


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(ColliculusError, match="has no clips named like"):
        KineticsSounds().samples(tmp_path)
