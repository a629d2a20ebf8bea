"""`colliculus train`: a preset, with any of its settings overridden, into a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Generic

import tyro
from tyro.conf import Positional

from colliculus.cli.options import NoSettings, Settings, SettingsT, Switch, leading_name, parse
from colliculus.records import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.runs.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Train a preset and keep everything of it in one folder.

    Any setting of the preset can be overridden: --method.dim 128, --data.root FOLDER, --train.epochs 5.
    `colliculus train PRESET --help` lists them all; `colliculus show presets` lists the presets.
    On several processes: torchrun --nproc-per-node 2 -m colliculus train PRESET --out RUN
    """

    preset: Annotated[str, Positional, tyro.conf.arg(metavar="PRESET")]
    """name of the preset"""
    out: Path
    """folder of the run"""
    resume: Switch = False
    """go on with a run that was stopped, exactly where it stood and with its settings"""
    settings: Settings[SettingsT]
    """method, data and training"""


def run(arguments: list[str]) -> int:
    """Train, test and print the result."""
    name = leading_name(arguments, Options[NoSettings], "train", "colliculus train PRESET --out RUN [options]")

    from colliculus.presets import preset
    from colliculus.runtime import Runtime
    from colliculus.training.fit import fit

    options = _parse(arguments, preset(name))
    if options.resume and (stored := _stored(options.out, name, options.settings)) is not None:
        options = _parse(arguments, stored)
    train = options.settings.train
    with Runtime.start(device=train.device, precision=train.precision) as runtime:
        result = fit(options.settings, options.out, preset=name, resume=options.resume, runtime=runtime)
    console.show(_table(result), *_next(options.out))
    console.remark_untested({c["name"]: c["total"] for c in result["test"]["per_class"]}, "test")
    return 0


def _parse(arguments: list[str], experiment: Experiment[Any, Any]) -> Options[Experiment[Any, Any]]:
    from colliculus.runs.experiment import Experiment

    kind = Options[Experiment[type(experiment.method), type(experiment.data)]]
    default = Options(preset=tyro.MISSING, out=tyro.MISSING, settings=experiment)
    return parse(kind, "train", arguments, default)


def _stored(folder: Path, name: str, given: Experiment[Any, Any]) -> Experiment[Any, Any] | None:
    """The settings a run of the preset was started with, so that a resumed run needs no override again.

    None where there is no such run, and where all were given again: a mapping that has values by then (`train.snr-db`)
    would have to be given in other words.
    """
    from colliculus.runs.document import experiment_to_plain
    from colliculus.runs.run import RUN_FILE, read_run

    stored = read_run(folder) if (folder / RUN_FILE).exists() else None
    if stored is None or stored.preset != name:
        return None
    return None if experiment_to_plain(stored.experiment) == experiment_to_plain(given) else stored.experiment


def _table(result: Mapping[str, Any]) -> RenderableType:
    parts = {part: result[part] for part in ("validation", "test")}
    figures = ("accuracy", "interval", "correct", "total")
    rows = {
        "preset": result["preset"],
        "data": f"{result['dataset']}, {result['protocol']}",
        **{part: console.accuracy(*(found[figure] for figure in figures)) for part, found in parts.items()},
        "epochs": f"{result['epochs']}, the best was {result['best_epoch']}",
        "parameters": f"{result['parameters']:,}",
        "samples/s": f"{result['samples_per_second']:,.0f}",
    }
    return console.facts("Result", rows)


def _next(folder: Path) -> tuple[str, ...]:
    """Where the run lies and what can be done with it."""
    run = quote(str(folder))
    return (
        f"The run lies in {folder}. Next:",
        f"  colliculus predict {run} FILE...      classify your own files",
        f"  colliculus evaluate {run} --help      test with noise, or with a modality missing",
        f"  colliculus inspect {run}              see which layers fire, and how each modality fares",
    )
