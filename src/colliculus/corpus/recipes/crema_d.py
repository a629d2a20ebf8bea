"""CREMA-D: 7,442 clips of 91 actors who speak 12 sentences in 6 emotions (Cao et al., 2014; ODbL 1.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.raw_tree import (
    files_by_stem,
    found_samples,
    listed_splits,
    read_list,
    subfolder,
)
from colliculus.corpus.sample import Sample
from colliculus.files.checks import visible
from colliculus.types import ColliculusError

_NAME = re.compile(r"(\d{4})_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)_[A-Z]{1,2}")  # actor, sentence, emotion, level
_COPY = "its sound is byte for byte that of a clip of another emotion"
_UNUSABLE: Mapping[str, str] = {
    "1076_MTI_SAD_XX": "it has no sound",
    "1076_MTI_NEU_XX": "its video is cut short",
    "1064_TIE_SAD_XX": "its video states no duration",
    "1064_IEO_DIS_MD": "its video goes on for a minute",
    "1006_TIE_HAP_XX": _COPY,
    "1006_TIE_NEU_XX": _COPY,
    "1013_WSI_DIS_XX": _COPY,
    "1013_WSI_SAD_XX": _COPY,
    "1017_IWW_ANG_XX": _COPY,
    "1017_IWW_FEA_XX": _COPY,
}


@dataclass(frozen=True, kw_only=True)
class CremaD(Recipe):
    """Settings of CREMA-D.

    RAW is its git-lfs repository: `AudioWAV/<actor>_<sentence>_<emotion>_<level>.wav`, `VideoFlash/<the same>.flv` and
    `VideoDemographics.csv`.

    The protocol `group-disjoint` keeps each actor on one side (`group`) and the sexes in proportion (`stratum`), and
    does not train on the ten published clips that are damaged or whose sound appears under two emotions. The protocol
    `paper` uses two lists of names that were published with OGM-GE and needs `split_list`. In these lists all actors
    are on both sides, and so are nearly all pairs of actor and sentence.

    The default storage is the input of S-CMRL: a frame from the middle of the clip and the spectrogram of all of it.
    """

    name: ClassVar[str] = "crema-d"
    repeats_papers: ClassVar[bool] = True

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """Storage of the sound."""
    visual: Frames = field(default_factory=Frames)
    """Storage of the video."""
    split_list: tuple[str, str] | None = None
    """Training list and test list of the papers, CSV files of `name,label`; paths from RAW or the current folder."""

    def samples(self, raw: Path) -> list[Sample]:
        """Clips by name; a clip without sound or video file lacks that modality.

        Raises:
            ColliculusError: `raw` does not have the layout above, or a list does not fit it.
        """
        sounds = files_by_stem(subfolder(raw, "AudioWAV", "the sounds"), raw, {".wav"})
        videos = files_by_stem(subfolder(raw, "VideoFlash", "the videos"), raw, {".flv"})
        files = {"audio": sounds, "visual": videos}
        clips = {name: match for name in {*sounds, *videos} if (match := _NAME.fullmatch(name))}
        labels = {name: match[2] for name, match in clips.items()}
        splits = listed_splits(raw, self.split_list, labels) if self.split_list else {}
        sexes = _sexes(raw)
        if lacking := sorted({match[1] for match in clips.values()} - set(sexes)):
            raise ColliculusError(f"{raw / 'VideoDemographics.csv'} has no actor {lacking[0]}: download the file again")
        return found_samples(
            raw,
            (
                Sample(
                    name=name,
                    label=labels[name],
                    files={m: own[name] for m, own in files.items() if name in own},
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
    """Sex of each actor."""
    if not any(entry.name == "VideoDemographics.csv" for entry in visible(raw, raw)):
        raise ColliculusError(f"{raw} has no VideoDemographics.csv: copy it from the repository of CREMA-D")
    rows = read_list(raw / "VideoDemographics.csv", ("actorid", "age", "sex"))
    return {row["actorid"]: row["sex"] for row in rows}
