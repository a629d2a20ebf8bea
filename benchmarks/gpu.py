"""Every check and figure that needs a CUDA device, in one run of a few minutes; without a device it says so and ends.

    python benchmarks/gpu.py [--repeats 20] [--out FILE.json]

Correctness first (gpu_checks.py): the Triton kernels against PyTorch's own operations, T = 1, 4, 16 and 40, in every
number type; the sweep over normalisation, neuron and pooling against the three layers one after the other; steps that
must not wait for the device, with CUDA itself on guard; a training step on the device against one on the CPU; and a
float16 step whose gradients overflow. Then figures, each as a ratio of two things timed in turns on the
same device: kernels against a copy, the sweep against its layers, steps with bf16, fp16, channels_last, torch.compile
and CUDA graphs against a plain step, and the peak of memory. The last line is JSON; a check that fails ends the run
with its sentence.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

import torch
import tyro
from gpu_checks import (
    KINDS,
    POOL,
    batch,
    check_kernels,
    check_no_wait,
    check_overflow,
    check_step,
    check_sweep,
    gradients,
    step_on,
)
from torch import Tensor, nn

from colliculus.layers import ConvBNSpike, norm_spike
from colliculus.neurons import LIF
from colliculus.neurons.kernels.analytic import AnyDynamics
from colliculus.neurons.kernels.choice import KERNELS, in_use
from colliculus.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Check and time everything that needs a CUDA device."""

    repeats: int = 20
    """Turns of each figure."""
    out: Path | None = None
    """File for the figures."""
    compiled: bool = True
    """Steps under torch.compile too, which takes most of the time."""


def milliseconds(work: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median time of each, in turns, with the device's own clock."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 3):
        for name, do in work.items():
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            do()
            end.record()
            end.synchronize()
            if turn >= 3:  # the first compile
                found[name].append(start.elapsed_time(end))
    return {name: median(times) for name, times in found.items()}


def kernel_figures(repeats: int) -> dict[str, float]:
    """Forward and backward pass of the neurons, as multiples of a copy there and back."""
    x = torch.randn(4, 32, 64, 64, 64, device="cuda")
    for_copy, work = torch.empty_like(x), {}
    work["copy"] = lambda: (for_copy.copy_(x), for_copy.copy_(x))
    for name, dynamics in KINDS.items():
        for kernel in ("triton", "eager"):

            def both(kernel: str = kernel, dynamics: AnyDynamics = dynamics) -> None:
                gradients(kernel, x, dynamics, len(x))

            work[f"{kernel}, {name}"] = both
    found = milliseconds(work, repeats)
    copy = found.pop("copy")
    return {name: time_ms / copy for name, time_ms in found.items()}


def sweep_figures(repeats: int) -> dict[str, float]:
    """Normalisation, neuron and pooling, forward and backward, in one sweep as a share of the layers' time."""
    work: dict[str, Callable[[], object]] = {}
    x = torch.randn(64, 64, 64, 64, device="cuda")
    layouts = {"contiguous": x, "channels_last": x.contiguous(memory_format=torch.channels_last)}
    for (layout, given), pooled in product(layouts.items(), (False, True)):
        for kernel, layers in (("triton", False), ("layers", True)):
            name = f"{layout}{', pooled' if pooled else ''}, {kernel}"
            work[name] = partial(_block_or_layers, given, pooled=pooled, layers=layers)
    found = milliseconds(work, repeats)
    return {
        name.removesuffix(", triton"): found[name] / found[name.replace("triton", "layers")]
        for name in found
        if name.endswith("triton")
    }


def _block_or_layers(x: Tensor, *, pooled: bool, layers: bool) -> None:
    norm, neuron = nn.BatchNorm2d(x.shape[1]).cuda(), LIF()
    if layers:
        neuron.register_forward_hook(lambda *_: None)  # a part that is watched runs by itself, still in Triton
    given = x.detach().requires_grad_()
    norm_spike(given, norm, neuron, steps=4, pool=POOL if pooled else None).sum().backward()


def layout_figures(repeats: int) -> dict[str, float]:
    """A convolution with normalisation and neuron under bf16, in both layouts, as multiples of fp32."""
    layer, x = ConvBNSpike(64, 128).cuda(), torch.rand(4, 16, 64, 32, 32, device="cuda")

    def run(enabled: bool) -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=enabled):
            layer(x).float().sum().backward()

    found = milliseconds({"fp32": lambda: run(False), "bf16, channels_last": lambda: run(True)}, repeats)
    return {"bf16, channels_last": found["bf16, channels_last"] / found["fp32"]}


def step_figures(repeats: int, *, compiled: bool) -> dict[str, float]:
    """Training steps, as multiples of the plain fp32 step, and the peak of its memory in MiB."""
    given, work = batch("cuda"), {}
    modes = ["", "default", "reduce-overhead"] if compiled else [""]
    for precision in ("fp32", "bf16", "fp16"):
        for mode in modes if precision != "fp16" else modes[:1]:
            model, step = step_on(Runtime(device=torch.device("cuda"), precision=precision))
            if mode:
                model.compile(mode=mode)
            work[f"{precision} {mode}".strip()] = lambda step=step: step(given)
    torch.cuda.reset_peak_memory_stats()
    work["fp32"]()
    peak = torch.cuda.max_memory_allocated() / 2**20
    found = milliseconds(work, repeats)
    plain = found["fp32"]
    return {"fp32, ms": plain, "peak, MiB": peak, **{name: value / plain for name, value in found.items()}}


def main() -> None:
    """Check, time and print."""
    settings = tyro.cli(Settings, description=__doc__)
    if not torch.cuda.is_available():
        print("there is no CUDA device here, so nothing was checked or timed")
        return
    if reason := KERNELS["triton"].missing():
        raise SystemExit(f"the Triton kernels are not available: {reason}")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    start, found = time.perf_counter(), {}
    found["device"], found["kernel in use"] = torch.cuda.get_device_name(), in_use("cuda")
    found["comparisons of kernels"] = check_kernels()
    found["comparisons of sweeps"] = check_sweep()
    check_no_wait()
    found["scale of the float16 loss"] = check_overflow()
    found["logits, GPU against CPU"] = check_step()
    found["kernels, copies"] = kernel_figures(settings.repeats)
    found["sweep, of its layers"] = sweep_figures(settings.repeats)
    found["layout, of fp32"] = layout_figures(settings.repeats)
    found["steps, of fp32"] = step_figures(settings.repeats, compiled=settings.compiled)
    found["seconds"] = time.perf_counter() - start
    for name, value in found.items():
        print(f"{name}: {json.dumps(value, indent=2)}")
    print(json.dumps(found))
    if settings.out is not None:
        settings.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
