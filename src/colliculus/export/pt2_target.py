"""Export to a PyTorch program (`torch.export`), which runs where Colliculus is not installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from colliculus.export.network_target import NetworkTarget
from colliculus.export.target import Artifact

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class ToPT2(NetworkTarget):
    """One .pt2 file with the whole network: `torch.export.load(FILE).module()` runs it without Colliculus."""

    name: ClassVar[str] = "pt2"
    place: ClassVar[str] = "model.pt2"

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the file, load it and compare.

        Raises:
            ColliculusError: the network draws random numbers, or a modality is unknown.
        """
        from colliculus.export.pt2 import write_pt2

        return write_pt2(run, self, out)
