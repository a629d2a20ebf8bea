"""From presets, settings and seeds to a list of trainings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from colliculus.evaluation.groups import SEED, method_named, methods_among
from colliculus.files.documents import Document, flat
from colliculus.presets import preset
from colliculus.records.console import remark
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.flags import words
from colliculus.sweeps.jobs import Job
from colliculus.training.checkpoint import begun, check_settings
from colliculus.types import ColliculusError, unknown_name

_SEED = "_seed"
"""Stands between the name of a variant and the seed in the name of a run folder."""

Values = Sequence[Any] | Mapping[str, Any]
"""Values of a setting; a mapping gives each value the name that it has in the names of run folders."""


@dataclass(frozen=True)
class Variant:
    """A method in one of its settings.

    Args:
        preset: name of the preset.
        name: name of its run folders, before the seed.
        experiment: the preset with the settings of this variant.
    """

    preset: str
    name: str
    experiment: Experiment[Any, Any]

    @property
    def settings(self) -> Document:
        """Plain values of its settings, without the seed, by dotted name."""
        return {key: value for key, value in _flat(self.experiment).items() if key != SEED}

    @property
    def changes(self) -> Document:
        """The settings in which it differs from its preset, by dotted name."""
        before = _flat(preset(self.preset))
        return {key: value for key, value in self.settings.items() if value != before.get(key, ...)}

    def trained_by(self, job: Job) -> bool:
        """True where a job is one of its trainings."""
        return job.folder.name.rpartition(_SEED)[0] == self.name


def plan_sweep(
    presets: Sequence[str],
    *,
    seeds: int | Sequence[int] = 5,
    settings: Mapping[str, Values] | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: Path | str = "runs/sweep",
    baseline: str | None = None,
    over: Sequence[str] = (),
) -> list[Job]:
    """The trainings of a sweep, checked: every mistake is found before anything is trained.

    The arguments are those of `colliculus.sweeps.sweep.sweep`.

    Raises:
        ColliculusError: a name is unknown, a value is wrong, two trainings would share a folder, or a folder holds
            another run.

    Example:
        >>> jobs = plan_sweep(["s-cmrl-synthetic"], seeds=2, settings={"method.alpha": [0.25, 0.5]}, out="runs/alpha")
        >>> for job in jobs:
        ...     print(job.folder.name)
        s-cmrl-synthetic_method.alpha=0.25_seed0
        s-cmrl-synthetic_method.alpha=0.5_seed0
        s-cmrl-synthetic_method.alpha=0.25_seed1
        s-cmrl-synthetic_method.alpha=0.5_seed1
    """
    jobs = plan_variants(variants(presets, settings or {}, overrides or {}), seeds, out)
    named = methods_among([{"preset": job.preset, **_flat(job.experiment)} for job in jobs], over)
    if baseline is not None:
        method_named(baseline, {name: jobs[places[0]].preset for name, places in named})
    return jobs


def plan_variants(variants: Sequence[Variant], seeds: int | Sequence[int], out: Path | str) -> list[Job]:
    """The jobs of variants, seed by seed, so that the first jobs cover all variants.

    Args:
        variants: what to train.
        seeds: number of trainings of each, with seeds from 0, or the seeds themselves.
        out: folder of the run folders.

    Raises:
        ColliculusError: there is no seed, two jobs would share a folder, or a folder holds another run.
    """
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    if not numbers:
        raise ColliculusError("there are no seeds: give at least 1")
    distinct = [variant for i, variant in enumerate(variants) if variant not in variants[:i]]
    jobs: dict[Path, Job] = {}
    for seed, variant in product(numbers, distinct):
        folder, experiment = Path(out) / f"{variant.name}{_SEED}{seed}", replaced(variant.experiment, {SEED: seed})
        if folder in jobs:
            raise ColliculusError(f"two trainings would share the folder {folder}: give settings that differ")
        if begun(folder):
            check_settings(folder, experiment_to_plain(experiment))
        jobs[folder] = Job(variant.preset, folder, experiment)
    return list(jobs.values())


def variants(presets: Sequence[str], settings: Mapping[str, Values], overrides: Mapping[str, Any]) -> list[Variant]:
    """Each preset with each combination of settings, each once.

    Args:
        presets: names of presets.
        settings: values of settings by dotted name; a preset without a setting is trained without it.
        overrides: settings of every training by dotted name.

    Raises:
        ColliculusError: a name is unknown, a value is wrong, or a setting belongs to the sweep.
    """
    if not presets:
        raise ColliculusError("there is nothing to train: name presets (`colliculus show presets` lists them)")
    refuse_seed([*settings, *overrides])
    plain = {name: _flat(preset(name)) for name in dict.fromkeys(presets)}
    for key in settings:
        if not any(_has(own, key) for own in plain.values()):
            raise unknown_name("setting", key, sorted(set().union(*plain.values())))
    return [variant for name in plain for variant in _of_preset(name, plain[name], settings, overrides)]


def refuse_seed(keys: Sequence[str]) -> None:
    """Refuse the setting that belongs to the sweep.

    Raises:
        ColliculusError: it is among the keys.
    """
    if taken := [key for key in keys if key.replace("-", "_") == SEED]:
        raise ColliculusError(f"{taken[0]} is set by the sweep itself: give `seeds`")


def _of_preset(
    name: str, plain: Document, settings: Mapping[str, Values], overrides: Mapping[str, Any]
) -> Iterator[Variant]:
    own = {key: named(values) for key, values in settings.items() if _has(plain, key)}
    if absent := [key for key in settings if key not in own]:
        remark(f"{name} has no {', '.join(absent)}: it is trained without")
    for chosen in product(*own.values()):
        texts = dict(zip(own, chosen, strict=True))
        title = "_".join([name, *(f"{key}={text}" for key, text in texts.items())])
        values = {key: own[key][text] for key, text in texts.items()}
        yield Variant(name, re.sub(r"[^\w.=+-]+", "-", title), replaced(preset(name), {**overrides, **values}))


def named(values: Values) -> Mapping[str, Any]:
    """Values by the names that they have in names of folders."""
    return values if isinstance(values, Mapping) else {" ".join(words(value)): value for value in values}


def _flat(experiment: Experiment[Any, Any]) -> Document:
    return flat(experiment_to_plain(experiment))


def _has(plain: Document, key: str) -> bool:
    key = key.replace("-", "_")
    return any(known == key or known.startswith(f"{key}.") for known in plain)
