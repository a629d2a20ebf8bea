"""One process or several, CPU or CUDA, fp32 or bf16; the only module that uses `torch.distributed`."""

from __future__ import annotations

import ctypes
import importlib
import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from colliculus.runtime.gradient_buckets import Buckets
from colliculus.runtime.launcher import World, follow_launcher, world
from colliculus.runtime.meeting import PATIENCE_S, agreed_name
from colliculus.runtime.peers import named_errors, peers
from colliculus.runtime.precision import LossScale, Precision, autocast, check_precision
from colliculus.types import ColliculusError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Device, precision and processes of a program; a `Collective` for code that needs the other ranks.

    Args:
        device: device of the tensors.
        rank: number of this process, 0 for the first.
        world_size: number of processes.
        precision: "bf16" runs matrix products and convolutions in bfloat16, "fp16" in float16; membranes and losses
            stay in float32.

    Example:
        >>> with Runtime.start(device="cpu") as runtime:
        ...     runtime.rank, runtime.world_size, runtime.sum(torch.tensor(3)).item()
        (0, 1, 3)
    """

    device: torch.device
    rank: int = 0
    world_size: int = 1
    precision: Precision = "fp32"

    @staticmethod
    @contextmanager
    def start(device: str = "auto", precision: Precision = "fp32", *, deterministic: bool = True) -> Generator[Runtime]:
        """Choose the device and, under `torchrun`, join the other processes until the end of the block.

        Args:
            device: "auto" (CUDA where present, else CPU), "cpu", "cuda" (under `torchrun` each process takes the GPU of
                its local rank) or one GPU by number, "cuda:1".
            precision: see `Runtime`.
            deterministic: let cuDNN use only algorithms that give the same digits each time; otherwise it tries all and
                keeps the fastest.

        Raises:
            ColliculusError: the device is unknown, absent or not for the precision, the variables of `torchrun`
                contradict one another, or another process ended.
        """
        here = world()
        with named_errors(here.rank):
            chosen = choose_device(device, local_rank=here.local_rank, world_size=here.size)
            check_precision(chosen, precision)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, not deterministic
            if chosen.type == "cuda":
                torch.cuda.set_device(chosen)
            if here.size == 1:
                yield Runtime(device=chosen, precision=precision)
            elif dist.is_initialized():  # within another start, or in a program that joined the processes itself
                yield Runtime(device=chosen, rank=dist.get_rank(), world_size=here.size, precision=precision)
            else:
                with _joined(chosen, here):
                    yield Runtime(device=chosen, rank=dist.get_rank(), world_size=here.size, precision=precision)

    @property
    def is_main(self) -> bool:
        """True on rank 0, which writes and prints."""
        return self.rank == 0

    @property
    def device_name(self) -> str:
        """Name of the GPU, or cpu."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def sum(self, value: Tensor) -> Tensor:
        """The sum of `value` over all ranks, the same on each; no gradient flows through it."""
        total = value.detach().clone()
        if self.world_size > 1:
            with peers():
                dist.all_reduce(total)
        return total

    def of_all(self, value: int) -> list[int]:
        """The number that each rank gives, in the order of the ranks; the same list on each."""
        numbers = torch.zeros(self.world_size, dtype=torch.int64, device=self.device)
        numbers[self.rank] = value
        return self.sum(numbers).tolist()

    def _start_sum(self, row: Tensor) -> Callable[[], None]:
        """Start to replace `row` by its sum over all ranks; the returned function waits for it."""
        with peers():
            work = dist.all_reduce(row, async_op=True)

        def wait() -> None:
            with peers():
                if work is not None:
                    work.wait()

        return wait

    def barrier(self) -> None:
        """Wait for the other ranks."""
        if self.world_size > 1:
            with peers():
                dist.barrier()

    def main_first(self, action: Callable[[], ResultT]) -> ResultT:
        """Run `action` on rank 0 first and then on the others, so that a download happens only once."""
        if not self.is_main:
            self.barrier()
        result = action()
        if self.is_main:
            self.barrier()
        return result

    def seed(self, seed: int, epoch: int) -> None:
        """Seed torch's random numbers as a pure function of (seed, epoch, rank)."""
        state = np.random.SeedSequence([seed, epoch, self.rank]).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0]))

    def autocast(self) -> AbstractContextManager[object]:
        """Context of a forward pass; losses are computed outside it, in float32."""
        return autocast(self.device, self.precision)

    def sample_weight(self, num_samples: int) -> float:
        """Weight of this rank's mean over `num_samples` in the mean over ranks, so that all samples weigh the same."""
        if self.world_size == 1:
            return 1.0
        total = self.sum(torch.tensor(num_samples, device=self.device)).item()
        return num_samples * self.world_size / total

    def backward(self, loss: Tensor, model: nn.Module) -> None:
        """Compute the gradients of `model` and average them over the ranks.

        The gradients are summed in buckets, each while the backward pass computes the next (see `Buckets`). The ranks
        then wait once, for the number of ranks that each parameter's gradient came from: a parameter without a gradient
        on every rank keeps `grad = None` on all of them. DistributedDataParallel is not used: it stops at such a
        parameter, or, with `find_unused_parameters`, warns when there is none. It also rearranges its buckets after the
        first step, which changes the order of summation: on more than two ranks a resumed run would differ in the last
        digit.
        """
        if self.world_size == 1:
            loss.backward()
            return
        parameters = [p for p in model.parameters() if p.requires_grad]
        sums = Buckets(parameters, self._start_sum).sums_of(loss.backward)
        reached = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        for parameter, count in zip(parameters, self.sum(reached).tolist(), strict=True):
            if count:
                parameter.grad = sums[parameter] / self.world_size

    def clip_and_step(
        self, model: nn.Module, optimizer: Optimizer, clip_norm: float | None = None, scale: LossScale | None = None
    ) -> Tensor:
        """Scale the gradients down to a total norm of at most `clip_norm` (None: leave them) and take one step.

        The gradients of a loss with a `scale` have been unscaled; if they overflowed, no step is taken.

        Returns:
            The total 2-norm before clipping, (), the same on every rank; give it to `check_norm`, which waits for it.
        """
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = get_total_norm(gradients)
        if clip_norm is not None:
            clip_grads_with_norm_(model.parameters(), clip_norm, norm)
        if scale is None:
            optimizer.step()
        else:
            scale.step(optimizer)
        return norm


