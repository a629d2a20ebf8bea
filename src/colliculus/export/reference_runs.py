"""Runs from and to checkpoints of the released S-CMRL program (arXiv 2502.12488)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from colliculus.data import DATASETS
from colliculus.data.dataset import Normalisation
from colliculus.export.reference import fill, keep_unused, to_state_dict, unused_parameters
from colliculus.export.reference_files import checkpoint_bytes, read_checkpoint
from colliculus.export.reference_methods import recognise
from colliculus.export.reference_settings import ReferenceSettings
from colliculus.files.atomic import write_atomic
from colliculus.records import Record, Table
from colliculus.runs.experiment import Experiment
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, load_model, read_run, write_run
from colliculus.runs.weights import read_tensors, save_tensors, save_weights
from colliculus.types import ColliculusError

IMPORTED = "imported"
"""Preset of an imported run."""

UNUSED_FILE = "never_acting.safetensors"
"""Tensors of the checkpoint that its forward pass does not use, kept so that an export has them again."""


@dataclass(frozen=True, kw_only=True)
class ImportedRun(Record):
    """A run made of a checkpoint.

    Args:
        run: run folder.
        method: name of the recognised method.
        settings: its main settings, in words.
        inputs: (C, H, W) of each modality, in words.
        num_classes: K.
        unused: layers of the checkpoint whose tensors the forward pass does not use.
    """

    run: str
    method: str
    settings: str
    inputs: Mapping[str, str]
    num_classes: int
    unused: tuple[str, ...]

    def table(self) -> Table:
        """The recognised network."""
        facts = {
            "method": f"{self.method}, {self.settings}",
            "inputs": "; ".join(f"{m} ({frame})" for m, frame in self.inputs.items()),
            "classes": str(self.num_classes),
            "unused in forward": f"{', '.join(self.unused)}: kept in {UNUSED_FILE} for an export",
        }
        return Table.facts(self.run, facts)


@dataclass(frozen=True)
class ExportedFile(Record):
    """A file that an export wrote.

    Args:
        file: its path.
        tensors: number of tensors in it.
    """

    file: str
    tensors: int

    def table(self) -> Table:
        """The file and its contents."""
        return Table.facts("Exported", {self.file: f"{self.tensors} tensors under the names of the reference program"})


def import_run(
    file: Path | str,
    out: Path | str,
    *,
    settings: ReferenceSettings | None = None,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    dataset: str = "arrays",
) -> ImportedRun:
    """Make a run folder of a checkpoint.

    Args:
        file: training checkpoint with a `state_dict`; nothing in it is executed.
        out: folder of the new run.
        settings: settings that the tensors do not show; None takes those of the published experiments.
        sizes: (H, W) of each modality; None takes inputs of any size.
        dataset: kind of data that the run is evaluated on; inputs are not standardised.

    Raises:
        ColliculusError: `out` is not empty, or the file is not such a checkpoint.

    Example:
        >>> import tempfile, torch
        >>> from colliculus import DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tensors = to_state_dict(LateFusion(dim=32).model(spec))
        ...     torch.save({"state_dict": tensors}, Path(folder) / "best.pth.tar")
        ...     settings = ReferenceSettings(cross_attention="none", interaction="Add")
        ...     imported = import_run(Path(folder) / "best.pth.tar", Path(folder) / "run", settings=settings)
        >>> imported.method, imported.num_classes
        ('late-fusion', 6)
    """
    file, out = Path(file), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ColliculusError(f"{out} is not empty: choose another folder for the run")
    tensors = read_checkpoint(file)
    method, spec = recognise(tensors, settings or ReferenceSettings(), sizes or {})
    model = fill(method.model(spec), tensors)
    unused = unused_parameters(model)
    save_weights(model, out / MODEL_FILE)
    save_tensors(unused, out / UNUSED_FILE)
    run = Run(
        preset=IMPORTED,
        experiment=Experiment(method=method, data=DATASETS[dataset](), preset=IMPORTED),
        spec=spec,
        normalisation=Normalisation(mean={}, std={}),
        protocol="imported from a reference checkpoint",
        fingerprint="",
    )
    write_run(out, run)  # last: a folder with it is whole
    layers = dict.fromkeys(re.sub(r"\.\d+\b", ".*", name.rpartition(".")[0]) for name in unused)
    return ImportedRun(
        run=str(out),
        method=method.name,
        settings=f"D = {method.dim}, T = {method.time_steps}, {method.encoder} encoder",
        inputs={m: spec.frame(m) for m in spec.modalities},
        num_classes=spec.num_classes,
        unused=tuple(layers),
    )


def export_run(run: Path | str, out: Path | str | None = None) -> ExportedFile:
    """Write the model of a run as a checkpoint of the released program.

    Args:
        run: run folder.
        out: file to write; None is `reference.pth.tar` in the run folder.

    Raises:
        ColliculusError: the model computes something that the reference cannot.

    Example:
        >>> import tempfile
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 64, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> trained = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> export_run(trained.folder).tensors > 50
        True
    """
    folder = Path(run)
    opened = read_run(folder)
    model = load_model(folder, opened)
    if opened.preset == IMPORTED:
        keep_unused(model, read_tensors(folder / UNUSED_FILE, fix="import the checkpoint again"))
    tensors = to_state_dict(model)
    file = folder / "reference.pth.tar" if out is None else Path(out)
    write_atomic(file, checkpoint_bytes(tensors))
    return ExportedFile(str(file), len(tensors))
