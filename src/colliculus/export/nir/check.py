"""Comparison of graphs with the network they were written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn

from colliculus.export.nir.interpret import interpret
from colliculus.export.nir.parts import Part
from colliculus.model import MultimodalSNN
from colliculus.neurons import Neuron


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Result of a comparison.

    Args:
        clips: clips it ran on.
        spikes: spikes and silences compared, over all neurons and steps.
        differing: how many differ.
        logits: largest difference of a clip's logits; None where the graphs end in tokens.
        others: clips that the graphs put into another class.
    """

    clips: int
    spikes: int
    differing: int
    logits: float | None
    others: int

    def __add__(self, other: Compared) -> Compared:
        return Compared(
            clips=self.clips + other.clips,
            spikes=self.spikes + other.spikes,
            differing=self.differing + other.differing,
            logits=None if self.logits is None or other.logits is None else max(self.logits, other.logits),
            others=self.others + other.others,
        )


@dataclass(frozen=True)
class Ran:
    """What graphs give for some clips.

    Args:
        step_logits: (T, B, K); None where no graph gives logits.
        tokens: (T, B, D, rows, columns) of each modality whose graph ends in them.
        spikes: what every neuron sends, (T, B, ...), by its name.
    """

    step_logits: Tensor | None
    tokens: dict[str, Tensor]
    spikes: dict[str, Tensor]


@torch.no_grad()
def run_parts(parts: Sequence[Part], coded: Mapping[str, Tensor], dt: float) -> Ran:
    """Run graphs, in the order in which they stand.

    Args:
        parts: the graphs.
        coded: (T, B, C, H, W) by modality.
        dt: length of a step in seconds.
    """
    spikes, tokens, logits = dict[str, Tensor](), dict[str, Tensor](), list[Tensor]()
    for part in parts:
        given = tokens if part.of_tokens else coded
        watched = {node for signal in part.spikes.values() for node in signal.nodes}
        x = torch.cat([given[m] for m in part.takes], dim=2)
        out, seen = interpret(part.graph, x, dt=dt, watched=watched)
        for name, signal in part.spikes.items():
            spikes[name] = reduce(add, (seen[node] for node in signal.nodes)) * signal.unit
        if part.gives == "tokens":
            tokens[part.name] = out
        else:
            logits.append(out.flatten(2))
    return Ran(reduce(add, logits) if logits else None, tokens, spikes)


@torch.no_grad()
def compare(model: MultimodalSNN, parts: Sequence[Part], inputs: Mapping[str, Tensor], dt: float) -> Compared:
    """Compare graphs with their network on a batch of inputs, as the network takes them."""
    sent: dict[str, Tensor] = {}

    def keep(name: str, _module: nn.Module, _inputs: Any, out: Tensor) -> None:
        sent[name] = out

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, Neuron):
                hooks.enter_context(module.register_forward_hook(partial(keep, name)))
        output = model(inputs)
    ran = run_parts(parts, coded(model, inputs), dt)
    found = output.logits if ran.step_logits is None else ran.step_logits.mean(0)
    return Compared(
        clips=len(output.logits),
        spikes=sum(x.numel() for x in ran.spikes.values()),
        differing=sum(int((x.flatten(3) != sent[name].flatten(3)).sum()) for name, x in ran.spikes.items()),
        logits=None if ran.step_logits is None else float((found - output.logits).abs().max()),
        others=int((found.argmax(1) != output.logits.argmax(1)).sum()),
    )


def coded(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inputs of a network after their coding, (T, B, C, H, W), as graphs take them."""
    return {m: model.coding[m](inputs[m]) for m in model.modalities}
