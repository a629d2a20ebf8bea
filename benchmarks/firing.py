"""Parts of the benchmarks of speed: networks whose layers fire at a chosen rate, and processor time in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import cast

import torch
from torch import Tensor, nn

from colliculus.layers import ConvBNSpike, ProjectionBNSpike

HALVINGS = 9  # of an interval of 16 deviations: rates are met to about 1 %


Rates = float | Mapping[str, float]
"""Share of neurons that fire: of every layer, or by the last name of each."""

TRAINED: Rates = {"0": 0.04, "1": 0.18, "2": 0.14, "3": 0.25, "position": 0.08} | {
    **dict.fromkeys(("query", "key", "value"), 0.16),
    "project": 0.04,
    "expand": 0.06,
    "contract": 0.07,
}
"""Rates of an S-CMRL network trained on AV-Digits (the stages of its encoders, then the layers of its fusion), means of
its two modalities on test clips."""


@torch.no_grad()
def fire_at(rates: Rates, model: nn.Module, inputs: object) -> None:
    """Set the shift of every BatchNorm before a neuron so that the layer passes on that share of spikes.

    In training, and with the statistics of this batch kept (momentum 1), so that an evaluation has the same rates.
    """
    model.train()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.momentum = 1.0
    hooks = [
        part.register_forward_hook(partial(_shifted, rates if isinstance(rates, float) else rates[name.split(".")[-1]]))
        for name, part in model.named_modules()
        if isinstance(part, ConvBNSpike | ProjectionBNSpike)
    ]
    model(inputs)
    for hook in hooks:
        hook.remove()


def _shifted(rate: float, layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
    """The layer's output when it fires at the rate."""
    norm = cast("nn.BatchNorm1d | nn.BatchNorm2d", layer.norm)
    low, high = -8.0, 8.0
    for _ in range(HALVINGS):
        nn.init.constant_(norm.bias, (low + high) / 2)
        out = layer.forward(given[0])
        low, high = (low, (low + high) / 2) if (out != 0).float().mean() > rate else ((low + high) / 2, high)
    return out


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each way in each round, the ways taking turns, after a round that is not timed."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.thread_time()
            way()
            if turn:
                taken[name].append(time.thread_time() - start)
    return taken


def medians(taken: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each."""
    return {name: median(times) for name, times in taken.items()}
