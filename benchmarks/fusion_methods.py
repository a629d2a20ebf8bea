"""Every fusion method on AV-Digits under one budget, learned and tested under noise that leaves room between them.

    python benchmarks/fusion_methods.py --data-root FOLDER

trains each preset with each seed (skips what is done, resumes what was cut off), measures the speed of training of all
of them side by side, and prints the table of RESULTS.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import torch
import tyro
from av_digits import Job, Study, read, spread, train_all

from colliculus.presets import PRESETS
from colliculus.runtime import Runtime
from colliculus.training.optim import build_optimizer
from colliculus.training.step import TrainingStep
from colliculus.types import Batch

TITLES = {
    "s-cmrl": "S-CMRL",
    "s-cmrl-reference": "S-CMRL, reference",
    "spatial": "spatial attention alone",
    "temporal": "temporal attention alone",
    "sca": "SCA",
    "sca-reference": "SCA, reference",
    "cmci": "CMCI, as published",
    "cmci-reference": "CMCI, reference",
    "weighted-attention": "weighted attention",
    "late-fusion": "late fusion, sum",
    "late-fusion-concat": "late fusion, concatenation",
    "audio": "audio alone",
    "visual": "visual alone",
}
ROUNDS = 5
STEPS = 4


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train, test and time every fusion method."""

    out: Path = Path("runs/fusion-methods")
    """Folder of the runs."""
    snr_db: float = -10.0
    """White noise on both modalities, in training (drawn anew each epoch), validation and test."""


def jobs(settings: Settings) -> list[Job]:
    """One training for each preset and seed."""
    noise = ("--train.snr-db", "audio", str(settings.snr_db), "visual", str(settings.snr_db))
    return [
        settings.job(f"{name}-av-digits", f"{name}-seed{seed}", "--train.seed", str(seed), *noise)
        for seed in range(settings.seeds)
        for name in TITLES
    ]


def steps(preset: str) -> TrainingStep:
    """The training step of a preset, on one thread of the CPU."""
    experiment = PRESETS[preset].experiment
    model = experiment.method.model(experiment.data.spec).train()
    return TrainingStep(
        model=model,
        objective=experiment.method.objective(),
        modulator=experiment.method.modulator(),
        optimizer=build_optimizer(model, experiment.train),
        runtime=Runtime(device=torch.device("cpu")),
        clip_norm=None,
    )


def speeds() -> dict[str, float]:
    """Training samples a second of every method: they take turns, and the median over the turns counts."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    shape = (PRESETS["s-cmrl-av-digits"].experiment.train.batch_size, 1, 32, 32)
    batch = Batch({"audio": torch.randn(shape), "visual": torch.randn(shape)}, torch.arange(shape[0]) % 10)
    learners = {name: steps(f"{name}-av-digits") for name in TITLES}
    found: dict[str, list[float]] = {name: [] for name in TITLES}
    for turn in range(ROUNDS + 1):
        for name, step in learners.items():
            start = perf_counter()
            for _ in range(STEPS):
                step(batch)
            if turn:  # the first turn warms up
                found[name].append(STEPS * len(batch) / (perf_counter() - start))
    return {name: median(values) for name, values in found.items()}


def table(done: Sequence[Job]) -> Iterator[str]:
    """A row for every method, the best on top."""

    def found(name: str, file: str) -> list[dict[str, Any]]:
        return [read(job.run / file) for job in done if job.preset == f"{name}-av-digits"]

    results = {name: found(name, "result.json") for name in TITLES}
    speed = speeds()

    def accuracy(name: str, part: str) -> list[float]:
        return [100 * result[part]["accuracy"] for result in results[name]]

    def lowest(name: str) -> float:
        return 100 * min(layer["rate"] for h in found(name, "spike_health.json") for layer in h["start"]["layers"])

    headings = ("test accuracy, %", "validation, %", "parameters", "samples/s in training", "lowest rate at the start")
    yield f"| method | {' | '.join(headings)} |"
    yield "|---|---|---|---|---|---|"
    for name in sorted(TITLES, key=lambda name: -mean(accuracy(name, "test"))):
        yield (
            f"| {TITLES[name]} | {spread(accuracy(name, 'test'))} | {spread(accuracy(name, 'validation'))} "
            f"| {results[name][0]['parameters']:,} | {speed[name]:.0f} "
            f"| {lowest(name):.1f} % |"
        )


def main(settings: Settings) -> None:
    """Train what is not trained, then print the table."""
    todo = jobs(settings)
    train_all(todo, settings.jobs)
    print(f"Noise of {settings.snr_db:g} dB on both modalities, {settings.seeds} seeds, mean ± standard deviation:\n")
    print("\n".join(table(todo)))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
