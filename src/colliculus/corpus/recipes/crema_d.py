"""CREMA-D: 7,442 clips of 91 actors who say 12 sentences in 6 emotions (Cao et al., 2014; ODbL 1.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.recipes.raw_tree import (
    files_by_stem,
    found_sources,
    listed_splits,
    read_list,
    subfolder,
)
from colliculus.corpus.source import Source
from colliculus.files.checks import visible
from colliculus.types import ColliculusError

_NAME = re.compile(r"(\d{4})_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)_[A-Z]{1,2}")  # actor, sentence, emotion, level
_TWIN = "its sound is, byte for byte, also that of a clip of another emotion"
_UNUSABLE: Mapping[str, str] = {
    "1076_MTI_SAD_XX": "it has no sound",
    "1076_MTI_NEU_XX": "its video is cut short",
    "1064_TIE_SAD_XX": "its video states no duration",
    "1064_IEO_DIS_MD": "its video goes on for a minute",
    "1006_TIE_HAP_XX": _TWIN,
    "1006_TIE_NEU_XX": _TWIN,
    "1013_WSI_DIS_XX": _TWIN,
    "1013_WSI_SAD_XX": _TWIN,
    "1017_IWW_ANG_XX": _TWIN,
    "1017_IWW_FEA_XX": _TWIN,
}


@dataclass(frozen=True, kw_only=True)
class CremaD:
    """Settings of CREMA-D.

    RAW is its git-lfs repository: `AudioWAV/<actor>_<sentence>_<emotion>_<level>.wav`, `VideoFlash/<the same>.flv` and
    `VideoDemographics.csv`.

    The honest protocol keeps actors apart (`group`) and their sexes in proportion (`stratum`), and does not train on
    the ten published clips that are damaged or whose sound stands under two emotions. The protocol of the papers is the
    division in two lists of names that came with OGM-GE; without `split_list` there is only the honest one. In that
    division all actors are on both sides, and so are nearly all pairs of actor and sentence.

    Stored by default is what S-CMRL was fed: a picture from the middle of the clip, and the spectrogram of all of it.
    """

    name: ClassVar[str] = "crema-d"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """How sound is stored."""
    visual: Frames = field(default_factory=Frames)
    """How the video is stored."""
    split_list: tuple[str, str] | None = None
    """The training and the test list of the papers, CSV files of `name,label`; paths, from RAW or from here."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Audio and visual."""
        return {"audio": self.audio, "visual": self.visual}

    def sources(self, raw: Path) -> list[Source]:
        """The clips by name; one that lacks its sound or its video lacks that modality.

        Raises:
            ColliculusError: `raw` is not laid out as above, or a list does not fit it.
        """
        sounds = files_by_stem(subfolder(raw, "AudioWAV", "the sounds"), raw, {".wav"})
        videos = files_by_stem(subfolder(raw, "VideoFlash", "the videos"), raw, {".flv"})
        clips = {name: match for name in {*sounds, *videos} if (match := _NAME.fullmatch(name))}
        labels = {name: match[2] for name, match in clips.items()}
        splits = listed_splits(raw, self.split_list, labels) if self.split_list else {}
        sexes = _sexes(raw)
        if lacking := sorted({match[1] for match in clips.values()} - set(sexes)):
            raise ColliculusError(f"{raw / 'VideoDemographics.csv'} has no actor {lacking[0]}: fetch the file again")
        return found_sources(
            raw,
            (
                Source(
                    name=name,
                    label=labels[name],
                    files={
                        modality: files[name]
                        for modality, files in (("audio", sounds), ("visual", videos))
                        if name in files
                    },
                    split=splits.get(name),
                    group=match[1],
                    stratum=sexes[match[1]],
                    left_out=_UNUSABLE.get(name, ""),
                )
                for name, match in clips.items()
            ),
            "clips named like AudioWAV/1001_DFA_ANG_XX.wav",
        )


def _sexes(raw: Path) -> dict[str, str]:
    """The sex of each actor."""
    if not any(entry.name == "VideoDemographics.csv" for entry in visible(raw, raw)):
        raise ColliculusError(f"{raw} has no VideoDemographics.csv: take it from the repository of CREMA-D")
    rows = read_list(raw / "VideoDemographics.csv", ("actorid", "age", "sex"))
    return {row["actorid"]: row["sex"] for row in rows}
