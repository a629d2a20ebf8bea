"""A whole training or evaluation step of S-CMRL, ours against a plain build and the ANN counterpart.

    python benchmarks/step.py                  # the setting of CREMA-D: D 256, 16 heads, 128 x 128, T 4
    python benchmarks/step.py --scaling        # with T, batch and width too
    torchrun --nproc-per-node 2 benchmarks/step.py --ranks     # time of a step on so many processes

Each variant lives in a process of its own, with one thread, and glibc set to keep its memory, as our trainer does; they
take turns, one step each. Time is the processor's, and ratios are medians over the rounds, so that whatever else the
machine does falls on all. Memory is the growth of the resident set over the first steps. Prints tables, and writes OUT
(JSON).

The plain way: a loop over time whose every operation autograd records, an image given T times, channels first, one part
after the other, dense convolutions. The ANN counterpart has ReLU for neurons and the same T, given one after the other;
of an image that stands still its T steps are equal, so that one is enough: "one step". "Ours" for it means channels
last. The shift of every BatchNorm is set so that the layers fire as those of a trained network (firing.py).
"""

from __future__ import annotations

import ctypes
import gc
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Literal

import torch
import tyro
from firing import TRAINED, fire_at
from numpy.typing import NDArray
from torch import Tensor, nn

from colliculus import SCMRL, DataSpec
from colliculus.evaluation.precision import in_precision
from colliculus.layers import conv_bn_spike
from colliculus.layers.convolution import VARIABLE
from colliculus.losses import Objective
from colliculus.model import MultimodalSNN
from colliculus.neurons import ReLUNeuron, SpikingNeuron
from colliculus.runtime import InferencePrecision, Runtime, autocast, keep_memory


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is run."""

    dim: int = 256
    heads: int = 16
    size: int = 128
    time_steps: int = 4
    batch: int = 8


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Time steps and memory."""

    setting: Setting = Setting()
    kinds: tuple[Literal["training", "evaluation"], ...] = ("training", "evaluation")
    """Steps to time."""
    rounds: int = 7
    """Steps of each variant that are timed, after two that are not."""
    scaling: bool = False
    """Also T 1 to 16, half and double the batch, half the width."""
    ranks: bool = False
    """Under torchrun: only ours, on as many processes."""
    out: Path = Path("runs/bench/step.json")


@dataclass(frozen=True)
class Variant:
    """How the network is built and run."""

    kernels: str
    plain: bool = False
    ann: bool = False
    steps: bool = False
    """T images of each clip, one after the other."""
    precision: InferencePrecision = "fp32"


VARIANTS = {
    "plain": Variant("plain", plain=True, steps=True),
    "ours": Variant("native"),
    "ours, no compiler": Variant("eager"),
    "ours, bf16": Variant("native", precision="bf16"),
    "ANN, plain": Variant("plain", plain=True, steps=True, ann=True),
    "ANN, ours": Variant("native", steps=True, ann=True),
    "ANN, ours, one step": Variant("native", ann=True),
}
EVALUATED = {**VARIANTS, "ours, int8": Variant("native", precision="int8")}


Weights = Mapping[str, NDArray[Any]]
"""State of a network, in a form that goes from one process to another without being shared."""


def to_ann(module: nn.Module) -> None:
    """Every neuron becomes a ReLU."""
    for name, child in module.named_children():
        if isinstance(child, SpikingNeuron):
            setattr(module, name, ReLUNeuron())
        else:
            to_ann(child)


def unchanged(frames: Tensor) -> Tensor:
    """Channels stay first."""
    return frames


def network(setting: Setting) -> tuple[MultimodalSNN, Objective, dict[str, Tensor]]:
    """S-CMRL, its objective, and a batch of noise."""
    torch.manual_seed(0)
    channels = {"audio": 1, "visual": 3}
    inputs = {m: torch.randn(setting.batch, c, setting.size, setting.size) for m, c in channels.items()}
    spec = DataSpec(channels=channels, sizes={m: x.shape[-2:] for m, x in inputs.items()}, num_classes=6)
    method = SCMRL(dim=setting.dim, heads=setting.heads, time_steps=setting.time_steps, arithmetic="reference")
    return method.model(spec), method.objective(), inputs


def firing(setting: Setting) -> Weights:
    """Weights of a network that fires at the rate; found apart, so that the peak of memory is that of a step."""
    model, _, inputs = network(setting)
    fire_at(TRAINED, model, inputs)
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


