"""Convolutions that skip zeros, and whole networks of them, against dense ones: time by the rate of the input.

    python benchmarks/gather.py                  # tables of layers, then whole evaluations and steps by rate
    python benchmarks/gather.py --narrow         # layers in bfloat16
    python benchmarks/gather.py --no-networks    # layers alone

One thread; times are the processor's, which stand still while another program has it, and all sides take turns. glibc
keeps its memory for all. Inputs are channels last, which is the faster layout for the dense side too. Layers are those
of S-CMRL at the setting of CREMA-D (128 x 128, D 256) and of SEW-ResNet-18 (stem for large images, D 512). In whole
networks the shift of every BatchNorm is set so that each layer passes on that share of spikes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from firing import fire_at, in_turns, medians
from torch import Tensor, nn
from torch.nn import functional

from colliculus import SCMRL, DataSpec
from colliculus.layers import gather
from colliculus.layers.convolution import VARIABLE
from colliculus.layers.gather import Geometry
from colliculus.runtime import keep_memory

RATES = (0.02, 0.05, 0.1, 0.25, 0.5)
NETWORK_RATES = (*RATES[:-1], 0.4, 0.5)
LAYERS = {  # channels, outputs, size, kernel, stride
    "S-CMRL": {
        "32 > 64, 64 x 64": (32, 64, 64, 3, 1),
        "64 > 128, 32 x 32": (64, 128, 32, 3, 1),
        "128 > 256, 16 x 16": (128, 256, 16, 3, 1),
        "256 > 256, 8 x 8": (256, 256, 8, 3, 1),
        "256 > 256, 64 tokens": (256, 256, 8, 1, 1),
        "256 > 1024, 64 tokens": (256, 1024, 8, 1, 1),
        "1024 > 256, 64 tokens": (1024, 256, 8, 1, 1),
    },
    "SEW-ResNet-18": {
        "64 > 64, 32 x 32": (64, 64, 32, 3, 1),
        "64 > 128, stride 2": (64, 128, 32, 3, 2),
        "128 > 128, 16 x 16": (128, 128, 16, 3, 1),
        "256 > 256, 8 x 8": (256, 256, 8, 3, 1),
        "512 > 512, 4 x 4": (512, 512, 4, 3, 1),
        "256 > 512, 1 x 1, stride 2": (256, 512, 8, 1, 2),
    },
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Time gathering against dense convolutions."""

    images: int = 32
    """T times B: images of one call."""
    rounds: int = 5
    """Turns of each, after one that is not timed."""
    narrow: bool = False
    """Layers in bfloat16, both sides."""
    networks: bool = True
    """Whole networks too."""
    out: Path = Path("runs/bench/gather.json")


def spikes(shape: tuple[int, ...], rate: float) -> Tensor:
    """Binary spikes, channels last."""
    return (torch.rand(shape) < rate).float().contiguous(memory_format=torch.channels_last)


