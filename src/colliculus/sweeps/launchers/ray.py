"""Trainings as tasks of a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colliculus.clusters import in_short, joined
from colliculus.records.console import remark
from colliculus.sweeps.launchers.launcher import Lost
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from colliculus.sweeps.jobs import Job


@dataclass(frozen=True, kw_only=True)
class Ray:
    """Tasks of a Ray cluster.

    All machines need the same environment and see the same folders at the same paths.

    Example:
        >>> Ray(address="auto", gpus=0.5).cpus
        1
    """

    address: str = "local"
    """address of a running cluster: auto, HOST:6379 or ray://HOST:10001; local starts one on this machine, for as long
    as the sweep"""
    cpus: float = 1
    """cores reserved for each training, and its threads"""
    gpus: float = 0
    """GPUs reserved for each training; 0.5 lets two share one"""

    def __post_init__(self) -> None:
        if self.cpus <= 0:
            raise ColliculusError(f"ray.cpus is {self.cpus}: give a positive number")
        if self.gpus < 0:
            raise ColliculusError(f"ray.gpus is {self.gpus}: give zero or a positive number")

    @contextmanager
    def open(self) -> Generator[RayEngine]:
        """The cluster; one that the caller has joined before is used and left connected.

        Raises:
            ColliculusError: Ray is not installed, the cluster does not answer, or this machine is too small.
        """
        with joined(self.address) as ray:
            self._check_size(ray)
            yield RayEngine(ray, self)

    def _check_size(self, ray: Any) -> None:
        nodes: list[dict[str, float]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(node.get("CPU", 0) >= self.cpus and node.get("GPU", 0) >= self.gpus for node in nodes):
            return
        asked = f"no machine has {self.cpus:g} cores and {self.gpus:g} GPUs"
        if self.address == "local":
            raise ColliculusError(f"{asked} for a training: lower ray.cpus or ray.gpus, or name a cluster")
        remark(f"{asked}: trainings wait until one joins the cluster at {self.address}")


@dataclass(frozen=True)
class RayEngine:
    """A joined cluster."""

    ray: Any
    settings: Ray

    def start(self, job: Job) -> RayTask | None:
        """Submit a job, which waits until a machine has room for it."""
        from colliculus.sweeps.launchers.order import Order

        order = Order.of(job, max(1, int(self.settings.cpus)))
        if order.in_hand():
            return None
        run = self.ray.remote(Order.carry_out).options(
            name=job.folder.name,
            num_cpus=self.settings.cpus,
            num_gpus=self.settings.gpus,
            max_retries=0,  # `Work` starts lost jobs again, on every engine by the same rule
        )
        return RayTask(self.ray, run.remote(order))


@dataclass(frozen=True)
class RayTask:
    """A training in a task of Ray."""

    ray: Any
    reference: Any

    def ending(self) -> int | Lost | None:
        """Exit code of the training, or the error of its worker."""
        if not self.ray.wait([self.reference], timeout=0)[0]:
            return None
        try:
            return self.ray.get(self.reference)
        except self.ray.exceptions.RayError as error:
            return Lost(f"Ray lost its worker: {in_short(error)}")

    def stop(self) -> None:
        """Raise KeyboardInterrupt in the task, which stops its training."""
        self.ray.cancel(self.reference, force=False)

    def kill(self) -> None:
        """Kill the worker, with which its training ends."""
        self.ray.cancel(self.reference, force=True)
