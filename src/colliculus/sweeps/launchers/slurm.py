"""Trainings as jobs of SLURM, submitted by submitit."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from colliculus.sweeps.launchers.launcher import Lost
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from colliculus.sweeps.jobs import Job
    from colliculus.sweeps.launchers.order import Order

FILES_FOLDER = ".slurm"
"""Folder of submitit's files, beside the run folders."""


@dataclass(frozen=True, kw_only=True)
class Slurm:
    """Jobs of SLURM, submitted from this machine.

    All machines need the same environment and see the same folders at the same paths.

    Example:
        >>> Slurm(partition="gpu", gpus=1, time_limit_h=4).cpus
        1
    """

    partition: str | None = None
    """partition of the jobs; the cluster's default if not given"""
    account: str | None = None
    """account that the jobs are charged to; the cluster's default if not given"""
    time_limit_h: float = 24.0
    """hours after which SLURM ends a job; its training is then queued again and goes on"""
    cpus: int = 1
    """cores of each training, and its threads"""
    gpus: int = 0
    """GPUs of each training"""
    memory_gb: float | None = None
    """memory of each training; the cluster's default if not given"""
    cluster: Literal["slurm", "local"] = "slurm"
    """local: run the same jobs on this machine, to try them without SLURM"""

    def __post_init__(self) -> None:
        positive = {"time_limit_h": self.time_limit_h, "cpus": self.cpus, "memory_gb": self.memory_gb}
        for name, value in positive.items():
            if value is not None and not value > 0:
                raise ColliculusError(f"slurm.{name} is {value}: give a positive number")
        if self.gpus < 0:
            raise ColliculusError(f"slurm.gpus is {self.gpus}: give zero or a positive number")

    @contextmanager
    def open(self) -> Generator[SlurmEngine]:
        """The queue of the cluster.

        Raises:
            ColliculusError: submitit is not installed, or this machine has no SLURM.
        """
        try:
            import submitit
        except ImportError as error:
            raise ColliculusError("the launcher slurm needs its package: pip install 'colliculus[slurm]'") from error
        if self.cluster == "slurm" and shutil.which("sbatch") is None:
            raise ColliculusError(
                "sbatch is not on this machine: start the sweep on a login node of the cluster, or try its jobs here"
                " with --slurm.cluster local"
            )
        yield SlurmEngine(submitit, self)

    def parameters(self, name: str) -> dict[str, Any]:
        """The settings as submitit names them."""
        asked = {
            "slurm_partition": self.partition,
            "slurm_account": self.account,
            "mem_gb": self.memory_gb,
            "gpus_per_node": self.gpus or None,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        minutes = max(1, round(60 * self.time_limit_h))
        return {"name": name, "timeout_min": minutes, "cpus_per_task": self.cpus, **given}


@dataclass(frozen=True)
class SlurmEngine:
    """The queue of a cluster."""

    submitit: Any
    settings: Slurm

    def start(self, job: Job) -> SlurmTask | None:
        """Submit a job."""
        from colliculus.sweeps.launchers.order import Order

        order = Order.of(job, self.settings.cpus)
        if order.in_hand():
            return None
        executor = self.submitit.AutoExecutor(order.folder.parent / FILES_FOLDER, cluster=self.settings.cluster)
        executor.update_parameters(**self.settings.parameters(job.folder.name))
        return SlurmTask(executor.submit(Requeued(order)), order, is_here=self.settings.cluster == "local")


@dataclass(frozen=True)
class Requeued:
    """An order that SLURM queues again when it ends the job before the training."""

    order: Order

    def __call__(self) -> int:
        """Train to the end; returns the exit code."""
        return self.order.carry_out()

    def checkpoint(self) -> Any:
        """The same order again; the state of the training is in its folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass
class SlurmTask:
    """A training in a job of SLURM."""

    job: Any
    order: Order
    is_here: bool
    _cancelled: bool = field(default=False, init=False)

    def ending(self) -> int | Lost | None:
        """Exit code of the training, or the state in which SLURM left its job."""
        if self._cancelled and not self.is_here:  # SLURM reports it up to a minute later
            return None if self.order.in_hand() else Lost("cancelled")
        if not self.job.done():
            return None
        if not self.job.paths.result_pickle.exists():
            return Lost(f"its job {self.job.job_id} ended in state {self.job.state}; see {self.job.paths.stderr}")
        if (error := self.job.exception()) is not None:
            line = str(error).strip().splitlines()[-1]
            return Lost(f"its job {self.job.job_id} failed: {line}; see {self.job.paths.stderr}")
        return self.job.result()

    def stop(self) -> None:
        """Cancel the job, which stops its training."""
        self.job.cancel(check=False)
        self._cancelled = True

    def kill(self) -> None:
        """Cancel the job again: SLURM itself kills what does not end."""
        self.job.cancel(check=False)
