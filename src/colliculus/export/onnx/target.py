"""Export to ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from colliculus.export.network_target import NetworkTarget
from colliculus.export.target import Artifact

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class ToONNX(NetworkTarget):
    """The network as one ONNX file, or as a folder of them, for onnxruntime and whatever else reads ONNX."""

    name: ClassVar[str] = "onnx"
    place: ClassVar[str] = "model.onnx"

    form: Literal["whole", "step", "apart"] = "whole"
    """a whole clip; one time step with the membranes as inputs and outputs, for networks that decide step by step; or
    apart, a folder with such a step of each encoder, and the rest for the tokens of all steps"""

    def usual_place(self) -> str:
        """See `ExportTarget`."""
        return "onnx" if self.form == "apart" else self.place

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the file or folder, run it in onnxruntime and compare.

        Raises:
            ColliculusError: the network draws random numbers, needs a whole clip for a step, a modality is unknown, or
                a package is not installed.
        """
        from colliculus.export.onnx.apart import write_apart
        from colliculus.export.onnx.step import write_step
        from colliculus.export.onnx.write import write_onnx

        write = {"whole": write_onnx, "step": write_step, "apart": write_apart}[self.form]
        return write(run, self, out)
