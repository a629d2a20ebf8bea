"""A trained network with what its export needs: clips to compare on, and facts for the reader of the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from colliculus.corpus.prepare.prepared_folder import describe
from colliculus.corpus.storage_reader import StorageReader
from colliculus.evaluation.inference import inference_mode
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.clips import Clips, clips_of, standardised
from colliculus.export.comparison import Answer, compare_answers
from colliculus.export.network import ExportedNetwork, chosen_modalities
from colliculus.export.network_target import NetworkTarget
from colliculus.export.target import Artifact, Check
from colliculus.files.checks import file_digest
from colliculus.files.documents import package_version, to_plain
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.result import read_result
from colliculus.runs.run import Run
from colliculus.runtime import evaluated_in
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class Subject:
    """A network to export.

    Args:
        run: the run.
        network: its model from the inputs of the file to named outputs.
        clips: clips to compare on, as the file takes them.
        model_inputs: the same clips as the model takes them.
        options: the options of the target.
    """

    run: TrainedRun
    network: ExportedNetwork
    clips: Clips
    model_inputs: dict[str, Tensor]
    options: NetworkTarget

    @classmethod
    def of(cls, run: TrainedRun, options: NetworkTarget) -> Self:
        """The subject that the options of a target name.

        Raises:
            ColliculusError: a modality is unknown, or there are neither data nor sizes of the inputs.
        """
        modalities = chosen_modalities(run, options.modalities)
        raw, normalisation = clips_of(run, modalities, options.check), run.run.normalisation
        model_inputs = standardised(normalisation, raw.inputs)
        steps = run.time_steps if options.each_step else None
        if options.inputs == "standardised":
            network, clips = ExportedNetwork(run.model, None, steps), replace(raw, inputs=model_inputs)
        else:
            network, clips = ExportedNetwork(run.model, normalisation, steps), raw
        return cls(run, network.eval(), clips, model_inputs, options)

    def compared(self, answer: Answer, program: str) -> Check:
        """The exported network, as `program` runs it, compared with PyTorch."""
        return compare_answers(answer, self.clips, self.model_inputs, self.run.model, program, self.network.steps)

    def checked(self, answer: Answer, program: str, out: Path) -> Artifact:
        """The artifact of the file `out`, compared with PyTorch as `program` runs it."""
        shapes = {m: ["batch" if i == x.ndim - 4 else n for i, n in enumerate(x.shape)] for m, x in self.inputs.items()}
        facts = {
            "size": f"{out.stat().st_size / 1e6:.2f} MB",
            "inputs": "; ".join(f"{m} ({', '.join(map(str, shape))})" for m, shape in shapes.items()),
            "values": "raw, as read from files" if self.options.inputs == "raw" else "standardised as in training",
        }
        return Artifact(holds=facts, checks=(self.compared(answer, program),))

    def output_names(self) -> list[str]:
        """Names of the outputs of the file."""
        with inference_mode(self.run.model):
            return list(self.network(self.clips.first(1)))

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Inputs of the file."""
        return self.clips.inputs

    def metadata(self) -> dict[str, str]:
        """Facts for the reader of the file, as text or JSON; no path of this machine is among them."""
        run, spec = self.run.run, self.run.run.spec
        result = read_result(self.run.folder)
        values = {
            "version": package_version(),
            "preset": run.preset,
            "method": run.experiment.method.name,
            "class_names": json.dumps(spec.names),
            "modalities": json.dumps(list(self.inputs)),
            "network_modalities": json.dumps(self.run.model.modalities),
            "inputs": self.options.inputs,
            "normalisation": json.dumps(to_plain(run.normalisation)),
            "reading": json.dumps(_reading(run)),
            "weights": file_digest(self.run.folder / MODEL_FILE),
            "precision": self.run.model.precision,
            "training_precision": evaluated_in(run.experiment.train.precision),
            "time_steps": str(self.run.time_steps),
            "fingerprint": run.fingerprint,
            "test_accuracy": "" if result is None else str(result.test.accuracy),
        }
        return {f"colliculus.{name}": value for name, value in values.items()}


def _reading(run: Run) -> Mapping[str, Any]:
    """How files become inputs, as `prepared_folder.describe` says it; empty where it cannot."""
    try:
        reader = run.reader()
        return describe(reader.storages) if isinstance(reader, StorageReader) else {}
    except ColliculusError:  # the data have no files, or a modality of their own
        return {}
