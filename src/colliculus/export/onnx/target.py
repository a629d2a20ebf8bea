"""Export to ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from colliculus.export.network_target import NetworkTarget
from colliculus.export.target import Artifact
from colliculus.runs.names import ONNX_FILE

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class ToONNX(NetworkTarget):
    """One ONNX file with the whole network, for onnxruntime and whatever else reads ONNX."""

    name: ClassVar[str] = "onnx"
    place: ClassVar[str] = ONNX_FILE

    form: Literal["whole", "step"] = "whole"
    """a whole clip, or one time step with the membranes as inputs and outputs, for networks that decide step by step"""

    decisions: Literal["each", "last"] = "each"
    """logits after each time step too, as `colliculus predict` shows them, or the last alone, which spares a network
    that needs whole clips the steps of fusion and readout in between"""

    precision: Literal["fp32", "int8"] = "fp32"
    """int8 keeps weights of layers of spikes as whole numbers of 8 bits, in a quarter of the space; the arithmetic of
    the file is float32"""

    @property
    def each_step(self) -> bool:
        """True where the file gives the logits after each step too."""
        return self.form == "whole" and self.decisions == "each"

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the file, run it in onnxruntime and compare.

        Raises:
            ColliculusError: the network draws random numbers, needs a whole clip for a step, a modality is unknown, or
                a package is not installed.
        """
        from colliculus.evaluation.trained_run import open_run
        from colliculus.export.onnx.step import write_step
        from colliculus.export.onnx.write import write_onnx

        narrow = open_run(run, precision=self.precision)
        return write_onnx(narrow, self, out) if self.form == "whole" else write_step(narrow, self, out)
