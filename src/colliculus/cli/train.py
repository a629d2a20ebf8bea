"""`colliculus train`: train a preset, with any of its settings overridden, into a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Generic

import tyro
from tyro.conf import Positional

from colliculus.cli.options import NoSettings, Settings, SettingsT, Switch, leading_name, parse, value_of
from colliculus.cli.overrides import start_of
from colliculus.records import console

if TYPE_CHECKING:
    from colliculus.runs.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Train a preset and keep everything of it in one folder.

    Any setting of the preset can be overridden: --method.dim 128, --data.root FOLDER, --train.epochs 5. Six have short
    forms: --lr, --epochs, --batch-size, --refit, --seed and --device.
    `colliculus train PRESET --help` lists them all; `colliculus show presets` lists the presets.
    On several processes: torchrun --nproc-per-node 2 -m colliculus train PRESET --out RUN
    """

    preset: Annotated[str, Positional, tyro.conf.arg(metavar="PRESET")]
    """name of the preset"""
    out: Path
    """folder of the run"""
    start: Annotated[Path | None, tyro.conf.arg(name="from", metavar="RUN")] = None
    """start from the weights of this finished run; where the classes differ, the head is new"""
    recipe: str | None = None
    """train with a balance as its authors did, such as ogm-ge (colliculus show recipes); other flags change that"""
    config: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """settings from a file: the run.yaml of a run, or a part of one; other flags change them"""
    log: Annotated[tuple[str, ...], tyro.conf.arg(metavar="LOGGER ...")] = ()
    """more loggers beside TensorBoard: csv (every step, into steps.csv), wandb (Weights & Biases, offline), or the name
    of one of another package"""
    resume: Switch = False
    """go on with a run that was stopped, exactly where it stood and with its settings"""
    settings: Settings[SettingsT]
    """method, data and training"""


def run(arguments: list[str]) -> int:
    """Train, test and print the result."""
    name = leading_name(arguments, Options[NoSettings], "train", "colliculus train PRESET --out RUN [options]")

    from colliculus.presets import preset
    from colliculus.training.fit import fit
    from colliculus.training.loggers import logger

    options = _parse(
        arguments, preset(name, recipe=value_of(arguments, "--recipe"), config=value_of(arguments, "--config"))
    )
    if options.resume and (stored := _stored(options.out, options.settings)) is not None:
        options = _parse(arguments, stored)
    loggers = [logger(name) for name in options.log]
    trained = fit(options.settings, out=options.out, start=options.start, resume=options.resume, callbacks=loggers)
    console.show(trained.result.table(), "", *_next(options.out))
    return 0


def _parse(arguments: list[str], experiment: Experiment[Any, Any]) -> Options[Experiment[Any, Any]]:
    from colliculus.runs.experiment import Experiment

    kind = Options[Experiment[type(experiment.method), type(experiment.data)]]
    default = Options(preset=tyro.MISSING, out=tyro.MISSING, settings=start_of(experiment, arguments))
    return parse(kind, f"train {arguments[0]}", arguments, default)


def _stored(folder: Path, given: Experiment[Any, Any]) -> Experiment[Any, Any] | None:
    """The settings that a run of the same preset was started with, so that resuming it needs no overrides.

    None without such a run, and when all overrides were given again: a mapping that already has values (`train.snr-db`)
    would need other flags.
    """
    from colliculus.runs.names import RUN_FILE
    from colliculus.runs.run import read_run

    stored = read_run(folder).experiment if (folder / RUN_FILE).exists() else None
    return None if stored is None or stored.preset != given.preset or stored == given else stored


def _next(folder: Path) -> tuple[str, ...]:
    """The folder of the run and commands that use it."""
    run = quote(str(folder))
    return (
        f"The run is in {folder}. Next:",
        f"  colliculus predict {run} FILE...      classify your own files",
        f"  colliculus evaluate {run} --help      test with noise, or with a modality missing",
        f"  colliculus inspect {run}              see which layers fire, and each modality over the epochs",
    )
