"""Export to NIR, which neuromorphic tools read (Pedersen et al., Nature Communications 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from colliculus.export.target import Artifact, ExportTarget
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun

Rest = Literal["nir", "onnx"]
Form = Literal["whole", "apart"]
Pool = Literal["avg", "conv"]


@dataclass(frozen=True, kw_only=True)
class ToNIR(ExportTarget):
    """A folder of NIR graphs and a `graph.json` that says what each takes and gives, for neuromorphic tools.

    One graph where NIR can say the whole network and the inputs have one size, else a graph of each modality. Every
    graph is read again and run by an interpreter of NIR's equations, and every spike is compared with PyTorch's.

    Raises:
        ColliculusError: an option is out of range.
    """

    name: ClassVar[str] = "nir"
    place: ClassVar[str] = "nir"

    rest: Rest = "nir"
    """form of what follows the encoders: NIR too, or ONNX, which can say all of it"""
    form: Form = "whole"
    """one graph of the whole network where inputs have one size, or a graph for each modality, for readers that
    mistake branches (Norse)"""
    pool: Pool = "avg"
    """max-pooling of spikes as average pooling and a neuron, or as a convolution of ones and a neuron, for readers
    without pooling (Norse)"""
    dt: float = 1e-4
    """length of a time step in seconds; SpikingJelly and snnTorch expect 0.0001"""
    bits: int | None = None
    """bits of a weight, with one scale for each channel; None keeps float32"""
    check: int = 32
    """clips of the test data to compare with PyTorch"""

    def __post_init__(self) -> None:
        if not 0 < self.dt < inf:
            raise ColliculusError(f"`dt` is {self.dt}: choose a length above 0 seconds, such as 0.0001")
        if self.bits is not None and not 2 <= self.bits <= 16:
            raise ColliculusError(f"`bits` is {self.bits}: choose 2 to 16, or None for float32")
        if self.check < 1:
            raise ColliculusError(f"`check` is {self.check}: choose at least 1 clip")

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the graphs and `graph.json`, read them again and compare them with the network."""
        from colliculus.export.nir.folder import write_folder

        return write_folder(run, out, self)
