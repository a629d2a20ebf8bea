"""What training costs in the neurons: ns per element, forward and backward, for every kernel and its peers.

    python benchmarks/neuron.py [--repeats 9] [--threads 1]

Beside the kernels: SpikingJelly and snnTorch where they are installed, a ReLU, and a plain copy each way as the bound
that memory sets. All run in turns and the median of each counts, so that what else the machine does falls on all alike.
With one thread the time is the processor's, which stands still while another program has it. The last line is JSON.

Large tensors pay for fresh pages at every step unless glibc keeps them; to measure without:
MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=1099511627776 python benchmarks/neuron.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median

import torch
import tyro
from torch import Tensor

from colliculus.neurons import Dynamics
from colliculus.neurons.kernels.choice import KERNELS

SHAPES = {"wide, T = 4": (4, 8, 32, 128, 128), "deep, T = 16": (16, 16, 256, 8, 8)}
GRADIENTS = {"spatial gradient": Dynamics(temporal_gradient=False), "gradient through time": Dynamics()}
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Time forward and backward passes of neurons alone."""

    repeats: int = 9
    """Turns of each."""
    threads: int = 1
    """Threads of PyTorch."""
    peers: bool = True
    """SpikingJelly and snnTorch too, where installed."""


def spikingjelly() -> Forward:
    """Its multi-step LIF on PyTorch."""
    from spikingjelly.activation_based import functional, neuron, surrogate

    layer = neuron.LIFNode(
        tau=2.0, v_reset=0.0, detach_reset=True, step_mode="m", surrogate_function=surrogate.Sigmoid(alpha=4.0)
    )

    def forward(x: Tensor) -> Tensor:
        functional.reset_net(layer)
        return layer(x)

    return forward


def snntorch() -> Forward:
    """Its leaky neuron, stepped by a loop as its tutorials do."""
    import snntorch as snn
    from snntorch import surrogate

    layer = snn.Leaky(beta=0.5, spike_grad=surrogate.fast_sigmoid(), reset_mechanism="zero")

    def forward(x: Tensor) -> Tensor:
        membrane, spikes = torch.zeros_like(x[0]), []
        for current in x.unbind(0):
            fired, membrane = layer(current, membrane)
            spikes.append(fired)
        return torch.stack(spikes)

    return forward


class Copy(torch.autograd.Function):
    """Reads and writes every number once each way."""

    @staticmethod
    def forward(_ctx: object, x: Tensor) -> Tensor:
        """Out."""
        return x.clone()

    @staticmethod
    def backward(_ctx: object, grad: Tensor) -> Tensor:
        """And back."""
        return grad.clone()


def contenders(settings: Settings, dynamics: Dynamics) -> Iterator[tuple[str, Forward]]:
    """What is measured, by name; the loop first."""
    for name, kernel in KERNELS.items():
        if name != "triton" and kernel.missing() is None:
            yield name, lambda x, kernel=kernel: kernel.run(x, 0.5, dynamics, x.shape[0])
    yield "ReLU", torch.relu
    yield "copy", Copy.apply
    if settings.peers and dynamics.temporal_gradient:
        if find_spec("spikingjelly"):
            yield "SpikingJelly", spikingjelly()
        if find_spec("snntorch"):
            yield "snnTorch", snntorch()


def measure(forwards: dict[str, Forward], shape: tuple[int, ...], settings: Settings) -> dict[str, float]:
    """Median ns per element of forward and backward together, in turns; the first turn warms up."""
    clock = time.thread_time if settings.threads == 1 else time.perf_counter
    x, weights = torch.randn(shape).mul_(1.2).requires_grad_(), torch.randn(shape)
    times: dict[str, list[float]] = {name: [] for name in forwards}
    for _ in range(settings.repeats + 1):
        for name, forward in forwards.items():
            start = clock()
            torch.autograd.grad(forward(x), x, weights)
            times[name].append(clock() - start)
    return {name: 1e9 * median(taken[1:]) / x.numel() for name, taken in times.items()}


def main(settings: Settings) -> None:
    """Print a table for each shape and gradient, then everything as JSON."""
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    results = []
    for title, shape in SHAPES.items():
        for gradient, dynamics in GRADIENTS.items():
            found = measure(dict(contenders(settings, dynamics)), shape, settings)
            print(f"\n{title} {list(shape)}, {gradient}\n{'':14}{'ns/element':>10}{'against the loop':>18}")
            for name, cost in found.items():
                print(f"{name:14}{cost:10.2f}{found['plain'] / cost:17.2f}x")
            results.append({"shape": shape, "gradient": gradient, "ns_per_element": found})
    print(json.dumps({"threads": settings.threads, "torch": torch.__version__, "results": results}))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
