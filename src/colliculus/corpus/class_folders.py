"""Clips in one folder per class, with or without folders for train and test above them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from colliculus.files.checks import split_folders, visible
from colliculus.media.clips import Clip, MediaFiles
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class LabelledClip:
    """A clip, its class, and the split of its folder (None without split folders)."""

    clip: Clip
    class_name: str
    split: str | None


def find_clips(root: Path, media: MediaFiles) -> list[LabelledClip]:
    """All clips in `ROOT/{train,test[,validation]}/<class>/` or, without those folders, in `ROOT/<class>/`.

    Hidden files and files of kinds that `media` does not know are skipped (`unknown_endings` counts the latter).

    Args:
        root: folder of the data set.
        media: decides which files are clips and which belong together.

    Returns:
        The clips by split, class and name.

    Raises:
        ColliculusError: train or test is missing, there are fewer than two classes, a class is empty or not in train,
            a class holds a folder, or a link leads out of `root`.
    """
    names = {entry.name for entry in visible(root, root) if entry.is_dir()}
    if not names & {"train", "test"}:
        return _clips_of_classes(root, root, media, split=None)
    clips = [c for s, folder in split_folders(root).items() for c in _clips_of_classes(folder, root, media, split=s)]
    trained = {clip.class_name for clip in clips if clip.split == "train"}
    for clip in clips:
        if clip.class_name not in trained:
            raise ColliculusError(f"{root / str(clip.split) / clip.class_name} has no clips in train: add some there")
    return clips


def unknown_endings(root: Path, media: MediaFiles) -> dict[str, int]:
    """Number of files that `find_clips` skipped, by ending, the most frequent first.

    Raises:
        ColliculusError: as in `find_clips`.
    """
    folders = [entry for entry in visible(root, root) if entry.is_dir()]
    splits = {"train", "test"} & {folder.name for folder in folders}
    classes = [entry for f in folders for entry in visible(f, root) if entry.is_dir()] if splits else folders
    files = [entry for folder in classes for entry in visible(folder, root) if not entry.is_dir()]
    return dict(Counter(file.suffix.lower() or "no ending" for file in files if not media.knows(file)).most_common())


def _clips_of_classes(parent: Path, root: Path, media: MediaFiles, *, split: str | None) -> list[LabelledClip]:
    classes = [entry for entry in visible(parent, root) if entry.is_dir()]
    if not classes or (len(classes) < 2 and split in (None, "train")):
        raise ColliculusError(f"{parent} has {len(classes)} class folder(s): make one for each class, at least two")
    return [LabelledClip(clip, c.name, split) for c in classes for clip in _clips(c, root, media)]


def _clips(folder: Path, root: Path, media: MediaFiles) -> list[Clip]:
    entries = visible(folder, root)
    if nested := [entry for entry in entries if entry.is_dir()]:
        raise ColliculusError(f"{nested[0]} is a folder inside a class: move its clips directly into {folder}")
    clips = media.group([entry for entry in entries if media.knows(entry)])
    if not clips:
        raise ColliculusError(
            f"{folder} has no clips: put files into it ({', '.join(sorted(media.suffixes))}) or remove it"
        )
    return list(clips.values())
