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

from colliculus.evaluation.inference import inference_mode
from colliculus.export.nir.graph import Signal
from colliculus.export.nir.interpret import interpret
from colliculus.export.nir.parts import GraphPart
from colliculus.model import MultimodalSNN
from colliculus.neurons import Neuron
from colliculus.types import Output

RARE = 100_000
"""Spikes of a layer of which one may differ by rounding, if what it receives is equal: some membranes lie closer to a
threshold than the last digit, in which folding a BatchNorm moves them."""
CLOSE = 1e-4
"""Largest difference of logits if all spikes are equal."""


@dataclass(frozen=True, kw_only=True)
class GraphComparison:
    """Result of a comparison.

    Args:
        clips: clips it ran on.
        spikes: spikes and silences compared, by layer of neurons, over all steps.
        differing: how many of all differ where the graphs run by themselves.
        rounded: how many differ, by layer, where every layer receives what it receives in PyTorch.
        logits: largest difference of a clip's logits where the last layers receive that too; None where the graphs end
            in tokens.
        others: clips that the graphs, by themselves, put into another class.
    """

    clips: int
    spikes: Mapping[str, int]
    differing: int
    rounded: Mapping[str, int]
    logits: float | None
    others: int

    def __add__(self, other: GraphComparison) -> GraphComparison:
        return GraphComparison(
            clips=self.clips + other.clips,
            spikes={name: count + other.spikes[name] for name, count in self.spikes.items()},
            differing=self.differing + other.differing,
            rounded={name: count + other.rounded[name] for name, count in self.rounded.items()},
            logits=None if self.logits is None or other.logits is None else max(self.logits, other.logits),
            others=self.others + other.others,
        )

    @property
    def total(self) -> int:
        """Spikes and silences compared."""
        return sum(self.spikes.values())

    @property
    def equal(self) -> bool:
        """True if no class differs, no logit, and no spike but by rounding."""
        by_rounding = all(count <= 1 + self.spikes[name] // RARE for name, count in self.rounded.items())
        return by_rounding and not self.others and (self.logits is None or self.logits <= CLOSE)


@dataclass(frozen=True)
class Ran:
    """Outputs of graphs for some clips.

    Args:
        step_logits: (T, B, K); None where no graph gives logits.
        tokens: (T, B, D, rows, columns) of each modality whose graph ends in them.
        spikes: what every layer of neurons sends, (T, B, C, H, W), by its name.
    """

    step_logits: Tensor | None
    tokens: dict[str, Tensor]
    spikes: dict[str, Tensor]


def run_parts(
    parts: Sequence[GraphPart], coded: Mapping[str, Tensor], dt: float, sent: Mapping[str, Tensor] | None = None
) -> Ran:
    """Run graphs, in the order in which they stand.

    Args:
        parts: the graphs.
        coded: (T, B, C, H, W) by modality.
        dt: length of a step in seconds.
        sent: what every layer of neurons sends in PyTorch, by its name, for the layers behind it to receive; None lets
            the graphs run by themselves.
    """
    spikes, tokens, logits = dict[str, Tensor](), dict[str, Tensor](), list[Tensor]()
    for part in parts:
        source = tokens if part.of_tokens else coded
        watched = {node for signal in part.spikes.values() for node in signal.nodes}
        given = {} if sent is None else _given(part.spikes, sent)
        x = torch.cat([source[m] for m in part.takes], dim=2)
        out, seen = interpret(part.graph, x, dt=dt, watched=watched, given=given)
        for name, signal in part.spikes.items():
            spikes[name] = reduce(add, (seen[node] for node in signal.nodes)) * signal.unit
        if part.gives == "tokens":
            tokens[part.name] = out
        else:
            logits.append(out.flatten(2))
    return Ran(reduce(add, logits) if logits else None, tokens, spikes)


def _given(signals: Mapping[str, Signal], sent: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Spikes of the nodes that stand for neurons: node k of a layer fires where the layer sends k spikes or more."""
    given: dict[str, Tensor] = {}
    for name, signal in signals.items():
        counts = _on_grid(sent[name], signal) / signal.unit
        given |= {node: (counts >= level).float() for level, node in enumerate(signal.nodes, 1)}
    return given


def _on_grid(x: Tensor, signal: Signal) -> Tensor:
    """Spikes (T, B, D, N), (T, B, D, H, W), or (T, B, D, 1) of all places, as (T, B, *) of the signal's shape."""
    _, rows, columns = signal.shape
    return x.flatten(3).expand(-1, -1, -1, rows * columns).unflatten(3, (rows, columns))


def compare(
    model: MultimodalSNN, parts: Sequence[GraphPart], inputs: Mapping[str, Tensor], dt: float
) -> GraphComparison:
    """Compare graphs with their network on a batch of inputs, as the network takes them."""
    output, sent = observed(model, inputs)
    alone, fed = (run_parts(parts, coded(model, inputs), dt, spikes) for spikes in (None, sent))
    logits = output.logits
    theirs, exact = (logits if ran.step_logits is None else ran.step_logits.mean(0) for ran in (alone, fed))
    signals = {name: signal for part in parts for name, signal in part.spikes.items()}
    different = {
        name: [int((ran.spikes[name] != _on_grid(sent[name], signal)).sum()) for ran in (alone, fed)]
        for name, signal in signals.items()
    }
    return GraphComparison(
        clips=len(logits),
        spikes={name: x.numel() for name, x in alone.spikes.items()},
        differing=sum(by_themselves for by_themselves, _ in different.values()),
        rounded={name: count for name, (_, count) in different.items()},
        logits=None if fed.step_logits is None else float((exact - logits).abs().max()),
        others=int((theirs.argmax(1) != logits.argmax(1)).sum()),
    )


def observed(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> tuple[Output, dict[str, Tensor]]:
    """Output of a network, and what every layer of neurons sends, (T, B, ...), by its name."""
    sent: dict[str, Tensor] = {}

    def keep(name: str, _module: nn.Module, _inputs: Any, out: Tensor) -> None:
        sent[name] = out

    with ExitStack() as hooks, inference_mode(model):
        for name, module in model.named_modules():
            if isinstance(module, Neuron):
                hooks.enter_context(module.register_forward_hook(partial(keep, name)))
        return model(inputs), sent


def coded(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inputs of a network after their coding, (T, B, C, H, W), as graphs take them."""
    return {m: model.coding[m](inputs[m]) for m in model.modalities}
