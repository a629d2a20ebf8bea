"""Interface of a form that a trained run is exported to. Neither this module nor a target's own imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class Check:
    """One comparison of what was written with the network in PyTorch.

    Args:
        passed: True if both agree as closely as the target promises.
        sentence: what was compared, on which inputs, and the result.
        difference: largest absolute difference of the compared numbers; None where they are whole, or not numbers.
        compared: how many clips or spikes were compared.
        differing: how many of them differ: clips in another class, or spikes.
    """

    passed: bool
    sentence: str
    difference: float | None = None
    compared: int
    differing: int


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The written file or folder of a target.

    Args:
        holds: facts about it, by name, in words.
        checks: comparisons with PyTorch, made by reading what was written.
    """

    holds: Mapping[str, str] = field(default_factory=dict[str, str])
    checks: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class ExportTarget(ABC):
    """A form that other programs read; its fields are its options. One line in `TARGETS` makes it known.

    Attributes:
        name: its name after `--to`.
        place: file or folder in the run folder that it is written to, unless its options say otherwise.
    """

    name: ClassVar[str]
    place: ClassVar[str]

    def usual_place(self) -> str:
        """File or folder in the run folder that these options are written to by default."""
        return self.place

    @abstractmethod
    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the model of `run` to `out`, a path that does not exist yet, and check what was written.

        Raises:
            ColliculusError: this model has no such form, or a package is not installed.
        """
