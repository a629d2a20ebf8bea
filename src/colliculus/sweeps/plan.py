"""From methods, seeds and settings to a list of trainings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from shlex import split
from typing import Any

from colliculus.cli.train import read_settings
from colliculus.evaluation.groups import SEED, method_named, methods_among
from colliculus.files.documents import flat
from colliculus.records.console import remark
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.experiment import Experiment
from colliculus.sweeps.jobs import Job
from colliculus.training.checkpoint import begun, check_settings
from colliculus.types import ColliculusError, unknown_name

OF_THE_SWEEP = ("--out", "--resume", f"--{SEED}")
"""Flags of `colliculus train` that a sweep gives by itself."""

_SEED = "_seed"
"""Between the name of a variant and a seed in the name of a run folder."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What to train: each preset with each combination of settings.

    Args:
        presets: names of experiments.
        settings: values of settings by name, as on the command line ("method.alpha").
        flags: further flags of `colliculus train`, for all.
    """

    presets: Sequence[str]
    settings: Mapping[str, Sequence[str]]
    flags: Sequence[str]


@dataclass(frozen=True)
class Variant:
    """A method in one of its settings.

    Args:
        preset: name of the experiment.
        name: of its run folders, before the seed.
        flags: of `colliculus train`.
    """

    preset: str
    name: str
    flags: tuple[str, ...]

    def trained_by(self, job: Job) -> bool:
        """Whether a job is one of its trainings."""
        return job.folder.name.rpartition(_SEED)[0] == self.name


def plan_variants(variants: Sequence[Variant], seeds: Sequence[int], out: Path) -> list[Job]:
    """The jobs of variants, seed by seed, so that what is done first covers all of them.

    Args:
        variants: what to train.
        seeds: of the trainings of each.
        out: where the run folders go.

    Raises:
        ColliculusError: two jobs would share a folder, or a folder holds another run.
        SystemExit: a flag or its value is not one of the preset's; it was told as `colliculus train` tells it.
    """
    experiments = {variant: read_settings(variant.preset, variant.flags) for variant in variants}
    jobs = [_job(variant, experiments[variant], seed, out) for seed in seeds for variant in experiments]
    if twice := [job for i, job in enumerate(jobs) if job.folder in {other.folder for other in jobs[:i]}]:
        raise ColliculusError(f"two trainings would share the folder {twice[0].folder}: give settings that differ")
    return jobs


def check_comparison(jobs: Sequence[Job], baseline: str | None, over: Sequence[str]) -> None:
    """Refuse names that `colliculus compare` would not find among the trainings of `jobs`.

    Args:
        jobs: what is trained.
        baseline: a method, by preset or full name.
        over: settings that may differ within a method.

    Raises:
        ColliculusError: no training has such a name, or `baseline` means several methods.
    """
    settings = [{"preset": job.preset, **flat(experiment_to_plain(job.experiment))} for job in jobs]
    methods = {name: jobs[places[0]].preset for name, places in methods_among(settings, over)}
    if baseline is not None:
        method_named(baseline, methods)


def _job(variant: Variant, experiment: Experiment[Any, Any], seed: int, out: Path) -> Job:
    folder = out / f"{variant.name}{_SEED}{seed}"
    seeded = replace(experiment, train=replace(experiment.train, seed=seed))
    if begun(folder):
        check_settings(folder, experiment_to_plain(seeded))
    return Job(variant.preset, folder, (*variant.flags, f"--{SEED}", str(seed)), seeded)


def variants(grid: Grid) -> list[Variant]:
    """What a grid asks for, each once.

    Raises:
        ColliculusError: a name is unknown, or a flag is the sweep's to give.
    """
    if not grid.presets:
        raise ColliculusError("there is nothing to train: name presets (`colliculus show presets` lists them)")
    if taken := [flag for flag in grid.flags if flag.partition("=")[0].replace("_", "-") in OF_THE_SWEEP]:
        raise ColliculusError(f"{taken[0]} is given by the sweep itself: leave it out behind --")
    plain = {name: flat(experiment_to_plain(read_settings(name, ()))) for name in dict.fromkeys(grid.presets)}
    known = {key for settings in plain.values() for key in settings}
    for key in grid.settings:
        if not any(_has(settings, key) for settings in plain.values()):
            raise unknown_name("setting", key, sorted(known))
    return [variant for name in plain for variant in _of_preset(name, plain[name], grid)]


def _of_preset(name: str, plain: Mapping[str, Any], grid: Grid) -> Iterator[Variant]:
    own = {key: values for key, values in grid.settings.items() if _has(plain, key)}
    if lacking := [key for key in grid.settings if key not in own]:
        remark(f"{name} has no {', '.join(lacking)}: it is trained without")
    for values in product(*(dict.fromkeys(values) for values in own.values())):
        chosen = dict(zip(own, values, strict=True))
        flags = [part for key, value in chosen.items() for part in setting_flags(key, value, plain)]
        title = "_".join([name, *(f"{key}={value}" for key, value in chosen.items())])
        yield Variant(name, re.sub(r"[^\w.=+-]+", "-", title), (*grid.flags, *flags))


def _has(plain: Mapping[str, Any], key: str) -> bool:
    key = key.replace("-", "_")
    return any(known == key or known.startswith(f"{key}.") for known in plain)


def setting_flags(key: str, value: str, plain: Mapping[str, Any]) -> list[str]:
    """A setting as flags of `colliculus train`; of several words, each is one argument, as in a shell.

    Args:
        key: dotted name of the setting.
        value: as it would be written on the command line; True or False for a setting that is either.
        plain: settings of the preset by dotted name.

    Example:
        >>> setting_flags("train.snr-db", "audio 0 visual -10", {})
        ['--train.snr-db', 'audio', '0', 'visual', '-10']
        >>> setting_flags("method.alignment", "false", {"method.alignment": True})
        ['--method.no-alignment']
    """
    if isinstance(plain.get(key.replace("-", "_")), bool) and value.lower() in ("true", "false"):
        room, _, name = key.rpartition(".")
        return [f"--{key}" if value.lower() == "true" else f"--{room}.no-{name}"]
    return [f"--{key}", *split(value)]
