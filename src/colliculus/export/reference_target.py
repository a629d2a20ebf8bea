"""Export to a checkpoint of the released S-CMRL program (arXiv 2502.12488)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from colliculus.export.target import Artifact, Check, ExportTarget

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun


@dataclass(frozen=True, kw_only=True)
class ToReference(ExportTarget):
    """A checkpoint of the released S-CMRL program, for networks that compute what it computes."""

    name: ClassVar[str] = "reference"
    place: ClassVar[str] = "reference.pth.tar"

    def write(self, run: TrainedRun, out: Path) -> Artifact:
        """Write the checkpoint, read it back and compare its tensors with those of the model."""
        import torch

        from colliculus.export.reference import parameter_names
        from colliculus.export.reference_files import read_checkpoint
        from colliculus.export.reference_runs import export_run

        written = export_run(run.folder, out)
        read, ours = read_checkpoint(out), run.model.state_dict()
        names = parameter_names(run.model)
        differing = sum(not torch.equal(ours[name].cpu(), read[theirs]) for name, theirs in names.items())
        check = Check(
            passed=not differing,
            sentence=f"{differing} of {len(names)} tensors differ from the model's",
            compared=len(names),
            differing=differing,
        )
        holds = {"tensors": f"{written.tensors}, under the names of the reference program"}
        return Artifact(holds=holds, checks=(check,))
