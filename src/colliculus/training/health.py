"""Spike health of a run: measured before the first epoch and after the last, shown and kept."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import cast

from rich import box
from rich.console import Console
from rich.table import Table

from colliculus.data.dataset import Split
from colliculus.data.loading import epoch_batches
from colliculus.evaluation.spike_health import HEALTHY_RATE, SpikeHealth, measure_spike_health
from colliculus.files.atomic import write_atomic
from colliculus.runs.result import best_epoch
from colliculus.runs.run import HEALTH_FILE
from colliculus.training.learner import Learner


def report_start(folder: Path, learner: Learner, split: Split, console: Console) -> None:
    """Measure on the first training batch, as training will see it, and which parameters it would not move."""
    batch = next(learner.batches(split, epoch=0)).to(learner.runtime.device)
    learner.model.train()
    health = measure_spike_health(learner.model, batch.inputs, batch.labels, learner.objective)
    _report(folder, "start", health, console)


def report_end(folder: Path, learner: Learner, split: Split, console: Console) -> None:
    """Measure the chosen model on a batch of the validation part, with the statistics it has learned."""
    settings = learner.settings
    batches = epoch_batches(split, batch_size=settings.batch_size, seed=settings.seed, epoch=0, shuffle=True)
    batch = next(batches).to(learner.runtime.device)
    health = measure_spike_health(learner.judged.eval(), batch.inputs)
    _report(folder, "end", replace(health, trained_steps=_steps_to_best(learner)), console)


def trained_steps(folder: Path) -> int | None:
    """Steps that the model of a run was trained, as its health at the end tells; None where it does not."""
    end = _measured_before(folder / HEALTH_FILE).get("end")
    steps = cast("dict[str, object]", end).get("trained_steps") if isinstance(end, dict) else None
    return steps if isinstance(steps, int) else None


def health_table(health: SpikeHealth, title: str) -> Table:
    """Firing of every layer, one row each, under the part of the model it belongs to; 80 columns wide up to T = 4."""
    table = Table("layer", title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for heading in ("rate", "never fire", "% at each step"):
        table.add_column(heading, justify="right")
    for part, layers in groupby(health.layers, key=lambda layer: layer.part):
        table.add_row(part, style="cyan")
        for layer in layers:
            name = layer.label.removeprefix(f"{part}.")
            steps = " ".join(f"{100 * rate:.1f}" for rate in layer.step_rates)
            low, high = HEALTHY_RATE
            style = "red" if layer.rate == 0 else "" if low <= layer.rate <= high else "yellow"
            table.add_row(f"  {name}", f"{layer.rate:.1%}", f"{layer.silent:.0%}", steps, style=style)
    return table


def _report(folder: Path, moment: str, health: SpikeHealth, console: Console) -> None:
    path = folder / HEALTH_FILE
    write_atomic(path, json.dumps({**_measured_before(path), moment: asdict(health)}, indent=1).encode())
    console.print(health_table(health, f"spike health at the {moment} of training"))
    for sentence in health.warnings():
        console.print(f"warning: {sentence}", style="yellow")


def _steps_to_best(learner: Learner) -> int:
    """Steps that the chosen model was trained: all epochs have the same number of them."""
    epochs = len(learner.history)
    return learner.steps * best_epoch(learner.history) // epochs if epochs else 0


def _measured_before(path: Path) -> dict[str, object]:
    """What the file holds already; nothing when it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
