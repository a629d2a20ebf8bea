"""UrbanSound8K-AV: the 8,732 sounds of UrbanSound8K, each with an image of its class (10 classes; CC BY-NC)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.raw_tree import files_by_stem, found_samples, subfolder
from colliculus.corpus.sample import Sample
from colliculus.files.checks import visible
from colliculus.media.kinds import IMAGE_SUFFIXES

_NAME = re.compile(r"(\d+)-\d+-\d+-\d+")  # recording of Freesound, class, occurrence, slice


@dataclass(frozen=True, kw_only=True)
class UrbanSound8KAV(Recipe):
    """Settings of UrbanSound8K-AV.

    RAW holds `Dataset_v3_sound/<class>/<name>.wav` and `Dataset_v3_vision/<class>/<name>.jpg`; names have the form
    `<recording>-<class>-<occurrence>-<slice>`.

    The protocol `group-disjoint` keeps the slices of one recording, with their images, together (`group`). The papers
    train on the first 70 % of each class in the order of their file system, which cannot be repeated; the protocol
    `paper` uses the order of the names, so results are near those of the papers but not equal. In either order slices
    of one recording are on both sides.

    The default storage is the input of S-CMRL: the image and the spectrogram of the whole slice.
    """

    name: ClassVar[str] = "urbansound8k-av"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """Storage of the sound."""
    visual: Frames = field(default_factory=Frames)
    """Storage of the image."""

    def samples(self, raw: Path) -> list[Sample]:
        """Slices by class and name; a slice without sound or image file lacks that modality.

        Raises:
            ColliculusError: `raw` does not have the layout above.
        """
        sounds = _by_class(raw, "Dataset_v3_sound", "a folder of sounds for each class", {".wav"})
        images = _by_class(raw, "Dataset_v3_vision", "a folder of images for each class", IMAGE_SUFFIXES)
        found: list[Sample] = []
        for label in sorted({*sounds, *images}):
            audio, visual = sounds.get(label, {}), images.get(label, {})
            names = sorted({*audio, *visual})
            for position, name in enumerate(names):
                match = _NAME.fullmatch(name)
                found.append(
                    Sample(
                        name=f"{label}/{name}",
                        label=label,
                        files={m: files[name] for m, files in (("audio", audio), ("visual", visual)) if name in files},
                        split="train" if position < len(names) * 7 // 10 else "test",
                        group=match[1] if match else f"{label}/{name}",
                    )
                )
        return found_samples(raw, found, "sounds named like Dataset_v3_sound/siren/24347-8-0-88.wav")


def _by_class(raw: Path, folder: str, holds: str, suffixes: frozenset[str] | set[str]) -> dict[str, dict[str, str]]:
    """Files of each class by name."""
    classes = [entry for entry in visible(subfolder(raw, folder, holds), raw) if entry.is_dir()]
    return {entry.name: files_by_stem(entry, raw, suffixes) for entry in classes}