def layer_ratios(shape: tuple[int, int, int, int, int], rate: float, settings: Settings) -> tuple[float, float]:
    """Time of a dense convolution over that of gathering: forward, gradient of the weight."""
    channels, outputs, size, kernel, stride = shape
    dtype = torch.bfloat16 if settings.narrow else torch.float32
    window = Geometry(kernel, kernel, stride, (kernel // 2, kernel // 2))
    x, weight = (
        spikes((settings.images, channels, size, size), rate).to(dtype),
        torch.randn(outputs, channels, kernel, kernel).to(dtype),
    )
    grad = torch.randn_like(functional.conv2d(x, weight, None, stride, window.padding))
    sides, pads = [stride] * 2, list(window.padding)
    ways = {
        "dense": lambda: functional.conv2d(x, weight, None, stride, window.padding),
        "gathered": lambda: gather.forward(x, weight, None, window),
        "dense gradient": lambda: torch.ops.aten.convolution_backward(
            grad, x, weight, None, sides, pads, [1, 1], False, [0, 0], 1, [False, True, False]
        ),
        "gathered gradient": lambda: gather.of_weight(x, grad, window),
    }
    found = medians(in_turns(ways, settings.rounds))
    return found["dense"] / found["gathered"], found["dense gradient"] / found["gathered gradient"]


def layer_table(layers: Mapping[str, tuple[int, int, int, int, int]], settings: Settings) -> Iterator[dict[str, Any]]:
    """Rows of a table, printed as they come."""
    print(f"\n| layer | {' | '.join(f'{rate:.0%}' for rate in RATES)} |\n|---|{'---|' * len(RATES)}")
    for name, shape in layers.items():
        ratios = [layer_ratios(shape, rate, settings) for rate in RATES]
        print(f"| {name} | {' | '.join(f'{forward:.1f} / {back:.1f}' for forward, back in ratios)} |", flush=True)
        yield {"layer": name, "ratios": dict(zip(map(str, RATES), ratios, strict=True))}


def inputs_of_convolutions(model: nn.Module, inputs: object) -> list[tuple[nn.Conv1d | nn.Conv2d, Tensor]]:
    """Convolutions and linear maps of tokens, each with what it gets."""
    given: list[tuple[nn.Conv1d | nn.Conv2d, Tensor]] = []
    layers = [part for part in model.modules() if isinstance(part, nn.Conv1d | nn.Conv2d)]
    hooks = [layer.register_forward_hook(lambda layer, x, _: given.append((layer, x[0]))) for layer in layers]
    model(inputs)
    for hook in hooks:
        hook.remove()
    return given


def dense_passes(layer: nn.Conv1d | nn.Conv2d, given: Tensor) -> Callable[[], None]:
    """Forward, gradient of the weight, and that of the input if it needs one, as oneDNN computes them."""
    weight, x = layer.weight.detach(), given.detach()
    if x.ndim == 3:  # tokens
        weight, x = weight.unsqueeze(-2), x.unsqueeze(-2)
    x = x.contiguous(memory_format=torch.channels_last)
    stride, padding = [layer.stride[0]] * 2, [layer.padding[0]] * 2
    grad, wanted = (
        torch.randn_like(functional.conv2d(x, weight, None, stride, padding)),
        [given.requires_grad, True, False],
    )

    def passes() -> None:
        functional.conv2d(x, weight, None, stride, padding)
        torch.ops.aten.convolution_backward(grad, x, weight, None, stride, padding, [1, 1], False, [0, 0], 1, wanted)

    return passes


class Network:
    """S-CMRL at the setting of CREMA-D, whose layers all fire at one rate."""

    def __init__(self, rate: float, batch: int = 8) -> None:
        torch.manual_seed(0)
        self.inputs = {"audio": torch.randn(batch, 1, 128, 128), "visual": torch.randn(batch, 3, 128, 128)}
        spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=dict.fromkeys(self.inputs, (128, 128)), num_classes=6)
        method = SCMRL(dim=256, heads=16, time_steps=4)
        self.model, self.objective = method.model(spec), method.objective()
        self.labels = torch.arange(batch) % 6
        fire_at(rate, self.model, self.inputs)
        self.convolutions = [dense_passes(*each) for each in inputs_of_convolutions(self.model, self.inputs)]

    def convolve(self) -> None:
        """The convolutions of a step alone, all dense: forward and gradients."""
        for passes in self.convolutions:
            passes()

    def evaluate(self) -> None:
        """One batch."""
        self.model.eval()
        with torch.inference_mode():
            self.model(self.inputs)

    def step(self) -> None:
        """Forward and backward."""
        losses = self.objective(self.model.train()(self.inputs), self.labels)
        torch.stack(list(losses.values())).sum().backward()
        self.model.zero_grad()


def dense(run: Callable[[], None]) -> Callable[[], None]:
    """The same with every convolution dense."""

    def fixed() -> None:
        os.environ[VARIABLE] = "dense"
        try:
            run()
        finally:
            del os.environ[VARIABLE]

    return fixed


def network_table(settings: Settings) -> Iterator[dict[str, Any]]:
    """Rows of a table of whole networks."""
    heads = "rate", *(f"{kind}, ms | dense, ms | ratio" for kind in ("evaluation", "step"))
    heads += ("dense convolutions of the step alone, ms", "step / these")
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * 9}")
    for rate in NETWORK_RATES:
        network = Network(rate)
        ways = {"evaluation": network.evaluate, "step": network.step}
        ways |= {f"dense {kind}": dense(way) for kind, way in ways.items()}
        found = medians(in_turns(ways | {"convolutions": network.convolve}, settings.rounds))
        cells: list[str] = []
        for kind in ("evaluation", "step"):
            ours, theirs = found[kind], found[f"dense {kind}"]
            cells += [f"{1000 * ours:.0f}", f"{1000 * theirs:.0f}", f"{theirs / ours:.2f}"]
        cells += [f"{1000 * found['convolutions']:.0f}", f"{found['step'] / found['convolutions']:.2f}"]
        print(f"| {rate:.0%} | {' | '.join(cells)} |", flush=True)
        yield {"rate": rate, "seconds": found}


def main(settings: Settings) -> None:
    """Measure, print and write."""
    os.environ.pop(VARIABLE, None)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_memory()
    report: dict[str, Any] = {"torch": torch.__version__, "images": settings.images, "narrow": settings.narrow}
    print("time of a dense convolution over that of gathering: forward / gradient of the weight, by rate")
    for network, layers in LAYERS.items():
        print(f"\n{network}")
        report[network] = list(layer_table(layers, settings))
    if settings.networks:
        print("\nS-CMRL, T 4, batch 8, all layers at one rate")
        report["networks"] = list(network_table(settings))
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(report, indent=1))
    print(f"\nwritten: {settings.out}")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
