"""Spike health: firing of every layer, and parameters without a gradient.

A layer that never fires passes no signal on, and the accuracy may hide it: the network around it still learns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from colliculus.evaluation.inference import recorded, spiking_layers
from colliculus.figures import Bars, BarSeries, Heat, figure
from colliculus.figures.palette import BAD, GOOD, ODD
from colliculus.files.atomic import write_atomic
from colliculus.files.documents import as_document
from colliculus.files.plain import parse_json, read_text
from colliculus.model import MultimodalSNN
from colliculus.neurons import SpikingNeuron
from colliculus.records import Record, Table
from colliculus.records.console import listed
from colliculus.runs.names import HEALTH_FILE
from colliculus.types import Output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEALTHY_RATE = (0.01, 0.60)
"""Lowest and highest firing rate that raise no warning."""

NAMES_SHOWN = 4
"""Layers named in a warning; the table lists all."""
STEPS_WITH_NUMBERS = 8
"""Time steps up to which the figure writes each rate as a number."""


@dataclass(frozen=True)
class LayerHealth:
    """Firing of one spiking layer over a batch.

    Args:
        name: qualified name of the neuron module.
        rate: firing rate: binary spikes per neuron and time step, 0 to 1. Graded spikes count unfolded, one for each
            level, so that the rate of a graded neuron may be up to `levels`.
        step_rates: firing rate at each time step, T numbers.
        num_neurons: neurons of the layer.
        silent: share of neurons that fire in no sample and at no step.
        levels: most binary spikes of a neuron in one time step; 1 unless its spikes are graded.
    """

    name: str
    rate: float
    step_rates: tuple[float, ...]
    num_neurons: int
    silent: float
    levels: int = 1

    @property
    def spikes(self) -> float:
        """Binary spikes of the layer for one clip."""
        return sum(self.step_rates) * self.num_neurons

    @property
    def label(self) -> str:
        """The name without the final "neuron"."""
        return self.name.removesuffix(".neuron")

    @property
    def part(self) -> str:
        """The part of the model: the first two words of the name, such as "encoders.audio"."""
        return ".".join(self.name.split(".")[:2])

    @property
    def verdict(self) -> str:
        """Judgement of the rate: "silent", "low", "high" (of the levels there are), or nothing where it is healthy."""
        low, high = HEALTHY_RATE
        if not self.rate:
            return "silent"
        return "low" if self.rate < low else "high" if self.rate > high * self.levels else ""


@dataclass(frozen=True)
class SpikeHealth(Record):
    """Firing of every spiking layer, and parameters without a gradient.

    Args:
        layers: each spiking layer, in the order of execution.
        num_parameters: parameters of the model, without optional parts that are left out.
        zero_gradient: number of elements of each parameter tensor whose gradient is exactly zero; None where no
            objective was given.
        trained_steps: optimiser steps of the training; None where unknown. Few steps excuse silent layers.

    Example:
        >>> layer = LayerHealth("encoders.audio.stages.0.neuron", 0.0, (0.0, 0.0), 64, 1.0)
        >>> SpikeHealth((layer,), num_parameters=100).warnings()
        ['1 of 1 layers are silent: encoders.audio.stages.0']
    """

    layers: tuple[LayerHealth, ...]
    num_parameters: int
    zero_gradient: dict[str, int] | None = None
    trained_steps: int | None = None

    @property
    def spikes(self) -> float:
        """Binary spikes of all neurons together for one clip; graded ones count unfolded."""
        return sum(layer.spikes for layer in self.layers)

    def warnings(self) -> list[str]:
        """A sentence for each problem: silent layers, rates outside `HEALTHY_RATE`, parameters without a gradient."""
        low, high = HEALTHY_RATE
        after = "" if self.trained_steps is None else f" after {self.trained_steps:,} steps of training"
        kinds = {"silent": f"are silent{after}", "low": f"fire below {low:.0%}", "high": f"fire above {high:.0%}"}
        found: list[str] = []
        for verdict, kind in kinds.items():
            if names := [x.label for x in self.layers if x.verdict == verdict]:
                found.append(f"{len(names)} of {len(self.layers)} layers {kind}: {listed(names, NAMES_SHOWN)}")
        if self.zero_gradient:
            idle = sum(self.zero_gradient.values())
            found.append(f"{idle:,} of {self.num_parameters:,} parameters have a gradient of exactly zero")
        return found

    def table(self, title: str = "Spike health") -> Table:
        """A row for each layer below its part of the model, and the warnings; 80 columns wide up to T = 4."""
        rows: list[Sequence[str]] = []
        for part, layers in groupby(self.layers, key=lambda layer: layer.part):
            rows.append((part, "", "", "", ""))
            for layer in layers:
                steps = " ".join(f"{100 * rate:.1f}" for rate in layer.step_rates)
                name = f"  {layer.label.removeprefix(f'{part}.')}"
                rows.append((name, f"{layer.rate:.1%}", layer.verdict, f"{layer.silent:.0%}", steps))
        headings = ("layer", "rate", "", "never fire", "% at each step")
        return Table.of(title, headings, rows, [*self._notes(), *(f"warning: {x}" for x in self.warnings())])

    def _notes(self) -> list[str]:
        """Spikes of a clip, or that there are none."""
        if not self.layers:
            return ["the network has no spiking neurons: it is an ANN"]
        levels = max(layer.levels for layer in self.layers)
        graded = f", each level of a graded one (up to {levels}) counted as a spike" if levels > 1 else ""
        return [f"{self.spikes:,.0f} spikes a clip{graded}"]

    def figure(self, title: str = "Spike health") -> Figure:
        """The rate of every layer, over all and at each time step, and the share of its neurons that never fire."""
        layers = self.layers
        borders = [i for i in range(1, len(layers)) if layers[i].part != layers[i - 1].part]
        if not layers:
            return figure([Bars(names=["no spiking neurons"], series=[BarSeries(values=[0.0])])], title=title)
        rates = BarSeries(
            values=[100 * layer.rate for layer in layers],
            labels=[f"{layer.rate:.1%}" if layer.rate else "silent" for layer in layers],
            colours=[{"": GOOD, "silent": BAD}.get(layer.verdict, ODD) for layer in layers],
        )
        steps = [[100 * rate for rate in layer.step_rates] for layer in layers]
        most = max(map(len, steps))
        silent = [100 * layer.silent for layer in layers]
        low, high = HEALTHY_RATE
        return figure(
            [
                Bars(
                    names=[layer.label for layer in layers],
                    series=[rates],
                    title=f"firing rate, % (band: {low:.0%} to {high:.0%})",
                    low=0,
                    span=(100 * low, 100 * high),
                    borders=borders,
                ),
                Heat(
                    values=steps,
                    columns=[str(t + 1) for t in range(most)],
                    texts=[[f"{x:.1f}" for x in row] for row in steps] if most <= STEPS_WITH_NUMBERS else (),
                    title="rate at each time step, %",
                    far=max(10.0, *(max(row) for row in steps)),
                    borders=borders,
                ),
                Bars(
                    names=(),
                    series=[BarSeries(values=silent, labels=[f"{x:.0f}" for x in silent], colour=0)],
                    title="neurons that never fire, %",
                    low=0,
                    high=125,
                    borders=borders,
                ),
            ],
            title=title,
        )


def read_health(folder: Path) -> dict[str, SpikeHealth]:
    """The spike health that a training recorded at its "start" and its "end"; empty where there is none, or damaged."""
    try:
        found = as_document(parse_json(read_text(folder / HEALTH_FILE)))
        return {moment: SpikeHealth.from_dict(plain) for moment, plain in found.items()}
    except (OSError, ValueError):  # ColliculusError is one too
        return {}


def write_health(folder: Path, moment: str, health: SpikeHealth) -> None:
    """Record the spike health at a moment of the training, beside that of other moments."""
    found = {name: one.to_dict() for name, one in (read_health(folder) | {moment: health}).items()}
    write_atomic(folder / HEALTH_FILE, json.dumps(found, indent=1).encode())


def measure_spike_health(
    model: MultimodalSNN,
    inputs: dict[str, Tensor],
    labels: Tensor | None = None,
    objective: Callable[[Output, Tensor], dict[str, Tensor]] | None = None,
) -> SpikeHealth:
    """Run one batch through a copy of `model` and count its spikes.

    The copy runs in the model's mode: training mode normalises by the batch, eval mode by the learned statistics. The
    model, its gradients and statistics, and later random numbers stay untouched.

    Args:
        model: the model, not wrapped for several ranks.
        inputs: (B, C, H, W) or (T, B, C, H, W) of each modality, on the model's device.
        labels: (B,) classes; needed with `objective`.
        objective: terms to differentiate, to find parameters whose gradient is exactly zero.

    Raises:
        ValueError: an objective is given without labels.
    """
    if objective is not None and labels is None:
        raise ValueError("an objective needs labels")
    probe = deepcopy(model)
    probe.zero_grad(set_to_none=True)
    spikes = spiking_layers(probe)
    devices = [x.device for x in inputs.values() if x.device.type == "cuda"][:1]
    with (
        torch.random.fork_rng(devices=devices),
        torch.set_grad_enabled(objective is not None),
        recorded(spikes, lambda name, values: _layer(name, values, spikes[name])) as layers,
    ):
        output = probe(inputs)
        if objective is not None and labels is not None:
            torch.stack(list(objective(output, labels).values())).sum().backward()
    return SpikeHealth(
        layers=tuple(layers),
        num_parameters=sum(p.numel() for p in probe.used_parameters().values()),
        zero_gradient=None if objective is None else _zero_gradient(probe),
    )


def _layer(name: str, spikes: Tensor, neuron: SpikingNeuron) -> LayerHealth:
    fired = spikes.detach().float().flatten(2) / neuron.unit  # (T, B, neurons), in binary spikes
    return LayerHealth(
        name=name,
        rate=fired.mean().item(),
        step_rates=tuple(fired.mean(dim=(1, 2)).tolist()),
        num_neurons=fired.shape[2],
        silent=(fired.amax(dim=(0, 1)) == 0).float().mean().item(),
        levels=neuron.levels,
    )


def _zero_gradient(model: MultimodalSNN) -> dict[str, int]:
    return {
        name: parameter.numel()
        for name, parameter in model.used_parameters().items()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    }
