"""Run folders: `run.yaml` with all settings, and the trained model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from colliculus.corpus.protocols import current_name
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.dataset import ClipReader, Dataset, Normalisation
from colliculus.files.checks import refuse_links
from colliculus.files.documents import (
    Document,
    as_document,
    from_plain,
    package_version,
    read_document,
    to_plain,
    write_document,
)
from colliculus.model import MultimodalSNN
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.runs.experiment import Experiment, Method
from colliculus.runs.migration import FORMAT, migrated
from colliculus.runs.names import MODEL_FILE, RUN_FILE
from colliculus.runs.weights import load_weights
from colliculus.types import ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class Start:
    """Weights that a training starts from.

    Args:
        run: run folder that holds them.
        preset: name of its experiment.
        model: SHA-256 digest of the file of weights.
        fresh: tensors that are new, because the classes differ.

    Example:
        >>> str(Start(run=Path("runs/first"), preset="s-cmrl-av-digits", model="0" * 64, fresh=("head.linear.bias",)))
        'weights of s-cmrl-av-digits (sha256 000000000000); the classes differ, so these are new: head.linear.bias'
    """

    run: Path
    preset: str
    model: str
    fresh: tuple[str, ...] = ()

    def __str__(self) -> str:
        new = f"; the classes differ, so these are new: {', '.join(self.fresh)}" if self.fresh else ""
        return f"weights of {self.preset} (sha256 {self.model[:12]}){new}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything needed to rebuild a model and its data.

    Args:
        preset: name of the experiment.
        experiment: method, data and training settings.
        spec: modalities, channels, sizes and classes of the data.
        normalisation: mean and standard deviation of the inputs.
        protocol: how the data were split.
        fingerprint: digest of the data.
        stored: further values that are needed to read files like the data, so that the data themselves may be gone.
        start: weights that the training starts from; None: random ones, from the seed.
    """

    preset: str
    experiment: Experiment[Any, Any]
    spec: DataSpec
    normalisation: Normalisation
    protocol: str
    fingerprint: str
    stored: Mapping[str, Any] = field(default_factory=dict[str, Any])
    start: Start | None = None

    @classmethod
    def of(cls, experiment: Experiment[Any, Any], dataset: Dataset) -> Run:
        """The run of `experiment` on `dataset`."""
        return cls(
            preset=experiment.name,
            experiment=experiment,
            spec=dataset.spec,
            normalisation=dataset.normalisation,
            protocol=dataset.protocol,
            fingerprint=dataset.fingerprint,
            stored=dataset.stored,
        )

    @property
    def imported(self) -> bool:
        """True where another program trained it: it does not know its data."""
        return not self.fingerprint

    def reader(self) -> ClipReader:
        """The reader of files like those of the data; a run of an earlier version needs the prepared folder for it.

        Raises:
            ColliculusError: that folder is gone or damaged.
        """
        return StorageReader.of(self.stored) if self.stored else self.experiment.data.reader(self.spec)


def to_document(run: Run) -> Document:
    """The contents of `run.yaml`."""
    return {
        "format": FORMAT,
        "version": package_version(),
        "preset": run.preset,
        "experiment": experiment_to_plain(run.experiment),
        "spec": to_plain(run.spec),
        "normalisation": to_plain(run.normalisation),
        "protocol": run.protocol,
        "fingerprint": run.fingerprint,
        **({"stored": dict(run.stored)} if run.stored else {}),
        **({"start": to_plain(run.start)} if run.start else {}),
    }


def write_run(folder: Path, run: Run) -> None:
    """Write `run.yaml`."""
    write_document(folder / RUN_FILE, to_document(run))


def read_run_file(folder: Path) -> Document:
    """`run.yaml` as plain values, in the present format.

    Raises:
        ColliculusError: it is absent, damaged, or written by a later version; or the folder holds a symbolic link.
    """
    if not (folder / RUN_FILE).is_file():
        raise ColliculusError(
            f"{folder} is not a run folder, it has no {RUN_FILE}: pass the folder given to `colliculus train --out`, or"
            " a name that `colliculus show pretrained` lists"
        )
    refuse_links(folder)
    return migrated(read_document(folder / RUN_FILE, newest=FORMAT, remedy="restore it or train again"))


def read_run(folder: Path, method: Method | None = None) -> Run:
    """Read `run.yaml`.

    Args:
        folder: run folder.
        method: method to use instead of the recorded one, when that is your own and its module is not imported.

    Raises:
        ColliculusError: `run.yaml` is absent, damaged, written by a later version, or names something unknown.
    """
    document = read_run_file(folder)
    try:
        preset = from_plain(document["preset"], str)
        return Run(
            preset=preset,
            experiment=replace(experiment_from_plain(document["experiment"], method), preset=preset),
            spec=from_plain(document["spec"], DataSpec),
            normalisation=from_plain(document["normalisation"], Normalisation),
            protocol=current_name(from_plain(document["protocol"], str)),
            fingerprint=from_plain(document["fingerprint"], str),
            stored=as_document(document.get("stored", {})),
            start=_start_in(document),
        )
    except KeyError as error:
        raise ColliculusError(
            f"{folder / RUN_FILE} is damaged, it has no {error.args[0]}: restore it or train again"
        ) from error
    except ColliculusError as error:
        raise ColliculusError(f"{folder / RUN_FILE} cannot be used: {error}") from error


def read_start(folder: Path) -> Start | None:
    """The weights that the run in `folder` started from; None where they were random.

    Raises:
        ColliculusError: `run.yaml` is absent or damaged.
    """
    return _start_in(read_run_file(folder))


def _start_in(document: Document) -> Start | None:
    return from_plain(document["start"], Start) if "start" in document else None


def load_model(folder: Path | str, run: Run | None = None) -> MultimodalSNN:
    """The trained model of a run, on the CPU and in eval mode.

    Args:
        folder: run folder.
        run: contents of its `run.yaml`, when they are known.

    Raises:
        ColliculusError: the folder holds no run or no trained model, or the weights do not fit.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> load_model(run.folder).spec.modalities
        ('audio', 'visual')
    """
    run = read_run(Path(folder)) if run is None else run
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn in vain: the caller's random numbers stay
        model: MultimodalSNN = run.experiment.method.model(run.spec)
    load_weights(model, Path(folder) / MODEL_FILE)
    return model.eval()
