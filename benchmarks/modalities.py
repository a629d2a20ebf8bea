"""Time of an exchange between M modalities, and the accuracy with three, by what is received.

    python benchmarks/modalities.py [--repeats 5] [--seeds 3] [--epochs 12]

"each": one attention for every pair, M (M - 1). "mean": one for every modality, which receives from the mean of the
others. The time is that of the fusion of S-CMRL alone, forward and backward, in turns, medians. The accuracy is that of
S-CMRL on the synthetic set with sound, image and touch.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import get_args

import torch
import tyro

import colliculus as cl
from colliculus.fusion import CrossModalResidual, CrossModalSettings, Sum
from colliculus.fusion.exchange import Senders
from colliculus.neurons import NeuronSettings

SENDERS: tuple[Senders, ...] = get_args(Senders)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Compare the two forms of exchange."""

    repeats: int = 5
    """Turns of each, for the time."""
    seeds: int = 3
    """Trainings of each, for the accuracy; 0 measures the time alone."""
    epochs: int = 12
    """Epochs of a training."""


def fusion(count: int, senders: Senders) -> CrossModalResidual:
    """The fusion of S-CMRL for `count` modalities of 5 by 5 tokens."""
    return CrossModalResidual(
        {f"m{i}": (5, 5) for i in range(count)},
        dim=128,
        heads=8,
        alpha=0.25,
        branches="spatiotemporal",
        alignment=True,
        join=Sum(),
        neuron=NeuronSettings(),
        settings=CrossModalSettings(senders=senders),
    )


def seconds(network: CrossModalResidual, count: int) -> float:
    """Time of a forward and a backward pass of eight clips."""
    tokens = {f"m{i}": torch.randint(0, 3, (4, 8, 128, 25)).float() for i in range(count)}
    start = time.process_time()
    network(tokens).joint.sum().backward()
    return time.process_time() - start


def times(repeats: int) -> None:
    """A row for every number of modalities."""
    print("modalities  each, ms  mean, ms  attentions")
    for count in (2, 3, 4, 6, 8):
        networks = {senders: fusion(count, senders) for senders in SENDERS}
        found: dict[Senders, list[float]] = {senders: [] for senders in SENDERS}
        for _ in range(repeats + 1):
            for senders, network in networks.items():
                found[senders].append(seconds(network, count))
        each, of_mean = (1000 * median(found[senders][1:]) for senders in SENDERS)
        numbers = " and ".join(str(len(network.attention)) for network in networks.values())
        print(f"{count:10}  {each:8.0f}  {of_mean:8.0f}  {numbers}")


def accuracies(seeds: int, epochs: int) -> None:
    """A row for each form of exchange."""
    for senders in SENDERS:
        found: list[float] = []
        for seed in range(seeds):
            experiment = cl.preset(
                "s-cmrl-synthetic",
                **{
                    "method.cross_modal.senders": senders,
                    "data.tactile": True,
                    "data.size": 16,
                    "train.epochs": epochs,
                    "train.seed": seed,
                },
            )
            with tempfile.TemporaryDirectory() as folder:
                found.append(cl.fit(experiment, out=Path(folder) / "run", progress=False).result.test.accuracy)
        spread = f" +- {stdev(found):.3f}" if seeds > 1 else ""
        print(f"{senders}: accuracy {mean(found):.3f}{spread}, {seeds} seeds", flush=True)


def main() -> None:
    """Print both tables."""
    settings = tyro.cli(Settings, description=__doc__)
    torch.set_num_threads(1)
    times(settings.repeats)
    if settings.seeds:
        accuracies(settings.seeds, settings.epochs)


if __name__ == "__main__":
    main()
