"""Export to ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from colliculus.export.network_target import NetworkTarget
from colliculus.export.target import Artifact

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class ToONNX(NetworkTarget):
    """One ONNX file with the whole network, for onnxruntime and whatever else reads ONNX."""

    name: ClassVar[str] = "onnx"
    place: ClassVar[str] = "model.onnx"

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the file, run it in onnxruntime and compare.

        Raises:
            ColliculusError: the network draws random numbers, a modality is unknown, or a package is not installed.
        """
        from colliculus.export.onnx.write import write_onnx

        return write_onnx(run, self, out)
