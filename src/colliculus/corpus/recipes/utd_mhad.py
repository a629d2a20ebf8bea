"""UTD-MHAD: 861 recordings of 27 actions by 8 people, with depth camera, skeleton and a worn inertial sensor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from colliculus.corpus.prepare.depth_frames import DepthFrames, reduced_clips
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.series import SensorSeries
from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.recipes.raw_tree import files_by_stem, found_samples, subfolder
from colliculus.corpus.sample import Sample
from colliculus.files.checks import visible
from colliculus.types import ColliculusError, refuse_unread

ModalityName = Literal["inertial", "skeleton", "depth"]

ACTIONS = (
    "swipe left",
    "swipe right",
    "wave",
    "clap",
    "throw",
    "cross arms",
    "basketball shoot",
    "draw x",
    "draw circle clockwise",
    "draw circle counter-clockwise",
    "draw triangle",
    "bowling",
    "boxing",
    "baseball swing",
    "tennis swing",
    "arm curl",
    "tennis serve",
    "push",
    "knock",
    "catch",
    "pick up and throw",
    "jog",
    "walk",
    "sit to stand",
    "stand to sit",
    "lunge",
    "squat",
)
"""Names of the actions 1 to 27, shortened."""

REDUCED_DEPTH = "depth_32x32_8frames.npz"
"""File in RAW or `Depth/` with the frames of all recordings, reduced before; used where a .mat file is missing."""

_FOLDERS: Mapping[ModalityName, str] = {"inertial": "Inertial", "skeleton": "Skeleton", "depth": "Depth"}
_NAME = re.compile(r"a(\d{1,2})_s(\d+)_t(\d+)")  # action, subject, trial
_HIP_CENTRE = 3  # of the 20 joints of a Kinect v1: head, centre of the shoulders, spine, centre of the hips, ...


@dataclass(frozen=True, kw_only=True)
class UTDMHAD(Recipe):
    """Settings of UTD-MHAD (C. Chen, R. Jafari, N. Kehtarnavaz, ICIP 2015).

    RAW holds `Inertial/`, `Skeleton/` and `Depth/` with `a<action>_s<subject>_t<trial>_<modality>.mat`; only the
    folders of `modalities` are needed. For `Depth/` a file of all reduced recordings (`REDUCED_DEPTH`) serves as well.

    The split of the papers (protocol `paper`) trains on subjects 1, 3, 5, 7 and tests on 2, 4, 6, 8; their validation
    part, if there is any, has known subjects. With the protocol `given` the split is the same and the validation part
    is made of whole subjects (`group`), as it is with `group-disjoint`, which chooses the test subjects anew.

    The default storage is 128 steps of 3 accelerations (g) and 3 rates of turn (degrees per second), and 64 steps of
    20 joints in m, relative to the centre of the hips in the first frame.

    Raises:
        ColliculusError: no modality is named or one is named twice, or a modality that is not named has settings.
    """

    name: ClassVar[str] = "utd-mhad"
    repeats_papers: ClassVar[bool] = True

    modalities: tuple[ModalityName, ...] = ("inertial", "skeleton")
    """Modalities to prepare, in this order: any of inertial, skeleton and depth."""
    inertial: SensorSeries = field(default_factory=lambda: SensorSeries(channels=6, steps=128, variable="d_iner"))
    """Storage of the inertial sensor."""
    skeleton: SensorSeries = field(
        default_factory=lambda: SensorSeries(
            channels=60, steps=64, time_axis="last", variable="d_skel", root=_HIP_CENTRE
        )
    )
    """Storage of the skeleton."""
    depth: DepthFrames = field(default_factory=lambda: DepthFrames(variable="d_depth"))
    """Storage of the depth video."""

    def __post_init__(self) -> None:
        if not self.modalities or len(set(self.modalities)) < len(self.modalities):
            raise ColliculusError(f"`modalities` is {self.modalities}: name at least one modality, and none twice")
        others = [name for name in _FOLDERS if name not in self.modalities]
        refuse_unread(self, others, f"with `modalities` {' '.join(self.modalities)}")

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storages of `modalities`, in their order."""
        return {m: getattr(self, m) for m in self.modalities}

    def samples(self, raw: Path) -> list[Sample]:
        """Recordings by name; one without the file of a modality lacks it.

        Raises:
            ColliculusError: `raw` does not have the layout above.
        """
        files = {m: _files(raw, m) for m in self.modalities}
        names = {name: match for own in files.values() for name in own if (match := _NAME.fullmatch(name))}
        known = {name: match for name, match in names.items() if 1 <= int(match[1]) <= len(ACTIONS)}
        return found_samples(
            raw,
            (
                Sample(
                    name=name,
                    label=f"{int(match[1]):02d} {ACTIONS[int(match[1]) - 1]}",
                    files={m: own[name] for m, own in files.items() if name in own},
                    split="train" if int(match[2]) % 2 else "test",
                    group=match[2],
                )
                for name, match in known.items()
            ),
            "recordings named like Inertial/a1_s1_t1_inertial.mat",
        )


def _files(raw: Path, modality: ModalityName) -> dict[str, str]:
    """Files of a modality by the name of the recording; the reduced depth stands in for missing files."""
    reduced = _reduced_depth(raw) if modality == "depth" else {}
    folder = _FOLDERS[modality]
    if reduced and not (raw / folder).is_dir():
        return reduced
    stems = files_by_stem(subfolder(raw, folder, f"the files of {modality}"), raw, {".mat"})
    ending = f"_{modality}"
    return reduced | {stem.removesuffix(ending): file for stem, file in stems.items() if stem.endswith(ending)}


def _reduced_depth(raw: Path) -> dict[str, str]:
    """Entry of each recording in the file of reduced depth; none if there is no such file."""
    folders = [folder for folder in (raw / _FOLDERS["depth"], raw) if folder.is_dir()]
    for file in (entry for folder in folders for entry in visible(folder, raw) if entry.name == REDUCED_DEPTH):
        place = file.relative_to(raw).as_posix()
        return {name: f"{place}::{name}" for name in reduced_clips(file)[0]}
    return {}