@contextmanager
def _joined(device: torch.device, here: World) -> Generator[None]:
    """The processes as one group."""
    # Its functions have the group as a default argument. Imported later (torch's optimisers do), they would keep the
    # group and its threads into the interpreter's end, where a thread that still held a tensor aborted.
    importlib.import_module("torch.distributed.nn.functional")
    with peers():
        _join(device, here)
    try:
        yield
        # Only after success: on a mistake the other ranks may never come. Without it, a rank that leaves early cuts the
        # connections of one that still sums.
        with peers():
            dist.barrier()
    finally:
        dist.destroy_process_group()


def _join(device: torch.device, here: World) -> None:
    backend, gpu = ("nccl", device) if device.type == "cuda" else ("gloo", None)
    if not follow_launcher():
        dist.init_process_group(backend, device_id=gpu)
        return
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    patience = timedelta(seconds=PATIENCE_S)
    store = dist.TCPStore(address, port, is_master=False, wait_for_workers=False, timeout=patience)  # pyright: ignore[reportPrivateImportUsage]
    ours = dist.PrefixStore(agreed_name(store, here.rank, here.size), store)  # pyright: ignore[reportPrivateImportUsage]
    dist.init_process_group(backend, store=ours, rank=here.rank, world_size=here.size, device_id=gpu)


def check_norm(norm: Tensor) -> None:
    """Check the norm of the gradients of a step.

    A GPU must finish that step for it. A loop that checks one step when the next is queued never lets it idle.

    Raises:
        ColliculusError: it is not finite.
    """
    if not np.isfinite(value := norm.item()):
        raise ColliculusError(
            f"training diverged (the norm of the gradients is {value}): lower the learning rate or set a clip_norm"
        )


@cache
def keep_memory() -> None:
    """Let glibc keep the memory of freed large tensors instead of returning it to the system.

    Every page from the system costs a page fault, and each forward pass frees and allocates the same tensors. Without
    glibc this does nothing. Once for a process is enough; more calls do nothing.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def keep_buffers() -> None:
    """Let the backward pass of networks that are compiled from now on in this process run twice on one graph.

    By default a compiled backward pass writes into what the forward pass stored, and `retain_graph` is refused. It then
    takes a little more memory.
    """
    from torch._functorch import config

    if hasattr(config, "donated_buffer"):  # the name is not of the public interface
        config.donated_buffer = False


def choose_device(name: str, *, local_rank: int = 0, world_size: int = 1) -> torch.device:
    """The device of that name.

    Raises:
        ColliculusError: it is unknown or absent, or it is one GPU and there are several processes.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if name not in ("auto", "cuda") and not (kind == "cuda" and number.isdecimal()):
        raise ColliculusError(f"unknown device {name!r}: choose auto, cpu, cuda or one GPU by number such as cuda:0")
    if not torch.cuda.is_available():
        raise ColliculusError(f"device {name!r} was asked for, but PyTorch sees no CUDA GPU here: choose auto or cpu")
    if number and world_size > 1:
        raise ColliculusError(
            f"device {name!r} is one GPU and {world_size} processes were started: choose cuda or auto"
        )
    index, present = int(number or local_rank), torch.cuda.device_count()
    if index >= present:
        raise ColliculusError(f"GPU number {index} was asked for and {present} are present: start fewer processes")
    return torch.device("cuda", index)
