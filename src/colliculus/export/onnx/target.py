"""Export to ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from colliculus.export.network_target import NetworkTarget
from colliculus.export.target import Artifact
from colliculus.runs.names import ONNX_FILE
from colliculus.types import refuse_unread

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class ToONNX(NetworkTarget):
    """The network as one ONNX file, or as a folder of them, for onnxruntime and whatever else reads ONNX."""

    name: ClassVar[str] = "onnx"
    place: ClassVar[str] = ONNX_FILE

    form: Literal["whole", "step", "apart"] = "whole"
    """a whole clip; one time step with the membranes as inputs and outputs, for networks that decide step by step; or
    apart, a folder with such a step of each encoder, and the rest for the tokens of all steps"""

    decisions: Literal["each", "last"] = "each"
    """logits after each time step too, as `colliculus predict` shows them, or the last alone, which spares a network
    that needs whole clips the steps of fusion and readout in between"""

    precision: Literal["fp32", "int8"] = "fp32"
    """int8 keeps weights of layers of spikes as whole numbers of 8 bits, in a quarter of the space; the arithmetic of
    the file is float32. ONNX files have no bf16: a run trained in it is written in fp32"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form != "whole":
            refuse_unread(self, ["decisions"], f'with `form` "{self.form}"')

    def usual_place(self) -> str:
        """See `ExportTarget`."""
        return "onnx" if self.form == "apart" else self.place

    @property
    def each_step(self) -> bool:
        """True where the file gives the logits after each step too."""
        return self.form == "whole" and self.decisions == "each"

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the file or folder, run it in onnxruntime and compare.

        Raises:
            ColliculusError: the network draws random numbers, needs a whole clip for a step, a modality is unknown, or
                a package is not installed.
        """
        from colliculus.evaluation.trained_run import open_run
        from colliculus.export.onnx.apart import write_apart
        from colliculus.export.onnx.step import write_step
        from colliculus.export.onnx.write import write_onnx

        write = {"whole": write_onnx, "step": write_step, "apart": write_apart}[self.form]
        return write(open_run(run, precision=self.precision), self, out)
