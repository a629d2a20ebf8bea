from __future__ import annotations

from collections import Counter

import pytest
import raw_trees

from colliculus.data.prepare.ave import AVE
from colliculus.types import ColliculusError


@pytest.fixture
def raw(tmp_path):
    return raw_trees.ave(tmp_path / "AVE_Dataset")


def add(raw, file, line):
    with (raw / file).open("a") as lines:
        lines.write(line + "\n")


def of_video(raw, video):
    return [source for source in AVE().sources(raw) if source.group == video]


def test_an_event_is_a_part_of_its_video(raw):
    sources = AVE().sources(raw)
    assert Counter(source.split for source in sources) == {"train": 6, "validation": 2, "test": 4}
    assert {source.label for source in sources} == {"Church bell", "Male speech, man speaking"}
    (event,) = of_video(raw, "-vide_o0003")
    assert (event.name, event.split, event.start_s, event.end_s) == ("-vide_o0003", "train", 2.0, 4.0)
    assert event.files == {"audio": "AVE/-vide_o0003.mp4", "visual": "AVE/-vide_o0003.mp4"}
    assert not any(source.left_out for source in sources)


def test_a_video_in_two_lists_leaves_training(raw):
    add(raw, "testSet.txt", "Church bell&-vide_o0000&good&0&2")
    add(raw, "valSet.txt", "Church bell&-vide_o0002&good&0&2")
    events = of_video(raw, "-vide_o0000")
    assert [(event.name, event.split, event.start_s) for event in events] == [
        ("-vide_o0000#1", "train", 2.0),
        ("-vide_o0000#2", "test", 0.0),
    ]
    assert {event.left_out for event in events} == {"its video stands in the lists of train and test"}
    assert {event.left_out for event in of_video(raw, "-vide_o0002")} == {
        "its video stands in the lists of train and validation"
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
    assert len(AVE().sources(raw)) == 12


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
        AVE().sources(raw)


def test_pointers_and_another_layout_are_refused(raw, tmp_path):
    with pytest.raises(ColliculusError, match="has no folder 'AVE'"):
        AVE().sources(tmp_path)
    for video in (raw / "AVE").iterdir():
        video.write_bytes(raw_trees.POINTER)
    with pytest.raises(ColliculusError, match="git-lfs pointer"):
        AVE().sources(raw)
    (raw / "valSet.txt").unlink()
    with pytest.raises(ColliculusError, match=r"valSet\.txt is no file"):
        AVE().sources(raw)
