"""Launchers: where the trainings of a sweep run. On this machine, on a Ray cluster, or as jobs of SLURM."""

from __future__ import annotations

from colliculus.sweeps.launchers.launcher import Engine, Launcher, Lost, Task
from colliculus.sweeps.launchers.local import Local
from colliculus.sweeps.launchers.ray import Ray
from colliculus.sweeps.launchers.slurm import Slurm

__all__ = ["Engine", "Launcher", "Local", "Lost", "Ray", "Slurm", "Task"]
