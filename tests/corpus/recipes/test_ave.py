from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import raw_trees

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.recipes.ave import AVE
from colliculus.data.prepared import Prepared
from colliculus.types import ColliculusError


@pytest.fixture
def raw(raw_tree):
    return raw_tree("ave")


def add(raw, file, line):
    with (raw / file).open("a") as lines:
        lines.write(line + "\n")


def of_video(raw, video):
    return [sample for sample in AVE().samples(raw) if sample.group == video]


def test_an_event_is_a_part_of_its_video(raw):
    samples = AVE().samples(raw)
    assert Counter(sample.split for sample in samples) == {"train": 6, "validation": 2, "test": 4}
    assert {sample.label for sample in samples} == {"Church bell", "Male speech, man speaking"}
    (event,) = of_video(raw, "-vide_o0003")
    assert (event.name, event.split, event.start_s, event.end_s) == ("-vide_o0003", "train", 2.0, 4.0)
    assert event.files == {"audio": "AVE/-vide_o0003.mp4", "visual": "AVE/-vide_o0003.mp4"}
    assert not any(sample.left_out for sample in samples)


def test_a_video_in_two_lists_leaves_training(raw):
    add(raw, "testSet.txt", "Church bell&-vide_o0000&good&0&2")
    add(raw, "valSet.txt", "Church bell&-vide_o0002&good&0&2")
    events = of_video(raw, "-vide_o0000")
    assert [(event.name, event.split, event.start_s) for event in events] == [
        ("-vide_o0000#1", "train", 2.0),
        ("-vide_o0000#2", "test", 0.0),
    ]
    assert {event.left_out for event in events} == {"its video is in the lists of train and test"}
    assert {event.left_out for event in of_video(raw, "-vide_o0002")} == {
        "its video is in the lists of train and validation"
    }


def test_a_video_of_two_classes_leaves_training(raw):
    add(raw, "trainSet.txt", "Bark&-vide_o0000&good&0&2")
    assert {event.left_out for event in of_video(raw, "-vide_o0000")} == {
        "its video has the classes Bark and Church bell"
    }


def test_a_video_of_two_events_of_one_class_stays(raw):
    add(raw, "trainSet.txt", "Church bell&-vide_o0000&good&0&2")
    assert [event.left_out for event in of_video(raw, "-vide_o0000")] == ["", ""]


def test_an_event_without_length_is_the_whole_clip_and_leaves_training(raw):
    add(raw, "trainSet.txt", "Church bell&-vide_o9999&bad&0&0")
    (event,) = of_video(raw, "-vide_o9999")
    assert (event.start_s, event.end_s, event.left_out) == (None, None, "its event has no length")


def test_headers_and_empty_lines_are_passed_over(raw):
    lines = (raw / "testSet.txt").read_text()
    (raw / "testSet.txt").write_text("Category&VideoID&Quality&StartTime&EndTime\r\n\r\n" + lines, "utf-8-sig")
    assert len(AVE().samples(raw)) == 12


@pytest.mark.parametrize(
    "line",
    [
        "Church bell&-vide_o0001&good&0",
        "Church bell&-vide_o0001&good&zero&2",
        "Church bell&-vide_o0001&good&nan&2",
        "Church bell&-vide_o0001&good&-1&2",
        "Church bell&../../secret&good&0&2",
        "&-vide_o0001&good&0&2",
    ],
)
def test_a_line_that_cannot_be_read_is_named(raw, line):
    add(raw, "valSet.txt", line)
    with pytest.raises(ColliculusError, match=r"valSet\.txt, line 3"):
        AVE().samples(raw)


def test_pointers_and_another_layout_are_refused(raw, tmp_path):
    with pytest.raises(ColliculusError, match="has no folder 'AVE'"):
        AVE().samples(tmp_path)
    for video in (raw / "AVE").iterdir():
        video.write_bytes(raw_trees.POINTER)
    with pytest.raises(ColliculusError, match="git-lfs pointer"):
        AVE().samples(raw)
    (raw / "valSet.txt").unlink()
    with pytest.raises(ColliculusError, match=r"valSet\.txt is not a file"):
        AVE().samples(raw)


def test_the_papers_see_three_frames_a_second_apart(raw):
    """Frame i of the first video (four a second) has the grey level 20 + 6 i, and its event goes from 2 to 4 s."""
    (event,) = of_video(raw, "-vide_o0000")
    frames = AVE().visual.read(raw / event.files["visual"], event)
    assert frames.shape == (3, 3, 128, 128)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), [68, 92, 110], atol=2)  # the event ends before 4 s


def test_the_sound_is_that_of_the_event_alone(raw):
    silence_then_tone = np.concatenate(
        [np.zeros(88_200, np.float32), raw_trees.tone(440, rate_hz=44_100, duration_s=2)]
    )
    raw_trees.write_video(
        raw / "AVE/-vide_o0000.mp4", raw_trees.grey([90] * 16), silence_then_tone, rate_hz=44_100, fps=4
    )
    (event,) = of_video(raw, "-vide_o0000")
    loudness = AVE().audio.read(raw / event.files["audio"], event).max(axis=(0, 1))  # by time
    assert loudness.shape == (128,)
    assert loudness.min() > np.log(10)  # nothing of the silence; of 512 samples of the tone, |STFT| is 64


def test_a_clip_shorter_than_its_event_gives_what_is_there(raw):
    add(raw, "trainSet.txt", "Church bell&-vide_o0000&good&3&10")
    _, event = of_video(raw, "-vide_o0000")
    frames = AVE().visual.read(raw / event.files["visual"], event)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), [92, 110, 110], atol=2)  # the last one stays on
    assert AVE().audio.read(raw / event.files["audio"], event).shape == (1, 128, 128)


def test_an_event_after_the_end_of_its_clip_is_named(raw):
    add(raw, "trainSet.txt", "Church bell&-vide_o0000&good&8&10")
    _, event = of_video(raw, "-vide_o0000")
    for storage in AVE().storages.values():
        with pytest.raises(ColliculusError, match=r"-vide_o0000\.mp4 ends at 4\.\d+ s and the sample begins at 8 s"):
            storage.read(raw / event.files["visual"], event)


def test_the_honest_protocol_does_not_train_on_doubtful_videos(raw, tmp_path):
    add(raw, "testSet.txt", "Church bell&-vide_o0000&good&0&2")
    add(raw, "trainSet.txt", "Male speech, man speaking&-vide_o0002&good&0&1")
    prepare(AVE(), raw, tmp_path / "out", jobs=0)
    samples = read_prepared(tmp_path / "out").samples

    def videos(part, **settings):
        rows = getattr(Prepared(root=tmp_path / "out", **settings).load(), part).rows
        return {samples[row].group for row in rows}

    doubtful = {"-vide_o0000", "-vide_o0002"}
    assert doubtful <= videos("train", protocol="paper")
    assert "-vide_o0000" in videos("test", protocol="paper")
    honest = [videos(part, fold=fold) for fold in range(5) for part in ("train", "validation")]
    assert not doubtful & set.union(*honest)
