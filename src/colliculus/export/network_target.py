"""Options that all targets share that write the whole network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from colliculus.export.target import ExportTarget
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class NetworkTarget(ExportTarget):
    """A target that writes the whole network, for the modalities that it will get.

    Raises:
        ColliculusError: `check` is below 1.
    """

    modalities: tuple[str, ...] = ()
    """modalities that the file takes; left out, all. An absent modality is not zeros: write one file for each set"""
    inputs: Literal["raw", "standardised"] = "raw"
    """raw values as they come from the files, or values that were standardised before"""
    check: int = 32
    """clips of the test data to compare with PyTorch"""

    @property
    def each_step(self) -> bool:
        """True where the file gives the logits after each step too."""
        return False

    def __post_init__(self) -> None:
        if self.check < 1:
            raise ColliculusError(f"`check` is {self.check}: choose at least 1 clip to compare with PyTorch")
