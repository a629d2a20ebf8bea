"""Spike health of a training: measured before the first epoch and after the last, recorded, and shown in a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from colliculus.data.dataset import Split
from colliculus.data.loading import epoch_batches
from colliculus.evaluation.spike_health import SpikeHealth, measure_spike_health, write_health
from colliculus.runs.result import kept_epoch
from colliculus.training.learner import Learner


def report_start(folder: Path, learner: Learner, split: Split, console: Console) -> None:
    """Measure on the first training batch, with the parameters that get no gradient."""
    batch = next(learner.batches(split, epoch=0)).to(learner.runtime.device)
    learner.model.train()
    health = measure_spike_health(learner.model, batch.inputs, batch.labels, learner.objective)
    _report(folder, "start", health, console)


def report_end(folder: Path, learner: Learner, split: Split, console: Console) -> None:
    """Measure the chosen model in eval mode on a batch of `split`."""
    settings = learner.settings
    batches = epoch_batches(split, batch_size=settings.batch_size, seed=settings.seed, epoch=0, shuffle=True)
    batch = next(batches).to(learner.runtime.device)
    health = measure_spike_health(learner.judged.eval(), batch.inputs)
    epochs = len(learner.history)  # each has the same number of optimiser steps
    trained = learner.steps * kept_epoch(learner.history, settings.select) // epochs if epochs else 0
    _report(folder, "end", replace(health, trained_steps=trained), console)


def _report(folder: Path, moment: str, health: SpikeHealth, console: Console) -> None:
    write_health(folder, moment, health)
    table = f"; every layer: colliculus inspect {folder}" if moment == "end" else ""
    console.print(f"spike health at the {moment}: {health.spikes:,.0f} spikes a clip{table}", soft_wrap=True)
    for warning in health.warnings():
        console.print(f"warning: {warning}", soft_wrap=True)
