"""Sample record: one sample of a data set before its files are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from colliculus.files.checks import SPLITS
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row of a manifest.

    Args:
        name: unique name in its data set, the same on every machine.
        label: its class.
        files: path of each modality that the sample has, below the root of the data set, with "/" between folders. A
            video with sound and images is listed under both. "FILE::ENTRY" is one entry of a file that holds many.
        split: "train", "validation" or "test", if the publisher of the data assigned one.
        group: name shared with related samples, such as a speaker or a recording; a group-disjoint split keeps a group
            on one side.
        stratum: second property that folds keep in proportion beside the class, such as the sex of the speaker.
        start_s: start of the sample in its files, in seconds; None: their beginning.
        end_s: end of the sample; None: the end of its files.
        left_out: reason why the sample is not used; empty: it is used. The protocol `group-disjoint` tests on it
            without training on it, `given` ignores it, `paper` keeps the publisher's list as it is.

    Raises:
        ColliculusError: name, label or files are missing, the split is unknown, or the sample ends before it begins.

    Example:
        >>> files = {"audio": "AudioWAV/1001_DFA_ANG_XX.wav", "visual": "VideoFlash/1001_DFA_ANG_XX.flv"}
        >>> Sample(name="1001_DFA_ANG_XX", label="ANG", files=files, group="1001").modalities
        ('audio', 'visual')
    """

    name: str
    label: str
    files: Mapping[str, str]
    split: str | None = None
    group: str | None = None
    stratum: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    left_out: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.label or not self.files or not all(self.files.values()):
            raise ColliculusError(f"sample {self.name!r} is incomplete: give it a name, a label and at least one file")
        if self.split not in (None, *SPLITS):
            raise ColliculusError(f"sample {self.name!r} has the split {self.split!r}: use {', '.join(SPLITS)}")
        start = 0.0 if self.start_s is None else self.start_s
        if not 0 <= start < (float("inf") if self.end_s is None else self.end_s):
            raise ColliculusError(
                f"sample {self.name!r} goes from {self.start_s} to {self.end_s} s: the start must come before the end"
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that the sample has."""
        return tuple(self.files)


def split_entry(path: Path) -> tuple[Path, str]:
    """File and entry of "FILE::ENTRY"; the entry is "" if none is named.

    Example:
        >>> split_entry(Path("digits/n-tidigits.hdf5::ann/3a"))
        (PosixPath('digits/n-tidigits.hdf5'), 'ann/3a')
    """
    file, _, entry = str(path).partition("::")
    return Path(file), entry
