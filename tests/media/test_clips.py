from __future__ import annotations

from pathlib import Path

import pytest

from colliculus.media.clips import Clip, MediaFiles, file_with
from colliculus.types import ColliculusError

BOTH = MediaFiles(("audio", "video"))


def test_one_stem_is_one_clip():
    files = [Path(name) for name in ("a/x.wav", "a/x.flv", "b/y.png", "a/z.MP4")]
    assert BOTH.group(files) == {
        "x": Clip((files[0], files[1])),
        "y": Clip((files[2],)),
        "z": Clip((files[3],)),
    }


def test_a_stem_in_several_folders_is_several_clips():
    files = [Path(name) for name in ("cat/1.wav", "dog/1.wav", "cat/1.png", "dog/1.png", "dog/1.png")]
    cat, dog = str(Path("cat/1")), str(Path("dog/1"))
    assert BOTH.group(files) == {cat: Clip((files[0], files[2])), dog: Clip((files[1], files[3]))}


def test_a_folder_of_sounds_and_one_of_images_are_joined():
    files = [Path(name) for name in ("images/1.jpg", "images/2.mp4", "sounds/1.wav", "sounds/3.wav")]
    assert BOTH.group(files) == {"1": Clip((files[0], files[2])), "2": Clip((files[1],)), "3": Clip((files[3],))}


@pytest.mark.parametrize(
    "names",
    [
        ("cat/1.wav", "cat/2.png", "dog/1.png"),
        ("cat/1.wav", "dog/1.png", "dog/2.wav"),
        ("sounds/1.wav", "drawings/1.png", "photographs/1.jpg"),
    ],
)
def test_a_stem_in_folders_of_another_order_is_a_clip_of_each(names):
    files = [Path(name) for name in names]
    clips = BOTH.group(files)
    assert sorted(clip.files for clip in clips.values()) == sorted((file,) for file in files)
    assert {str(file.with_suffix("")) for file in files if file.stem == "1"} == {name for name in clips if name != "2"}


def test_stems_of_other_systems_are_the_same_stems():
    """MacOS writes é as e and an accent."""
    files = [Path("caf\u00e9.wav"), Path("cafe\u0301.png")]
    assert files[0].stem != files[1].stem
    assert BOTH.group(files) == {"caf\u00e9": Clip((files[0], files[1]))}


def test_the_content_decides_where_two_files_would_be_the_same(shared_video, tmp_path):
    """A .webm of sound alone beside an image, as browsers record it, or beside a silent video."""
    sound, image, video = tmp_path / "a.webm", tmp_path / "a.png", tmp_path / "a.mp4"
    sound.write_bytes(shared_video("blind.webm").read_bytes())
    video.write_bytes(shared_video("silent.mp4").read_bytes())
    assert BOTH.group([sound, image]) == {"a": Clip((sound, image))}
    assert BOTH.group([sound, video]) == {"a": Clip((sound, video))}
    both = shared_video("clip.mp4")
    with pytest.raises(ColliculusError, match="keep one"):
        BOTH.group([both, both.with_suffix(".png")])


@pytest.mark.parametrize("names", [("1.wav", "1.flac"), ("1.png", "1.jpg"), ("1.mp4", "1.png")])
def test_two_sounds_or_two_images_are_refused(names):
    with pytest.raises(ColliculusError, match=r"keep one"):
        BOTH.group([Path(name) for name in names])


def test_files_of_unknown_kind_are_refused_with_the_known_ones():
    with pytest.raises(ColliculusError, match=r"notes\.txt.*\.avi.*\.wav"):
        BOTH.group([Path("notes.txt")])
    with pytest.raises(ColliculusError, match=r"1\.wav"):
        MediaFiles(("video",)).group([Path("1.wav")])


def test_a_file_made_for_a_track_goes_before_the_video(shared_video):
    video, sound, image = shared_video("clip.mp4"), Path("clip.wav"), Path("clip.png")
    assert file_with((video, sound), "audio") == sound
    assert file_with((video, sound), "video") == video
    assert file_with((image, sound), "video") == image
    assert file_with((image,), "audio") is None


def test_a_video_without_the_track_is_passed_over(shared_video):
    assert file_with((shared_video("silent.mp4"),), "audio") is None
    assert file_with((shared_video("blind.mp4"),), "video") is None
