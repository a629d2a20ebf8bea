"""The folder of a run as others read it: what was run, and the trained model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from colliculus.corpus.protocols import current_name
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.dataset import ClipReader, Dataset, Normalisation
from colliculus.files.atomic import write_atomic
from colliculus.files.documents import Document, as_document, from_plain, package_version, to_plain
from colliculus.model import MultimodalSNN
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.runs.experiment import Experiment
from colliculus.runs.weights import load_weights
from colliculus.types import ColliculusError, DataSpec

FORMAT = 1
"""Number of the layout of a run folder; a later layout gets a higher one."""

RUN_FILE, MODEL_FILE, RESULT_FILE = "run.yaml", "model.safetensors", "result.json"
METRICS_FILE, HEALTH_FILE, CURVES_FOLDER = "metrics.csv", "spike_health.json", "tensorboard"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything needed to rebuild a model and its data.

    Args:
        preset: name of the experiment that was started from.
        experiment: the settings as they ran.
        spec: what the model knows of its data.
        normalisation: what its inputs were standardised by.
        protocol: how the data were split.
        fingerprint: digest of the data.
        stored: what reading files like the data takes beyond their settings, so that the data may be gone by then.
    """

    preset: str
    experiment: Experiment[Any, Any]
    spec: DataSpec
    normalisation: Normalisation
    protocol: str
    fingerprint: str
    stored: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, preset: str, experiment: Experiment[Any, Any], dataset: Dataset) -> Run:
        """The run of `experiment` on `dataset`."""
        return cls(
            preset=preset,
            experiment=experiment,
            spec=dataset.spec,
            normalisation=dataset.normalisation,
            protocol=dataset.protocol,
            fingerprint=dataset.fingerprint,
            stored=dataset.stored,
        )

    def reader(self) -> ClipReader:
        """The reader of files like those of the data. A run of an earlier version asks the folder of prepared data.

        Raises:
            ColliculusError: what is needed is gone or damaged.
        """
        return StorageReader.of(self.stored) if self.stored else self.experiment.data.reader(self.spec)


def to_document(run: Run) -> Document:
    """What `run.yaml` holds."""
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
    }


def write_run(folder: Path, run: Run) -> None:
    """Write `run.yaml`."""
    write_atomic(folder / RUN_FILE, yaml.safe_dump(to_document(run), sort_keys=False, allow_unicode=True).encode())


def read_document(folder: Path) -> Document:
    """`run.yaml` as plain values.

    Raises:
        ColliculusError: it is absent, damaged, or written by a later version.
    """
    path = folder / RUN_FILE
    try:
        document = as_document(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ColliculusError(
            f"{folder} is no run folder, its {RUN_FILE} cannot be read ({error.strerror}): name a folder that "
            "`colliculus train ... --out` wrote"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, ColliculusError) as error:
        raise ColliculusError(f"{path} is damaged, it holds no settings: restore it or train again") from error
    if not isinstance(number := document.get("format"), int):
        raise ColliculusError(f"{path} is damaged, it states no format: restore it or train again")
    if number > FORMAT:
        raise ColliculusError(
            f"{path} has format {number} and colliculus {package_version()} reads formats up to {FORMAT}: upgrade it"
        )
    return document


def read_run(folder: Path) -> Run:
    """What was run in `folder`.

    Raises:
        ColliculusError: `run.yaml` is absent, damaged, written by a later version, or names something unknown.
    """
    document = read_document(folder)
    try:
        return Run(
            preset=from_plain(document["preset"], str),
            experiment=experiment_from_plain(document["experiment"]),
            spec=from_plain(document["spec"], DataSpec),
            normalisation=from_plain(document["normalisation"], Normalisation),
            protocol=current_name(from_plain(document["protocol"], str)),
            fingerprint=from_plain(document["fingerprint"], str),
            stored=as_document(document.get("stored", {})),
        )
    except KeyError as error:
        raise ColliculusError(
            f"{folder / RUN_FILE} is damaged, it has no {error.args[0]}: restore it or train again"
        ) from error
    except ColliculusError as error:
        raise ColliculusError(f"{folder / RUN_FILE} cannot be used: {error}") from error


def load_model(folder: Path | str) -> MultimodalSNN:
    """The trained model of a run, on the CPU and in eval mode.

    Args:
        folder: that `colliculus train ... --out` wrote.

    Raises:
        ColliculusError: the folder holds no run, no trained model, or weights that do not fit.

    Example:
        >>> import tempfile
        >>> from colliculus.presets import preset
        >>> from colliculus.runs.weights import save_weights
        >>> experiment = preset("s-cmrl-synthetic")
        >>> run = Run.of("s-cmrl-synthetic", experiment, experiment.data.load())
        >>> with tempfile.TemporaryDirectory() as folder:  # stands for a run that was trained
        ...     write_run(Path(folder), run)
        ...     save_weights(experiment.method.model(run.spec), Path(folder) / MODEL_FILE)
        ...     load_model(folder).spec.modalities
        ('audio', 'visual')
    """
    run = read_run(Path(folder))
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn in vain: the caller's random numbers stay
        model: MultimodalSNN = run.experiment.method.model(run.spec)
    load_weights(model, Path(folder) / MODEL_FILE)
    return model.eval()
