"""The faults that published data sets are known for, planted in small trees of their layout and found by the audit."""

from __future__ import annotations

import shutil

import pytest
from raw_trees import POINTER

from colliculus.corpus.findings import examine
from colliculus.corpus.inspection import SampleInspection
from colliculus.corpus.recipes import RECIPES


def findings(name, raw):
    samples = RECIPES[name]().samples(raw)
    place = SampleInspection(raw)
    found = examine(samples, [place.prepare(i, sample) for i, sample in enumerate(samples)])
    return {finding.kind: finding.cases for finding in found if finding.untrustworthy}


@pytest.fixture
def crema_d(raw_tree):
    return raw_tree("crema-d")


@pytest.mark.parametrize("name", ["crema-d", "ave"])
def test_the_trees_are_clean(name, shared_tree):
    assert findings(name, shared_tree(name)) == {}


def test_a_sound_under_two_emotions(crema_d):
    sounds = crema_d / "AudioWAV"
    shutil.copy(sounds / "1001_DFA_ANG_XX.wav", sounds / "1001_DFA_HAP_XX.wav")
    assert findings("crema-d", crema_d) == {
        "content-with-two-labels": ("1001_DFA_ANG_XX [ANG], 1001_DFA_HAP_XX [HAP]",)
    }


def test_pointers_in_place_of_media(crema_d):
    for path in sorted((crema_d / "VideoFlash").iterdir())[1:]:  # of the first, the recipe itself complains
        path.write_bytes(POINTER)
    (told,) = findings("crema-d", crema_d).items()
    assert told[0] == "unreadable"
    assert len(told[1]) == 23
    assert all("git lfs pull" in item for item in told[1])


def test_a_video_in_two_lists_and_under_two_classes(raw_tree):
    raw = raw_tree("ave")
    with (raw / "testSet.txt").open("a") as file:
        file.write("Church bell&-vide_o0001&good&2&4\n")
    told = findings("ave", raw)
    assert told["group-in-two-splits"] == ("-vide_o0001 (train 1, test 1)",)
    assert told["content-in-two-splits"] == ("-vide_o0001#1, -vide_o0001#2 (train 1, test 1)",)
    assert "content-with-two-labels" not in told  # the recipe leaves both out of training


def test_the_papers_division_of_urban_sounds_leaks(raw_tree):
    raw = raw_tree("urbansound8k-av")
    for folder, suffix in (("Dataset_v3_sound", "wav"), ("Dataset_v3_vision", "jpg")):
        slices = raw / folder / "siren"
        (slices / f"8005-8-0-1.{suffix}").rename(slices / f"8000-8-0-2.{suffix}")  # now 70 % cuts a recording in two
    assert findings("urbansound8k-av", raw) == {"group-in-two-splits": ("8003 (train 1, test 1)",)}