class Stepper:
    """A network, a batch, and one step at a time."""

    def __init__(self, setting: Setting, variant: Variant, weights: Weights, *, training: bool) -> None:
        os.environ["COLLICULUS_KERNELS"] = variant.kernels
        if variant.plain:
            os.environ[VARIABLE] = "dense"
            conv_bn_spike.channels_last = unchanged
        keep_memory()
        torch.set_num_threads(1)
        model, self.objective, self.inputs = network(setting)
        model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        if variant.steps:
            self.inputs = {m: x.repeat(setting.time_steps, 1, 1, 1, 1) for m, x in self.inputs.items()}
        if variant.ann:
            to_ann(model)
        self.labels = torch.arange(setting.batch) % 6
        self.model = (in_precision(model, "int8") if variant.precision == "int8" else model).train(training)
        self.precision = variant.precision

    def step(self, runtime: Runtime | None = None) -> float:
        """Processor seconds of one step; the optimiser's, the same for all, is left out."""
        start = process_time()
        narrow = autocast(torch.device("cpu"), self.precision)
        with narrow, nullcontext() if self.model.training else torch.inference_mode():
            output = self.model(self.inputs)
        if self.model.training:
            loss = torch.stack(list(self.objective(output, self.labels).values())).sum()
            if runtime:
                runtime.backward(loss, self.model)
            else:
                loss.backward()
            self.model.zero_grad()
        return process_time() - start


def emptied_mib() -> float:
    """Resident memory, from where a new peak begins: what was freed goes back to the system before."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return status_mib("VmRSS")


def status_mib(name: str) -> float:
    """A figure of /proc/self/status."""
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024


def serve(pipe: Connection, setting: Setting, variant: Variant, weights: Weights, training: bool) -> None:
    """A process: warm up, tell the memory, then a step for every message."""
    stepper = Stepper(setting, variant, weights, training=training)
    before = emptied_mib()
    stepper.step()
    stepper.step()
    pipe.send(status_mib("VmHWM") - before)
    while pipe.recv():
        pipe.send(stepper.step())


def measure(setting: Setting, variants: Mapping[str, Variant], rounds: int, *, training: bool) -> dict[str, Any]:
    """Seconds of every round and MiB, by variant."""
    context, pipes, found = multiprocessing.get_context("spawn"), {}, {}
    weights = firing(setting)
    for name, variant in variants.items():
        pipes[name], theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, setting, variant, weights, training), daemon=True).start()
        found[name] = {"mib": pipes[name].recv(), "seconds": []}
    for _ in range(rounds):
        for name, pipe in pipes.items():
            pipe.send(True)
            found[name]["seconds"].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(False)
    return found


def ratio(found: Mapping[str, Any], above: str, below: str) -> float:
    """Median over the rounds of one variant's time over another's."""
    pairs = zip(found[above]["seconds"], found[below]["seconds"], strict=True)
    return median(a / b for a, b in pairs)


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """A row for every variant."""
    yield "| build | step, ms | least | plain / this | memory, MiB | of plain |"
    yield "|---|---|---|---|---|---|"
    for name, figures in found.items():
        times, share = figures["seconds"], figures["mib"] / found["plain"]["mib"]
        milliseconds = f"{1000 * median(times):.0f} | {1000 * min(times):.0f}"
        yield f"| {name} | {milliseconds} | {ratio(found, 'plain', name):.2f} | {figures['mib']:.0f} | {share:.0%} |"


def scaling(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ours in other settings, against the setting itself."""
    base = settings.setting
    others = {f"T = {t}": replace(base, time_steps=t) for t in (1, 2, 4, 8, 16)}
    others |= {f"batch {b}": replace(base, batch=b) for b in (base.batch // 2, base.batch * 2)}
    others |= {f"D = {base.dim // 2}": replace(base, dim=base.dim // 2)}
    for name, setting in others.items():
        yield name, measure(setting, {"ours": VARIANTS["ours"]}, settings.rounds, training=True)["ours"]


def on_ranks(settings: Settings) -> None:
    """Ours with gradients summed over the processes, each with its share of the batch."""
    with Runtime.start(device="cpu") as runtime:
        share = replace(settings.setting, batch=settings.setting.batch // runtime.world_size)
        stepper = Stepper(share, VARIANTS["ours"], firing(share), training=True)
        times = [stepper.step(runtime) for _ in range(settings.rounds + 2)][2:]
        if runtime.is_main:
            print(f"{runtime.world_size} process(es), {share.batch} samples each: {1000 * median(times):.0f} ms a step")


def main(settings: Settings) -> None:
    """Measure, print and write."""
    if settings.ranks:
        on_ranks(settings)
        return
    report: dict[str, Any] = {"setting": settings.setting.__dict__, "torch": torch.__version__}
    for kind in settings.kinds:
        variants = VARIANTS if kind == "training" else EVALUATED
        report[kind] = measure(settings.setting, variants, settings.rounds, training=kind == "training")
        load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        print(f"\n{kind} step, batch {settings.setting.batch}, medians of {settings.rounds} rounds, {load}\n")
        print("\n".join(table(report[kind])))
        print(f"\nours / ANN, ours: {ratio(report[kind], 'ours', 'ANN, ours'):.2f}")
    if settings.scaling:
        report["scaling"] = {}
        print("\n| ours, training | step, ms | memory, MiB |\n|---|---|---|")
        for name, figures in scaling(settings):
            report["scaling"][name] = figures
            print(f"| {name} | {1000 * median(figures['seconds']):.0f} | {figures['mib']:.0f} |")
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(report, indent=1))
    print(f"\nwritten: {settings.out}")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
