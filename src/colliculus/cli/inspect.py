"""`colliculus inspect`: which layers of a trained run fire, and how much."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import tyro

from colliculus.cli import console
from colliculus.cli.options import NoSettings, RunFolder, SettingsT, Switch, leading_name, parse
from colliculus.cli.run_data import load_data
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.evaluation.spike_health import SpikeHealth
    from colliculus.model import MultimodalSNN
    from colliculus.training.run import Run

PICTURE = "inspect.png"


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Show how much every layer of a trained run fires, at each time step, and draw it into RUN/inspect.png.

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

    from colliculus.runtime import choose_device
    from colliculus.training.run import load_model, read_run

    trained = read_run(folder)
    data = trained.experiment.data
    options = parse(Options[type(data)], "inspect", arguments, Options(run=tyro.MISSING, data=data))
    model = load_model(folder).to(choose_device(options.device))
    health = _measure(trained, model, options)
    parts = _parts(model)
    picture = _draw(folder, trained, health)
    if options.json:
        record = {"run": str(folder), **asdict(health), "parts": parts, "warnings": health.warnings()}
        console.show_json(record | {"picture": picture and str(picture)})
        return 0
    console.show(*_tables(health, parts))
    for sentence in health.warnings():
        console.remark(sentence)
    if picture:
        console.show(f"Drawn in {picture}")
    return 0


def _measure(run: Run, model: MultimodalSNN, options: Options[Any]) -> SpikeHealth:
    import numpy as np

    from colliculus.evaluation.spike_health import measure_spike_health

    if options.samples < 1:
        raise ColliculusError(f"--samples is {options.samples}: give at least 1")
    split = load_data(run, options.data).validation
    rows = np.linspace(0, len(split) - 1, min(options.samples, len(split))).astype(np.int64)
    batch = split.batch(rows, epoch=0).to(next(model.parameters()).device)
    return measure_spike_health(model, batch.inputs)


def _parts(model: MultimodalSNN) -> dict[str, int]:
    """Parameters of each part of the model: those of every modality's encoder apart."""
    parts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        part = ".".join(name.split(".")[: 2 if name.startswith("encoders.") else 1])
        parts[part] = parts.get(part, 0) + parameter.numel()
    return parts


def _draw(folder: Path, run: Run, health: SpikeHealth) -> Path | None:
    """Draw the picture; without matplotlib, tell what it takes."""
    from colliculus.cli.health_picture import draw

    try:
        draw(health, f"{run.preset}: spike health", folder / PICTURE)
    except ImportError:
        console.remark("no picture was drawn: it takes matplotlib, install colliculus[report]")
        return None
    return folder / PICTURE


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
