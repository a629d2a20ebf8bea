"""Inspection of a trained run: which layers fire, how each modality fares, and which time steps count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from colliculus.data.dataset import Dataset, DataSettings
from colliculus.data.evenly import evenly
from colliculus.evaluation.modality_curves import ModalityCurves
from colliculus.evaluation.spike_health import SpikeHealth, measure_spike_health, read_health
from colliculus.evaluation.time_alignment import (
    AlignmentMatrix,
    alignment_matrices,
    alignment_panels,
    alignment_table,
)
from colliculus.evaluation.time_weights import (
    TimeWeights,
    measure_time_weights,
    time_weights_panels,
    time_weights_table,
)
from colliculus.evaluation.trained_run import TrainedRun, open_run, stored_part
from colliculus.figures import Panel, figure, to_png
from colliculus.files.atomic import write_atomic
from colliculus.model import MultimodalSNN
from colliculus.records import Record, Table, Tables
from colliculus.records.console import percent
from colliculus.runs.history import read_metrics
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGE, BALANCE_IMAGE = "inspect.png", "balance.png"


@dataclass(frozen=True, kw_only=True)
class Inspection(Record):
    """The inside of a trained run; what it does not have is empty.

    Args:
        preset: experiment that the run was started from.
        classes: K names.
        modalities: of the model, in order.
        health: firing of every layer.
        warnings: problems of `health`, a sentence each.
        parts: parameters of each part of the model; every modality's encoder is a part.
        curves: each modality alone and the reports of a balance, by epoch.
        time_weights: temporal attention scores of each stream.
        alignments: how the steps of each modality are brought to the common ones.
    """

    preset: str
    classes: tuple[str, ...]
    modalities: tuple[str, ...]
    health: SpikeHealth
    warnings: tuple[str, ...]
    parts: dict[str, int]
    curves: ModalityCurves
    time_weights: dict[str, TimeWeights]
    alignments: dict[str, AlignmentMatrix]

    def table(self) -> Tables:
        """Firing, parameters, the epochs that matter, convergence, scores of the time steps and alignments."""
        total = self.health.num_parameters
        rows = [(part, f"{number:,}", percent(number / total)) for part, number in self.parts.items()]
        parameters = Table.of("Parameters", ("part", "number", "share"), [*rows, ("all", f"{total:,}", "")])
        tables = [self.health.table("Spikes"), parameters]
        if self.curves:
            tables.append(self.curves.table())
        if self.curves.coordination is not None:
            tables.append(self.curves.coordination.table())
        if self.time_weights:
            tables.append(time_weights_table(self.time_weights))
        if self.alignments:
            tables.append(alignment_table(self.alignments))
        return Tables(tables)

    def figure(self) -> Figure:
        """Firing of every layer; see `SpikeHealth.figure`."""
        return self.health.figure(f"{self.preset}: spike health")

    def balance_figure(self) -> Figure | None:
        """Each modality alone, the balance, scores of the time steps and alignments; None without any of them."""
        rows: list[Sequence[Panel]] = [
            self.curves.panels(self.modalities, len(self.classes)),
            time_weights_panels(self.time_weights, self.classes) if self.time_weights else [],
            alignment_panels(self.alignments) if self.alignments else [],
        ]
        there = [row for row in rows if row]
        return figure(*there, title=f"{self.preset}: balance of the modalities") if there else None

    def draw(self, folder: Path | str) -> list[Path]:
        """Write `inspect.png` and, where there is something to see, `balance.png` into a folder; returns the files.

        Raises:
            ColliculusError: matplotlib is not installed, or a file cannot be written.
        """
        figures = {IMAGE: self.figure(), BALANCE_IMAGE: self.balance_figure()}
        drawn = {Path(folder) / name: made for name, made in figures.items() if made is not None}
        for path, made in drawn.items():
            write_atomic(path, to_png(made))
        return [*drawn]


def inspect(
    run: TrainedRun | Path | str,
    data: DataSettings | Dataset | None = None,
    *,
    samples: int = 256,
    device: str = "auto",
) -> Inspection:
    """Measure how much every layer of a trained run fires, and gather what it has learned of modalities and time.

    Measured on validation samples (on training samples where there are none), under the noise of the training if there
    was any: the firing of every layer at each time step, and the temporal attention scores of every stream by class.
    Read from the run: the validation accuracy of each modality alone and the reports of a balance, by epoch, and the
    alignment of each modality's steps (TAAF).

    Args:
        run: trained run or its folder.
        data: settings of the data or loaded data; None takes the run's own.
        samples: validation samples to measure on, at most; evenly over the part.
        device: as in `open_run`.

    Raises:
        ColliculusError: `samples` is below 1, the model cannot take the data, or the run is damaged.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> found = inspect(run)
        >>> sum(found.parts.values()) == found.health.num_parameters, found.health.layers[0].label
        (True, 'encoders.audio.stages.0')
    """
    if samples < 1:
        raise ColliculusError(f"samples is {samples}: give at least 1")
    run = open_run(run, device, precision="fp32")
    dataset = run.load(data)
    split = dataset.validation if len(dataset.validation) else stored_part(dataset, "train")
    batch = run.batch(split, evenly(samples, len(split)))
    trained = read_health(run.folder).get("end")
    health = measure_spike_health(run.model, batch.inputs)
    health = health if trained is None else replace(health, trained_steps=trained.trained_steps)
    return Inspection(
        preset=run.run.preset,
        classes=run.model.spec.names,
        modalities=run.model.modalities,
        health=health,
        warnings=tuple(health.warnings()),
        parts=_parts(run.model),
        curves=ModalityCurves.of(read_metrics(run.folder), run.model, run.experiment.train.select),
        time_weights=measure_time_weights(run.model, [batch]),
        alignments=alignment_matrices(run.model),
    )


def _parts(model: MultimodalSNN) -> dict[str, int]:
    """Parameters of each part of the model; every modality's encoder is a part."""
    parts = Counter[str]()
    for name, parameter in model.used_parameters().items():
        parts[".".join(name.split(".")[: 2 if name.startswith("encoders.") else 1])] += parameter.numel()
    return dict(parts)
