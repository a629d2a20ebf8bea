"""`colliculus inspect`: which layers of a trained run fire, how its modalities fare, and which time steps count."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import tyro

from colliculus.cli import balance_report
from colliculus.cli.options import NoSettings, RunFolder, SettingsT, Switch, leading_name, parse
from colliculus.cli.run_data import load_data
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.cli.balance_report import BalanceReport
    from colliculus.evaluation.spike_health import SpikeHealth
    from colliculus.model import MultimodalSNN
    from colliculus.runs.run import Run
    from colliculus.types import Batch

PICTURE, BALANCE_PICTURE = "inspect.png", "balance.png"


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Show how much every layer of a trained run fires, at each time step, and draw it into RUN/inspect.png.

    Then, as far as the run has them, drawn into RUN/balance.png: the validation accuracy of each modality alone, by
    epoch; what a balance reported; the temporal attention scores of every stream, by class and time step; and how the
    steps of each modality are aligned (TAAF).

    Measured on validation samples, with the settings of the run's data; any can be overridden (--data.root FOLDER).
    """

    run: RunFolder
    """folder of the run"""
    samples: int = 256
    """validation samples to measure on, at most"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    data: SettingsT
    """the data to measure on"""


def run(arguments: list[str]) -> int:
    """Measure, draw and print."""
    folder = Path(leading_name(arguments, Options[NoSettings], "inspect", "colliculus inspect RUN [options]"))

    from colliculus.evaluation.spike_health import measure_spike_health
    from colliculus.runs.history import read_metrics
    from colliculus.runs.run import load_model, read_run
    from colliculus.runtime import choose_device
    from colliculus.training.health import trained_steps

    trained = read_run(folder)
    data = trained.experiment.data
    options = parse(Options[type(data)], "inspect", arguments, Options(run=tyro.MISSING, data=data))
    model = load_model(folder).to(choose_device(options.device))
    batch = _samples(trained, options).to(next(model.parameters()).device)
    health = replace(measure_spike_health(model, batch.inputs), trained_steps=trained_steps(folder))
    balance = balance_report.gather(read_metrics(folder), model, batch)
    parts = _parts(model)
    pictures = _draw(folder, trained, health, balance)
    if options.json:
        record = {"run": str(folder), **asdict(health), "parts": parts, "warnings": health.warnings()}
        console.show_json(record | balance.record() | pictures)
        return 0
    console.show(*_tables(health, parts), *balance_report.tables(balance))
    for sentence in health.warnings():
        console.remark(sentence)
    if drawn := [path for path in pictures.values() if path]:
        console.show(f"Drawn in {' and '.join(drawn)}")
    return 0


def _samples(run: Run, options: Options[Any]) -> Batch:
    """Validation samples, evenly over the split, under the noise of the training if there was any."""
    import numpy as np

    from colliculus.data.noise import GaussianNoise

    if options.samples < 1:
        raise ColliculusError(f"--samples is {options.samples}: give at least 1")
    split = load_data(run, options.data).validation
    rows = np.linspace(0, len(split) - 1, min(options.samples, len(split))).astype(np.int64)
    batch = split.batch(rows, epoch=0)
    return replace(batch, inputs=GaussianNoise(run.experiment.train.snr_db)(batch.inputs, rows))


def _parts(model: MultimodalSNN) -> dict[str, int]:
    """Parameters of each part of the model: those of every modality's encoder apart."""
    parts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        part = ".".join(name.split(".")[: 2 if name.startswith("encoders.") else 1])
        parts[part] = parts.get(part, 0) + parameter.numel()
    return parts


def _draw(folder: Path, run: Run, health: SpikeHealth, balance: BalanceReport) -> dict[str, str | None]:
    """Draw the pictures, that of the balance where there is something to see; without matplotlib, tell what it takes.

    Returns:
        Where "picture" and "balance_picture" lie; None for one that was not drawn.
    """
    from colliculus.cli import balance_picture, health_picture

    drawn: dict[str, str | None] = {"picture": None, "balance_picture": None}
    try:
        health_picture.draw(health, f"{run.preset}: spike health", folder / PICTURE)
        drawn["picture"] = str(folder / PICTURE)
        if balance:
            balance_picture.draw(balance, f"{run.preset}: balance of the modalities", folder / BALANCE_PICTURE)
            drawn["balance_picture"] = str(folder / BALANCE_PICTURE)
    except ImportError:
        console.remark("no picture was drawn: it takes matplotlib, install colliculus[report]")
    return drawn


def _tables(health: SpikeHealth, parts: dict[str, int]) -> tuple[RenderableType, ...]:
    from colliculus.training.health import health_table

    table = console.plain_table()
    table.add_column("part", style="cyan")
    table.add_column("number", justify="right")
    table.add_column("share", justify="right")
    for part, number in parts.items():
        table.add_row(part, f"{number:,}", console.percent(number / health.num_parameters))
    table.add_row("all", f"{health.num_parameters:,}", "", style="bold")
    return health_table(health, "Spikes"), console.titled("Parameters", table)
