from __future__ import annotations

from collections import Counter

import pytest
import raw_trees

from colliculus.corpus.recipes.urbansound8k_av import UrbanSound8KAV
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("urbansound8k-av")


def test_a_slice_is_reported_by_its_class_and_name(raw):
    samples = UrbanSound8KAV().samples(raw)
    assert [sample.name for sample in samples[:3]] == [
        "dog_bark/3000-3-0-0",
        "dog_bark/3000-3-0-1",
        "dog_bark/3001-3-0-0",
    ]
    assert (samples[2].label, samples[2].group, samples[2].stratum) == ("dog_bark", "3001", None)
    assert samples[2].files == {
        "audio": "Dataset_v3_sound/dog_bark/3001-3-0-0.wav",
        "visual": "Dataset_v3_vision/dog_bark/3001-3-0-0.jpg",
    }


def test_the_papers_train_on_the_first_seven_tenths_of_each_class(raw):
    samples = UrbanSound8KAV().samples(raw)
    assert Counter((s.label, s.split) for s in samples) == {
        (label, split): count for label in ("dog_bark", "siren") for split, count in (("train", 8), ("test", 4))
    }  # 7/10 of 12 is 8.4
    split = {sample.name: sample.split for sample in samples}
    assert (split["siren/8003-8-0-1"], split["siren/8004-8-0-0"]) == ("train", "test")


def test_the_papers_split_parts_recordings(raw):
    """What the honest protocol is there for: a recording with slices on both sides."""
    for folder, suffix in (("Dataset_v3_sound", "wav"), ("Dataset_v3_vision", "jpg")):
        (raw / f"{folder}/siren/8005-8-0-1.{suffix}").unlink()
    sides: dict[str, set[str]] = {}
    for sample in UrbanSound8KAV().samples(raw):
        sides.setdefault(sample.group, set()).add(sample.split)
    assert {group for group, splits in sides.items() if len(splits) > 1} == {"8003"}  # 7/10 of 11 is 7.7


def test_a_name_that_tells_no_recording_stands_alone(raw):
    (raw / "Dataset_v3_sound/siren/own recording.wav").write_bytes(b"RIFF")
    sample = UrbanSound8KAV().samples(raw)[-1]
    assert (sample.name, sample.group, sample.modalities) == ("siren/own recording", "siren/own recording", ("audio",))


def test_pointers_and_another_layout_are_refused(raw, tmp_path):
    with pytest.raises(ColliculusError, match="has no folder 'Dataset_v3_sound'"):
        UrbanSound8KAV().samples(tmp_path)
    (raw / "Dataset_v3_sound/dog_bark/3000-3-0-0.wav").write_bytes(raw_trees.POINTER)
    with pytest.raises(ColliculusError, match=r"3000-3-0-0\.wav is a git-lfs pointer"):
        UrbanSound8KAV().samples(raw)


def test_two_pictures_of_one_name_are_refused(raw):
    (raw / "Dataset_v3_vision/siren/8000-8-0-0.png").write_bytes(b"PNG")
    with pytest.raises(ColliculusError, match=r"8000-8-0-0\.png and .*8000-8-0-0\.jpg have the same name"):
        UrbanSound8KAV().samples(raw)
