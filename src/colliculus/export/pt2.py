"""Writing a trained network as a PyTorch program, and loading it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.network import traced
from colliculus.export.network_target import NetworkTarget
from colliculus.export.subject import Subject
from colliculus.export.target import Artifact


def write_pt2(run: TrainedRun, options: NetworkTarget, out: Path) -> Artifact:
    """Write the network of a run, load the file and compare.

    Args:
        run: the run.
        options: modalities, kind of inputs, and number of clips to compare on.
        out: file to write.

    Raises:
        ColliculusError: as `ToPT2.write`.
    """
    subject = Subject.of(run, options)
    program = traced(subject.network, subject.inputs)
    torch.export.save(without_traces(program), out, extra_files=subject.metadata())
    network = torch.export.load(out).module()

    def answer(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.no_grad():
            found: dict[str, Tensor] = network(dict(inputs))
        return found

    return subject.checked(answer, "the saved program", out)


def without_traces(program: ExportedProgram) -> ExportedProgram:
    """The program with no more about its values than their shapes: stack traces hold paths of this machine."""
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta = {name: value for name, value in node.meta.items() if name == "val"}
    return program
