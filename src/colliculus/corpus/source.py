"""One sample of a data set before it is read: where it lies, what it is, and what must be known to split honestly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from colliculus.files.checks import SPLITS
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Source:
    """A row of a manifest.

    Args:
        name: tells it from all others of its data set, on every machine.
        label: its class.
        files: of each modality that it holds, the path below the root of the data set, with "/" between folders; a
            video that gives sound and pictures stands under both. "FILE::ENTRY" is one entry of a file that holds many.
        split: "train", "validation" or "test", where its publisher says so.
        group: what it shares with others that must stay on its side of an honest split: a speaker, a recording.
        stratum: what folds should keep in proportion beside the class: the speaker's sex.
        start_s: where in its files it begins, in seconds; None: at their beginning.
        end_s: where it ends; None: where they end.
        left_out: why it is not used: `honest` tests on it and does not train on it, `given` does neither, `paper` keeps
            the publisher's list as it is; empty: it is used.

    Raises:
        ColliculusError: there is no name, label or file, the split is unknown, or it ends before it begins.

    Example:
        >>> files = {"audio": "AudioWAV/1001_DFA_ANG_XX.wav", "visual": "VideoFlash/1001_DFA_ANG_XX.flv"}
        >>> Source(name="1001_DFA_ANG_XX", label="ANG", files=files, group="1001").modalities
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
            raise ColliculusError(f"sample {self.name!r}: give it a name, a label and at least one file")
        if self.split not in (None, *SPLITS):
            raise ColliculusError(
                f"sample {self.name!r} is of the split {self.split!r}: choose one of {', '.join(SPLITS)}"
            )
        start = 0.0 if self.start_s is None else self.start_s
        if not 0 <= start < (float("inf") if self.end_s is None else self.end_s):
            raise ColliculusError(
                f"sample {self.name!r} goes from {self.start_s} to {self.end_s} s: it must begin first"
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those it holds."""
        return tuple(self.files)
