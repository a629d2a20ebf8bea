"""Sums of gradients over processes: our buckets against one sum after the backward pass, and DistributedDataParallel.

    torchrun --nproc-per-node 2 benchmarks/gradients.py

Every rank takes the same steps of S-CMRL in each way, one after the other in turn, and the ratios are medians over the
rounds. "one sum" waits for the backward pass and then sums all gradients in one row; "none" does not sum at all, so
that the difference is what the sum costs. Prints a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
import tyro
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from colliculus import SCMRL, DataSpec
from colliculus.runtime import Runtime
from colliculus.types import Output


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Network and rounds."""

    dim: int = 256
    size: int = 64
    time_steps: int = 4
    batch: int = 4
    """Clips of each rank."""
    rounds: int = 15
    """Steps of each way that are timed, after three that are not."""


def main(settings: Settings) -> None:
    """Time each way in turn, and print the medians on rank 0."""
    with Runtime.start() as runtime:
        torch.manual_seed(0)
        size = (settings.size, settings.size)
        spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": size, "visual": size}, num_classes=6)
        method = SCMRL(dim=settings.dim, heads=8, time_steps=settings.time_steps)
        model = method.model(spec).to(runtime.device).train()
        parallel = DistributedDataParallel(method.model(spec).to(runtime.device).train(), find_unused_parameters=True)
        inputs = {
            m: torch.rand(settings.batch, spec.channels[m], *size, device=runtime.device) for m in spec.modalities
        }
        labels = torch.zeros(settings.batch, dtype=torch.int64, device=runtime.device)

        def loss(network: nn.Module) -> torch.Tensor:
            output: Output = network(inputs)
            return nn.functional.cross_entropy(output.logits, labels)

        def one_sum() -> None:
            loss(model).backward()
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            row = runtime.sum(torch.cat([g.flatten() for g in gradients])) / runtime.world_size
            for gradient, part in zip(gradients, row.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(part.view_as(gradient))

        def backward(network: nn.Module) -> None:
            loss(network).backward()

        ways: dict[str, tuple[nn.Module, Callable[[], None]]] = {
            "buckets": (model, lambda: runtime.backward(loss(model), model)),
            "one sum": (model, one_sum),
            "DistributedDataParallel": (parallel, lambda: backward(parallel)),
            "none": (model, lambda: backward(model)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(settings.rounds + 3):
            for name, (network, step) in ways.items():
                network.zero_grad(set_to_none=True)
                runtime.barrier()
                begin = perf_counter()
                step()
                runtime.barrier()
                seconds[name].append(perf_counter() - begin)
        if runtime.is_main:
            numbers = sum(p.numel() for p in model.parameters())
            print(f"{numbers / 1e6:.2f} million parameters, {runtime.world_size} ranks, {runtime.device_name}")
            base = median(seconds["one sum"][3:])
            for name, times in seconds.items():
                found = median(times[3:])
                print(f"{name:24} {1000 * found:8.1f} ms  {found / base:5.2f} of one sum")


if __name__ == "__main__":
    main(tyro.cli(Settings))
