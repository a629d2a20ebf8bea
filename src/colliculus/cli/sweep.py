"""`colliculus sweep`: methods x seeds x settings, trained side by side and compared."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import Positional, UseAppendAction

from colliculus.cli.options import Switch, parse
from colliculus.cli.overrides import read_overrides, read_space, read_values, split_flags
from colliculus.records import console
from colliculus.sweeps.launchers import Launcher, Local, Ray, Slurm
from colliculus.types import ColliculusError, refuse_unread

if TYPE_CHECKING:
    from colliculus.sweeps.jobs import Job
    from colliculus.sweeps.reproduction import Reproduction
    from colliculus.sweeps.sweep import Sweep

Presets = Annotated[tuple[str, ...], Positional, tyro.conf.arg(metavar="PRESET")]
Chosen = UseAppendAction[tuple[tuple[str, str], ...]]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train each preset with each seed and each combination of settings, then compare them.

    Every training is one `colliculus train` command with a folder of its own in --out and its output in a log beside
    it. Finished trainings are skipped and stopped ones are resumed, so the same command finishes a sweep that was
    stopped. Flags behind -- go to every training.

    Settings as a grid, from a file, and searched:

    colliculus sweep s-cmrl-av-digits late-fusion-av-digits --seeds 5 --set method.alpha 0.25,0.5 --out runs/alpha --
    --train.epochs 5

    colliculus sweep alpha.yaml --jobs 2 --out runs/alpha

    colliculus sweep s-cmrl-av-digits --search 30 --set train.learning-rate 1e-4..1e-2:log --set method.alpha 0.25,0.5
    --out runs/search

    Such a file: {presets: [s-cmrl-av-digits, late-fusion-av-digits], seeds: 5, set: {method.alpha: [0.25, 0.5]},
    train: {train.epochs: 5}}
    """

    presets: Presets
    """names of presets, or a YAML file"""
    out: Path = Path("runs/sweep")
    """folder of the run folders"""
    seeds: int = 5
    """number of trainings of each"""
    first_seed: int = 0
    """seed of the first of them; the others follow"""
    set: Chosen = ()
    """a setting and its values, such as --set method.alpha 0.25,0.5; again for the next setting; a method that does not
    have it is trained without"""
    search: int | None = None
    """trials of a search of one preset, on its validation part: --set then also takes ranges, such as
    --set train.learning-rate 1e-4..1e-2:log; every trial has the first seed, and the command that trains the best one
    with as many seeds as are asked for is printed"""
    jobs: int = 1
    """number of simultaneous trainings, each on one thread; on a cluster also of those that wait for a machine"""
    launcher: Literal["local", "ray", "slurm"] = "local"
    """where trainings run: local, processes on this machine; ray, tasks of a Ray cluster; slurm, jobs of SLURM"""
    ray: Ray = field(default_factory=Ray)
    """with the launcher ray"""
    slurm: Slurm = field(default_factory=Slurm)
    """with the launcher slurm"""
    dry_run: Switch = False
    """train nothing: print what is left to train, one command a line"""
    baseline: str | None = None
    """as in colliculus compare"""
    over: tuple[str, ...] = ()
    """as in colliculus compare"""
    json: Switch = False
    """print one JSON object"""


def run(arguments: list[str]) -> int:
    """Train what is not trained, and compare."""
    own, flags = split_flags(arguments)
    file = own[0] if own and own[0].endswith((".yaml", ".yml")) else ""
    with _file_named(file) if file else nullcontext():
        if file:
            from colliculus.sweeps.file import read_sweep

            written, further = read_sweep(Path(file), _defaults())
            own, flags = [*written, *own[1:]], [*further, *flags]
        options = parse(Options, "sweep", own)

        if options.search is not None:
            return _search(options, options.search, flags)

        from colliculus.sweeps.plan import plan_sweep
        from colliculus.sweeps.space import without_ranges
        from colliculus.sweeps.sweep import sweep

        without_ranges(options.set)

        grid: dict[str, Any] = {
            "presets": options.presets,
            "seeds": range(options.first_seed, options.first_seed + options.seeds),
            "settings": read_values(options.presets, options.set),
            "overrides": read_overrides(options.presets, flags),
            "out": options.out,
            "baseline": options.baseline,
            "over": options.over,
        }
        if options.dry_run:
            print_lines(plan_sweep(**grid))
            return 0
        found = sweep(**grid, jobs=options.jobs, launcher=launcher_of(options))
    show_trained(found, as_json=options.json)
    return 0 if found.comparison else 1


def _defaults() -> dict[str, object]:
    """Options with their defaults; those of a launcher under dotted names."""
    found: dict[str, object] = {}
    for one in fields(Options):
        if one.default_factory is MISSING:
            found[one.name] = one.default
        else:
            found |= {f"{one.name}.{inner.name}": inner.default for inner in fields(one.default_factory())}
    return found


def _search(options: Options, trials: int, flags: Sequence[str]) -> int:
    """Search one preset, and print the best trials and the command that trains the best one."""
    from colliculus.sweeps.search import search

    refuse_unread(options, ("dry_run", "baseline", "over"), "with --search")
    if len(options.presets) != 1:
        raise ColliculusError(f"a search takes one preset, not {len(options.presets)}: search one after the other")
    found = search(
        options.presets[0],
        settings=read_space(options.presets, options.set),
        trials=trials,
        overrides=read_overrides(options.presets, flags),
        seed=options.first_seed,
        out=options.out,
        jobs=options.jobs,
        launcher=launcher_of(options),
    )
    if found.failure:
        raise ColliculusError(found.failure)
    command = found.command(options.seeds)
    if options.json:
        console.show_json({**found.to_dict(), "command": command})
    else:
        console.show(found.table(), f"Train the best one: {command}")
    return 0


def launcher_of(options: Options) -> Launcher:
    """The launcher that was chosen.

    Raises:
        ColliculusError: settings of another one are given.
    """
    launchers: dict[str, Launcher] = {"local": Local(), "ray": options.ray, "slurm": options.slurm}
    refuse_unread(options, launchers.keys() - {options.launcher}, f"with --launcher {options.launcher}")
    return launchers[options.launcher]


@contextmanager
def _file_named(name: str) -> Generator[None]:
    """Name the file in every message about its contents."""
    try:
        yield
    except ColliculusError as error:
        raise (error if name in str(error) else ColliculusError(f"{name}: {error}")) from error
    except SystemExit as stop:
        if stop.code:
            console.remark(f"part of that command line was written in {name}")
        raise


def show_trained(found: Sweep | Reproduction, *, as_json: bool) -> None:
    """Print the record of trainings; those that failed are an error."""
    if as_json:
        console.show_json(found.to_dict())
    else:
        console.show(found.table())
    if found.failure:
        raise ColliculusError(found.failure)


def print_lines(jobs: Sequence[Job]) -> None:
    """Print the commands of unfinished trainings, for a shell or a scheduler."""
    left = [job for job in jobs if not job.is_done]
    console.show(*(job.line for job in left))
    console.remark(f"{len(left)} of {len(jobs)} trainings are left; each line may run by itself, in any order")
