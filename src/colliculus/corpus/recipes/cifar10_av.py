"""CIFAR10-AV: images of CIFAR-10, each paired with a sound of the same class by lists of the user."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.manifest import read_manifest
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.raw_tree import found_samples, list_path
from colliculus.corpus.sample import Sample
from colliculus.corpus.shared_content import connected
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

_SIZE = (64, 64)


@dataclass(frozen=True, kw_only=True)
class CIFAR10AV(Recipe):
    """Settings of CIFAR10-AV.

    Its layout is not published, so two lists in RAW define it, `train.csv` and `test.csv`: manifests with the columns
    `audio`, `visual` (paths from RAW) and `label`.

    The protocol `paper` uses the two lists. The protocol `group-disjoint` keeps samples that share a sound or an image
    together (`group`): there are fewer sounds than images, so many samples have the same sound.

    The default storage is the image and the spectrogram of the whole sound, 64 x 64; the papers give no numbers.
    """

    name: ClassVar[str] = "cifar10-av"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None, spectrogram=Spectrogram(size=_SIZE)))
    """Storage of the sound."""
    visual: Frames = field(default_factory=lambda: Frames(size=_SIZE))
    """Storage of the image."""
    split_list: tuple[str, str] = ("train.csv", "test.csv")
    """Training list and test list; paths from RAW or from the current folder."""

    def samples(self, raw: Path) -> list[Sample]:
        """Samples of both lists by name.

        Raises:
            ColliculusError: a list is missing or damaged, or both lists hold the same sample.
        """
        listed: list[Sample] = []
        for split, text in zip(("train", "test"), self.split_list, strict=True):
            path = list_path(raw, text)
            if not path.exists():
                raise ColliculusError(f"{raw} has no {text}: write a list of audio,visual,label, or pass --split-list")
            listed += [
                replace(sample, name=f"{split}/{sample.name}", split=split) for sample in read_manifest(path, root=raw)
            ]
        groups = _linked([tuple(sample.files.values()) for sample in listed])
        grouped = (replace(sample, group=group) for sample, group in zip(listed, groups, strict=True))
        return found_samples(raw, grouped, "samples in its lists")


def _linked(files: Sequence[Collection[str]]) -> list[str]:
    """Group name per sample: samples that share a file, directly or through others, get the same one.

    The name is the first file of the group in alphabetical order.
    """
    numbers = connected(files).tolist()
    first: dict[int, str] = {}
    for number, own in zip(numbers, files, strict=True):
        first[number] = min(*own, first.get(number, min(own)))
    return [first[number] for number in numbers]
