"""Every check and figure that needs a CUDA device, in one run of a few minutes; without a device it says so and ends.

    python benchmarks/gpu.py [--repeats 20] [--out FILE.json]

Correctness first: the Triton kernels against PyTorch's own operations, T = 1, 4, 16 and 40, in every number type, and a
training step on the device against one on the CPU. Then figures, each as a ratio of two things timed in turns on the
same device: kernels against a copy, steps with autocast, channels_last, torch.compile and CUDA graphs against the plain
step, and the peak of memory. The last line is JSON; a check that fails ends the run with its sentence.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
import tyro
from torch import Tensor

import colliculus as cl
from colliculus.layers import ConvBNSpike
from colliculus.model import MultimodalSNN
from colliculus.neurons import Dynamics, GradedDynamics
from colliculus.neurons.kernels.analytic import AnyDynamics
from colliculus.neurons.kernels.choice import KERNELS, in_use
from colliculus.runs.experiment import TrainSettings
from colliculus.runtime import Runtime, check_norm
from colliculus.training.optim import build_optimizer
from colliculus.training.step import TrainingStep
from colliculus.types import Batch, DataSpec

SPEC = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (64, 64), "visual": (64, 64)}, num_classes=6)
METHOD = cl.SCMRL(dim=128, heads=8)
KINDS: dict[str, AnyDynamics] = {
    "lif": Dynamics(),
    "lif, soft reset": Dynamics(reset="soft", detach_reset=False),
    "lif, spatial gradient": Dynamics(temporal_gradient=False),
    "graded": GradedDynamics(levels=3, step=0.25),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Check and time everything that needs a CUDA device."""

    repeats: int = 20
    """Turns of each figure."""
    out: Path | None = None
    """File for the figures."""
    compiled: bool = True
    """Steps under torch.compile too, which takes most of the time."""


def gradients(kernel: str, x: Tensor, dynamics: AnyDynamics, steps: int) -> tuple[Tensor, Tensor]:
    """Spikes, and the gradient of their weighted sum."""
    currents = x.detach().requires_grad_()
    spikes = KERNELS[kernel].run(currents, 0.5, dynamics, steps)
    weights = torch.linspace(-1, 1, spikes[0].numel(), device=x.device, dtype=spikes.dtype).view_as(spikes[0])
    return spikes, torch.autograd.grad((spikes * weights).sum(), currents)[0]


def check_kernels() -> int:
    """Compare Triton with PyTorch on the device; the number of comparisons."""
    compared = 0
    for name, dynamics in KINDS.items():
        for steps in (1, 4, 16, 40):
            for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12), (torch.bfloat16, 2e-2)):
                for static in (False, True):
                    torch.manual_seed(steps)
                    x = (2 * torch.randn(1 if static else steps, 3, 1001, device="cuda")).to(dtype)
                    # of narrow numbers the reference computes wide ones
                    expected = gradients("eager", x.float() if dtype == torch.bfloat16 else x, dynamics, steps)
                    found = gradients("triton", x, dynamics, steps)
                    what = f"{name}, T = {steps}, {dtype}, static = {static}"
                    if not (expected[0].any() and torch.equal(found[0].to(expected[0]), expected[0])):
                        raise SystemExit(f"the spikes of Triton differ: {what}")
                    torch.testing.assert_close(found[1].to(expected[1]), expected[1], rtol=tolerance, atol=tolerance)
                    compared += 1
    return compared


def batch(device: str, size: int = 16) -> Batch:
    """Clips and labels drawn from a seed, the same on every device."""
    generator = torch.Generator().manual_seed(0)
    inputs = {m: torch.randn(SPEC.input_shape(m, size), generator=generator) for m in SPEC.modalities}
    return Batch(inputs, torch.arange(size) % SPEC.num_classes).to(torch.device(device))


def step_on(runtime: Runtime) -> tuple[MultimodalSNN, TrainingStep]:
    """A network from a seed on the device, and its training step."""
    torch.manual_seed(0)
    model = METHOD.model(SPEC).to(runtime.device)
    optimizer = build_optimizer(model, TrainSettings(optimizer="sgd", learning_rate=1e-3))
    step = TrainingStep(
        model=model,
        objective=METHOD.objective(),
        modulator=METHOD.modulator(),
        optimizer=optimizer,
        runtime=runtime,
        clip_norm=1.0,
    )
    return model, step


def check_step() -> float:
    """The relative difference of the logits of a new network on both devices."""
    logits = {}
    for device in ("cpu", "cuda"):
        model, step = step_on(Runtime(device=torch.device(device)))
        check_norm(step(batch(device)).grad_norm)
        torch.manual_seed(0)
        model = METHOD.model(SPEC).to(device).eval()
        with torch.no_grad():
            logits[device] = model(batch(device).inputs).logits.double().cpu()
    return float((logits["cuda"] - logits["cpu"]).norm() / logits["cpu"].norm())


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
    for precision in ("fp32", "bf16"):
        for mode in modes:
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
    found["logits, GPU against CPU"] = check_step()
    found["kernels, copies"] = kernel_figures(settings.repeats)
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
