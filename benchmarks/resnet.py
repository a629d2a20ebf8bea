"""SEW-ResNet-18 as a whole, ours and built of SpikingJelly's layers: time of a training step and an evaluation.

    pip install --no-deps spikingjelly==2.0.0 loguru    # in an environment of its own: it asks for torchvision
    python benchmarks/resnet.py

Both networks have the same weights and the same neurons (LIF, gradient through time, sigmoid of 4, reset left out of
the gradient), and are checked to fire alike. SpikingJelly's follows its model zoo: multi-step layers, channels first.
T steps of different frames, so that no side can use that an image stands still. Processor time of one thread, the sides
taking turns, glibc set to keep its memory for both. The shift of every BatchNorm is set so that each layer fires at a
rate.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any

import torch
import tyro
from firing import fire_at, in_turns
from study import Tables, markdown
from torch import Tensor, nn

from colliculus.encoders import SpikingResNet18
from colliculus.neurons import LIF
from colliculus.runtime import keep_memory

ALIKE = (
    0.98  # share of outputs that must be equal: sums in another order let some neurons fire otherwise, and those behind
)


@dataclass(frozen=True, kw_only=True)
class Settings(Tables):
    """Size of the measurement."""

    rates: tuple[float, ...] = (0.05, 0.1, 0.15, 0.25)
    """Shares of neurons that fire, in every layer."""
    size: int = 128
    """Height and width of the frames; from 112 on the stem is that of ImageNet."""
    dim: int = 512
    """Channels of the last stage."""
    time_steps: int = 4
    """T."""
    batch: int = 8
    """Clips."""
    rounds: int = 5
    """Turns of each, after one that is not timed."""


def jelly(ours: SpikingResNet18) -> nn.Module:
    """The same network of SpikingJelly's layers, with the same weights."""
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def fires() -> nn.Module:
        return neuron.LIFNode(tau=2.0, detach_reset=True, surrogate_function=surrogate.Sigmoid(alpha=4.0))

    def convolution(own: nn.Module) -> list[nn.Module]:
        conv, norm = own.conv, own.norm
        theirs = layer.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=False
        )
        theirs.load_state_dict(conv.state_dict())
        normed = layer.BatchNorm2d(norm.num_features, momentum=norm.momentum)
        normed.load_state_dict(norm.state_dict())
        return [theirs, normed, fires()]

    class Block(nn.Module):
        """Spikes of two convolutions added to those that come in."""

        def __init__(self, own: nn.Module) -> None:
            super().__init__()
            self.body = nn.Sequential(*convolution(own.first), *convolution(own.second))
            changes = not isinstance(own.shortcut, nn.Identity)
            self.shortcut = nn.Sequential(*convolution(own.shortcut)) if changes else nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            """(T, B, C, H, W) -> (T, B, D, H', W')."""
            return self.body(x) + self.shortcut(x)

    pool = [] if ours.stem.pool is None else [layer.MaxPool2d(kernel_size=3, stride=2, padding=1)]
    blocks = [Block(block) for stage in ours.stages for block in stage]
    built = nn.Sequential(*convolution(ours.stem), *pool, *blocks)
    functional.set_step_mode(built, "m")
    return built


def passes(network: Callable[[Tensor], Tensor], model: nn.Module, x: Tensor) -> dict[str, Callable[[], None]]:
    """A training step and an evaluation."""

    def train() -> None:
        model.train()
        network(x).mean().backward()
        model.zero_grad()

    def evaluate() -> None:
        model.eval()
        with torch.inference_mode():
            network(x)

    return {"training": train, "evaluation": evaluate}


def rows(settings: Settings) -> Iterator[dict[str, str]]:
    """A row for every rate."""
    from spikingjelly.activation_based import functional

    for rate in settings.rates:
        torch.manual_seed(0)
        x = torch.randn(settings.time_steps, settings.batch, 3, settings.size, settings.size)
        ours = SpikingResNet18(3, (settings.size, settings.size), settings.dim, "spike", LIF)
        fire_at(rate, ours, x)
        theirs = jelly(ours)

        def run(x: Tensor, theirs: nn.Module = theirs) -> Tensor:
            functional.reset_net(theirs)
            return theirs(x)

        with torch.no_grad():
            mine, other = ours.eval()(x), run(x, theirs.eval()).flatten(-2)
        if not mine.any() or (mine == other).float().mean() < ALIKE:
            sys.exit(f"at {rate:.0%} the two networks differ, or no neuron fires")
        ways = {f"ours, {kind}": way for kind, way in passes(ours, ours, x).items()}
        ways |= {f"theirs, {kind}": way for kind, way in passes(run, theirs, x).items()}
        found = in_turns(ways, settings.rounds)
        yield {"rate": f"{rate:.0%}"} | {
            f"{kind}, {what}": value for kind in ("training", "evaluation") for what, value in compared(found, kind)
        }


def compared(found: dict[str, list[float]], kind: str) -> Iterator[tuple[str, Any]]:
    """Milliseconds, median and least, and the median ratio."""
    sides = found[f"ours, {kind}"], found[f"theirs, {kind}"]
    for name, times in zip(("ours, ms", "SpikingJelly, ms"), sides, strict=True):
        yield name, f"{1000 * median(times):.0f} ({1000 * min(times):.0f})"
    yield "times as fast", f"{median(theirs / ours for ours, theirs in zip(*sides, strict=True)):.2f}"


def main(settings: Settings) -> None:
    """Measure and write the table."""
    if find_spec("spikingjelly") is None:
        sys.exit("SpikingJelly is not installed: pip install --no-deps spikingjelly==2.0.0 loguru")
    torch.set_num_threads(1)
    keep_memory()
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; medians of {settings.rounds}, the least in brackets"
    )
    found: list[dict[str, str]] = []
    for row in rows(settings):
        found.append(row)
        print(row, flush=True)
    settings.publish("resnet", markdown(found))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
