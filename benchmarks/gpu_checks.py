"""The checks of gpu.py: what the kernels and steps compute on a CUDA device, against PyTorch's own operations."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from itertools import product

import torch
from torch import Tensor, nn

import colliculus as cl
from colliculus.layers import norm_spike
from colliculus.model import MultimodalSNN
from colliculus.neurons import LIF, Dynamics, GradedDynamics
from colliculus.neurons.kernels import choice
from colliculus.neurons.kernels.analytic import AnyDynamics
from colliculus.neurons.kernels.choice import KERNELS
from colliculus.runs.experiment import TrainSettings
from colliculus.runtime import LossScale, Runtime, check_norm
from colliculus.training.optim import build_optimizer
from colliculus.training.step import TrainingStep
from colliculus.types import Batch, DataSpec

SPEC = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (64, 64), "visual": (64, 64)}, num_classes=6)
METHOD = cl.SCMRL(dim=128, heads=8)
POOL = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
KINDS: dict[str, AnyDynamics] = {
    "lif": Dynamics(),
    "lif, soft reset": Dynamics(reset="soft", detach_reset=False),
    "lif, spatial gradient": Dynamics(temporal_gradient=False),
    "graded": GradedDynamics(levels=3, step=0.25),
}


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


def block(x: Tensor, kernel: str, *, pooled: bool, static: bool) -> list[Tensor]:
    """Spikes, gradients and statistics of normalisation, neuron and pooling over 4 steps, by the kernel named."""
    torch.manual_seed(0)
    norm, neuron = nn.BatchNorm2d(x.shape[1]).cuda(), LIF()
    nn.init.uniform_(norm.weight, 0.5, 2.0)
    given = x.detach().requires_grad_()
    with chosen(kernel):
        spikes = norm_spike(given, norm, neuron, steps=4, static=static, pool=POOL if pooled else None)
        weights = torch.linspace(-1, 1, spikes[0].numel(), device="cuda").view_as(spikes[0])
        (spikes.float() * weights).sum().backward()
    return [x for x in (spikes.detach(), given.grad, norm.weight.grad, norm.running_var) if x is not None]


@contextmanager
def chosen(kernel: str) -> Generator[None]:
    """Within this context, COLLICULUS_KERNELS names that kernel."""
    before = os.environ.get(choice.VARIABLE)
    os.environ[choice.VARIABLE] = kernel
    try:
        yield
    finally:
        del os.environ[choice.VARIABLE]
        if before is not None:
            os.environ[choice.VARIABLE] = before


def check_sweep() -> int:
    """Compare the sweep with its layers one after the other; the number of comparisons."""
    compared = 0
    for shape in ((8, 3, 5, 4), (4, 33, 17, 9), (8, 64, 32, 32), (4, 40, 1, 65)):
        for last, pooled, static in product((True, False), repeat=3):
            torch.manual_seed(1)
            x = 2 * torch.randn(shape, device="cuda") + 0.5
            x = x.contiguous(memory_format=torch.channels_last) if last else x
            ours, parts = (block(x, kernel, pooled=pooled, static=static) for kernel in ("triton", "plain"))
            again = block(x, "triton", pooled=pooled, static=static)
            what = f"{shape}, channels_last = {last}, pooled = {pooled}, static = {static}"
            if not all(torch.equal(one, other) for one, other in zip(ours, again, strict=True)):
                raise SystemExit(f"two sweeps differ: {what}")
            if not ours[0].any() or (ours[0] != parts[0]).float().mean() > 1e-3:  # a membrane at the threshold
                raise SystemExit(f"the spikes of the sweep differ: {what}")
            if torch.equal(ours[0], parts[0]):
                for one, other in zip(ours[1:], parts[1:], strict=True):
                    torch.testing.assert_close(one, other, rtol=2e-4, atol=2e-5 * max(1.0, float(other.abs().max())))
            compared += 1
    return compared


def check_no_wait() -> None:
    """Train two steps while CUDA refuses every wait for a number of the device; float16 has to wait for one."""
    for precision in ("fp32", "bf16"):
        _, step = step_on(Runtime(device=torch.device("cuda"), precision=precision))
        given = batch("cuda")
        step(given)
        torch.cuda.set_sync_debug_mode("error")
        try:
            step(given)
            step(given)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def check_overflow() -> float:
    """A float16 step that overflows changes no weight; the scale of the loss after the first steps."""
    model, step = step_on(Runtime(device=torch.device("cuda"), precision="fp16"))
    scale = step.scale or LossScale(torch.device("cuda"))
    scale.restore(scale.state() | {"scale": 2.0**60})
    before = [p.detach().clone() for p in model.parameters()]
    report = step(batch("cuda"))
    if not (report.skipped and all(torch.equal(x, p) for x, p in zip(before, model.parameters(), strict=True))):
        raise SystemExit("a float16 step that overflows was taken")
    for _ in range(60):
        report = step(batch("cuda"))
    if report.skipped:
        raise SystemExit("float16 found no scale of the loss in 60 steps")
    return scale.factor


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
        scale=LossScale(runtime.device) if runtime.precision == "fp16" else None,
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
