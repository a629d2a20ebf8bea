"""UrbanSound8K-AV: the 8,732 sounds of UrbanSound8K, each with a picture of its class (10 classes; CC BY-NC)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.recipes.raw_tree import files_by_stem, found_sources, subfolder
from colliculus.corpus.source import Source
from colliculus.files.checks import visible
from colliculus.media.images import IMAGE_SUFFIXES

_NAME = re.compile(r"(\d+)-\d+-\d+-\d+")  # recording of Freesound, class, occurrence, slice


@dataclass(frozen=True, kw_only=True)
class UrbanSound8KAV:
    """Settings of UrbanSound8K-AV.

    RAW holds `Dataset_v3_sound/<class>/<name>.wav` and `Dataset_v3_vision/<class>/<name>.jpg`, where a name is
    `<recording>-<class>-<occurrence>-<slice>`.

    The honest protocol keeps the slices of one recording, with their pictures, together (`group`). The protocol of the
    papers trains on the first 70 % of each class, in whatever order the file system gave; that cannot be repeated, so
    here it is the order of the names, and figures are near those of the papers but not theirs. In either order slices
    of one recording fall on both sides.

    Stored by default is what S-CMRL was fed: the picture, and the spectrogram of the whole slice.
    """

    name: ClassVar[str] = "urbansound8k-av"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """How sound is stored."""
    visual: Frames = field(default_factory=Frames)
    """How the picture is stored."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Audio and visual."""
        return {"audio": self.audio, "visual": self.visual}

    def sources(self, raw: Path) -> list[Source]:
        """The slices by class and name; one that lacks its sound or its picture lacks that modality.

        Raises:
            ColliculusError: `raw` is not laid out as above.
        """
        sounds = _by_class(raw, "Dataset_v3_sound", "a folder of sounds for each class", {".wav"})
        pictures = _by_class(raw, "Dataset_v3_vision", "a folder of pictures for each class", IMAGE_SUFFIXES)
        found: list[Source] = []
        for label in sorted({*sounds, *pictures}):
            heard, seen = sounds.get(label, {}), pictures.get(label, {})
            names = sorted({*heard, *seen})
            for position, name in enumerate(names):
                match = _NAME.fullmatch(name)
                found.append(
                    Source(
                        name=f"{label}/{name}",
                        label=label,
                        files={m: files[name] for m, files in (("audio", heard), ("visual", seen)) if name in files},
                        split="train" if position < len(names) * 7 // 10 else "test",
                        group=match[1] if match else f"{label}/{name}",
                    )
                )
        return found_sources(raw, found, "sounds named like Dataset_v3_sound/siren/24347-8-0-88.wav")


def _by_class(raw: Path, folder: str, holds: str, suffixes: frozenset[str] | set[str]) -> dict[str, dict[str, str]]:
    """The files of each class by their names."""
    classes = [entry for entry in visible(subfolder(raw, folder, holds), raw) if entry.is_dir()]
    return {entry.name: files_by_stem(entry, raw, suffixes) for entry in classes}
