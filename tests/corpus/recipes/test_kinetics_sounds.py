from __future__ import annotations

from collections import Counter

import pytest

from colliculus.corpus.recipes.kinetics_sounds import KineticsSounds
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("kinetics-sounds")


def test_clips_of_one_video_stay_together(raw):
    sources = KineticsSounds().sources(raw)
    assert Counter((source.label, source.split) for source in sources) == {
        (label, split): count
        for label in ("playing organ", "tap dancing")
        for split, count in (("train", 8), ("test", 4))
    }
    assert {source.group for source in sources if source.name.startswith("0_train0002_")} == {"0_train0002"}
    assert len({source.group for source in sources}) == 12


def test_the_folder_val_is_the_test_where_there_is_no_other(raw):
    (raw / "train").rename(raw / "val")
    assert {source.split for source in KineticsSounds().sources(raw)} == {"validation", "test"}
    (raw / "test").rename(raw / "train")
    assert {source.split for source in KineticsSounds().sources(raw)} == {"train", "test"}


def test_classes_alone_have_no_split_but_that_of_the_lists(raw, tmp_path):
    classes = tmp_path / "classes"
    (raw / "train").rename(classes)
    assert {source.split for source in KineticsSounds().sources(classes)} == {None}
    names = [f"{source.name},{source.label}" for source in KineticsSounds().sources(classes)]
    (classes / "a.csv").write_text("\n".join(names[:12]))
    (classes / "b.csv").write_text("\n".join(names[12:]))
    splits = [source.split for source in KineticsSounds(split_list=("a.csv", "b.csv")).sources(classes)]
    assert splits == ["train"] * 12 + ["test"] * 4


def test_a_clip_of_two_classes_is_refused(raw):
    clip = raw / "train/tap dancing/0_train0000_000000_000010.mp4"
    (raw / "test/playing organ" / clip.name).write_bytes(clip.read_bytes())
    with pytest.raises(ColliculusError, match=r"0_train0000_000000_000010\.mp4 has the name of"):
        KineticsSounds().sources(raw)


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(ColliculusError, match="holds none of clips named like"):
        KineticsSounds().sources(tmp_path)
