"""Export to a page that runs the network in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from colliculus.export.target import Artifact, ExportTarget
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class ToPage(ExportTarget):
    """One HTML file that opens by a double click and runs the network in the browser: drop a clip, or record one.

    It holds onnxruntime-web (MIT), a network for each set of modalities, and asks for nothing from outside.

    Raises:
        ColliculusError: `check` is below 1.
    """

    name: ClassVar[str] = "page"
    place: ClassVar[str] = "page.html"

    runtime: Path | None = None
    """folder with the three files of onnxruntime-web; left out, they are downloaded once into the user's cache"""
    check: int = 32
    """clips of the test data to compare with PyTorch, for each network"""

    def __post_init__(self) -> None:
        if self.check < 1:
            raise ColliculusError(f"`check` is {self.check}: choose at least 1 clip to compare with PyTorch")

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the page, and compare its networks in onnxruntime.

        Raises:
            ColliculusError: as `ToONNX.write`; or onnxruntime-web cannot be had.
        """
        from colliculus.export.page.write import write_page

        return write_page(run, self, out)
