"""CIFAR10-AV: pictures of CIFAR-10, each with a sound of the same class, as lists of the user name them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.manifest import read_manifest
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.recipes.raw_tree import found_sources, list_path
from colliculus.corpus.shared_content import related
from colliculus.corpus.source import Source
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

_SIZE = (64, 64)


@dataclass(frozen=True, kw_only=True)
class CIFAR10AV:
    """Settings of CIFAR10-AV.

    How it is laid out is not published in words, so two lists in RAW say what is in it, `train.csv` and `test.csv`:
    manifests of the columns `audio`, `visual` (paths from RAW) and `label`.

    The protocol of the papers is the two lists. The honest one keeps whatever shares a sound or a picture together
    (`group`): there are fewer sounds than pictures, so the same sound is heard in many samples.

    Stored by default are the picture and the spectrogram of the whole sound, 64 x 64, for which the papers that we
    follow give no numbers.
    """

    name: ClassVar[str] = "cifar10-av"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None, spectrogram=Spectrogram(size=_SIZE)))
    """How sound is stored."""
    visual: Frames = field(default_factory=lambda: Frames(size=_SIZE))
    """How the picture is stored."""
    split_list: tuple[str, str] = ("train.csv", "test.csv")
    """The training and the test list; paths, from RAW or from here."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Audio and visual."""
        return {"audio": self.audio, "visual": self.visual}

    def sources(self, raw: Path) -> list[Source]:
        """The samples of both lists by name.

        Raises:
            ColliculusError: a list is missing or damaged, or a sample stands in both.
        """
        listed: list[Source] = []
        for split, text in zip(("train", "test"), self.split_list, strict=True):
            path = list_path(raw, text)
            if not path.exists():
                raise ColliculusError(f"{raw} has no {text}: write a list of audio,visual,label or name it")
            listed += [
                replace(source, name=f"{split}/{source.name}", split=split) for source in read_manifest(path, root=raw)
            ]
        groups = _linked([tuple(source.files.values()) for source in listed])
        grouped = (replace(source, group=group) for source, group in zip(listed, groups, strict=True))
        return found_sources(raw, grouped, "samples in its lists")


def _linked(files: Sequence[Collection[str]]) -> list[str]:
    """Of each sample a name that it has in common with all that share a file with it, at whatever remove.

    The name is the group's first file in the order of the alphabet.
    """
    numbers = related(files).tolist()
    first: dict[int, str] = {}
    for number, own in zip(numbers, files, strict=True):
        first[number] = min(*own, first.get(number, min(own)))
    return [first[number] for number in numbers]
