"""Accuracy lost and time saved by evaluation in bf16 and int8, for every method.

    python benchmarks/narrow.py

The preset of every method for the synthetic set is trained and tested in each precision. Times are of its network with
`--dim` channels on one thread, on a batch of test clips: fp32 divided by the other, the median of the rounds, the
precisions taking turns. Ratios above 1 are faster.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median

import numpy as np
import torch
import tyro
from study import Tables, markdown

import colliculus as cl
from colliculus.evaluation.inference import inference_mode
from colliculus.evaluation.precision import in_precision, layers_of_spikes
from colliculus.layers.int8 import has_one_dnn
from colliculus.methods import METHODS
from colliculus.presets import PRESETS
from colliculus.runtime import InferencePrecision, keep_memory

PRECISIONS: Sequence[InferencePrecision] = ("fp32", "bf16", "int8")


@dataclass(frozen=True, kw_only=True)
class Settings(Tables):
    """Size of the measurement."""

    methods: tuple[str, ...] = tuple(name for name in METHODS if f"{name}-synthetic" in PRESETS)
    """Methods to measure."""
    dim: int = 128
    """Width of the networks whose time is taken."""
    size: int = 32
    """Height and width of their inputs."""
    batch: int = 32
    """Their clips."""
    rounds: int = 5
    """Times that each precision is measured."""


def accuracy(name: str) -> dict[str, str]:
    """Test accuracy in each precision, and clips that int8 decides otherwise than fp32."""
    run = cl.fit(cl.preset(f"{name}-synthetic", train={"device": "cpu"}), progress=False)
    found = {precision: cl.evaluate(run, precision=precision) for precision in PRECISIONS}
    moved = int((found["int8"].predictions.predicted != found["fp32"].predictions.predicted).sum())
    total = found["fp32"].metrics.total
    return {
        "accuracy, %, fp32": f"{100 * found['fp32'].metrics.accuracy:.1f}",
        "bf16": f"{100 * found['bf16'].metrics.accuracy:.1f}",
        "int8": f"{100 * found['int8'].metrics.accuracy:.1f}",
        "decided otherwise by int8": f"{moved} of {total}",
    }


def speed(name: str, settings: Settings) -> dict[str, str]:
    """Layers that int8 rounds, and time of fp32 divided by that of the other precisions."""
    width = {"dim": settings.dim} if "dim" in {each.name for each in fields(METHODS[name])} else {}
    preset = cl.preset(f"{name}-synthetic", method=width)
    data = preset.data.__class__(num_train=settings.batch, num_test=settings.batch, size=settings.size)
    dataset = data.load()
    torch.manual_seed(0)
    model = preset.method.model(dataset.spec)
    clips = dataset.test.batch(np.arange(settings.batch), epoch=0).inputs
    with torch.no_grad():
        for _ in range(3):  # statistics of the normalisations, so that the network fires
            model(clips)
    networks = {precision: in_precision(model.eval(), precision) for precision in PRECISIONS}
    times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for turn in range(settings.rounds + 1):
        for precision, network in networks.items():
            with inference_mode(network):
                start = time.process_time()
                network(clips)
            if turn:  # the first packs weights and makes kernels
                times[precision].append(time.process_time() - start)
    middle = {precision: median(found) for precision, found in times.items()}
    return {
        "layers in int8": str(len(layers_of_spikes(model))),
        **{f"{p}, times as fast": f"{middle['fp32'] / middle[p]:.2f}" for p in ("bf16", "int8")},
    }


def main(settings: Settings) -> None:
    """Train, measure and write the table."""
    torch.set_num_threads(1)
    keep_memory()
    print(f"products of whole numbers by oneDNN: {has_one_dnn()}; load {os.getloadavg()[0]:.1f}", flush=True)
    rows: list[dict[str, str]] = []
    for name in settings.methods:
        rows.append({"method": name, **accuracy(name), **speed(name, settings)})
        print(rows[-1], flush=True)
    settings.publish("narrow", markdown(rows))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
