"""`colliculus sweep`: methods x seeds x settings, trained side by side and compared."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional, UseAppendAction

from colliculus.cli.options import Switch, parse
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from colliculus.sweeps.jobs import Job

Presets = Annotated[tuple[str, ...], Positional, tyro.conf.arg(metavar="PRESET")]
Values = UseAppendAction[tuple[tuple[str, str], ...]]


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a sweep; its one sentence says how to go on."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train each preset with each seed and each combination of settings, then compare them.

    Every training is one `colliculus train` command with a folder of its own under --out and its output in a log beside
    it. What is done is passed over and what was cut off goes on, so the same command finishes a sweep that was
    stopped. What follows -- goes to every training.
    Example: colliculus sweep s-cmrl-av-digits late-fusion-av-digits --seeds 5 --set method.alpha 0.25,0.5 --jobs 2
    --out runs/alpha -- --train.epochs 5
    Or the same from a file, colliculus sweep alpha.yaml --jobs 2 --out runs/alpha, with alpha.yaml holding
    {presets: [s-cmrl-av-digits, late-fusion-av-digits], seeds: 5, set: {method.alpha: [0.25, 0.5]},
    train: {train.epochs: 5}}
    """

    presets: Presets
    """names of presets, or a YAML file"""
    out: Path = Path("runs/sweep")
    """folder of the run folders"""
    seeds: int = 5
    """trainings of each"""
    first_seed: int = 0
    """seed of the first of them; the others follow"""
    set: Values = ()
    """a setting and its values, such as --set method.alpha 0.25,0.5; again for the next setting; a method that does not
    have it is trained without"""
    jobs: int = 1
    """trainings at once, each on one thread"""
    dry_run: Switch = False
    """train nothing: print what is left to train, one command a line"""
    baseline: str | None = None
    """as of colliculus compare"""
    over: tuple[str, ...] = ()
    """as of colliculus compare"""
    json: Switch = False
    """print the comparison as one JSON object"""


def run(arguments: list[str]) -> int:
    """Train what is not trained, and compare."""
    own, flags = split_flags(arguments)
    if own and own[0].endswith((".yaml", ".yml")):
        with _file_named(own[0]):
            options, todo = _plan(*_read(Path(own[0]), own[1:], flags))
    else:
        options, todo = _plan(own, flags)
    if options.dry_run:
        print_lines(todo)
        return 0
    failed = train_all(todo, options.jobs)
    compared = _compare([job.folder for job in todo if job not in failed], options)
    complain(failed, len(todo))
    return 0 if compared else 1


def _read(path: Path, own: Sequence[str], flags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Arguments and flags of a file, followed by those of the command line."""
    from colliculus.sweeps.file import read_sweep

    known = {field.name: field.default for field in fields(Options)}
    written, further = read_sweep(path, known)
    return [*written, *own], [*further, *flags]


@contextmanager
def _file_named(name: str) -> Generator[None]:
    """Name the file in every complaint about what may stand in it."""
    try:
        yield
    except ColliculusError as error:
        raise (error if name in str(error) else ColliculusError(f"{name}: {error}")) from error
    except SystemExit as stop:
        if stop.code:
            console.remark(f"part of that command line was written in {name}")
        raise


def _plan(own: list[str], flags: Sequence[str]) -> tuple[Options, list[Job]]:
    """What is asked for, and its trainings; any mistake in it is told here, before something is trained."""
    options = parse(Options, "sweep", own)

    if options.seeds < 1 or options.first_seed < 0:
        raise ColliculusError("--seeds is at least 1 and --first-seed at least 0")

    from colliculus.sweeps.plan import Grid, check_comparison, plan_variants, variants

    chosen: dict[str, list[str]] = {}
    for key, values in options.set:
        chosen.setdefault(key.removeprefix("--"), []).extend(values.split(","))
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    grid = Grid(presets=options.presets, settings=chosen, flags=flags)
    todo = plan_variants(variants(grid), seeds, options.out)
    check_comparison(todo, options.baseline, options.over)
    return options, todo


def split_flags(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and what behind the first `--`: arguments of the verb, and flags of every training.

    Example:
        >>> split_flags(["late-fusion-synthetic", "--", "--train.epochs", "3"])
        (['late-fusion-synthetic'], ['--train.epochs', '3'])
    """
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], arguments[place + 1 :]


def print_lines(jobs: Sequence[Job]) -> None:
    """The commands of what is left to do, for a shell or a scheduler."""
    left = [job for job in jobs if not job.is_done]
    console.show(*(job.line for job in left))
    console.remark(f"{len(left)} of {len(jobs)} trainings are left; each line may run by itself, in any order")


def train_all(jobs: Sequence[Job], at_once: int) -> dict[Job, str]:
    """Train what is not trained and tell how it goes; what failed, with its complaint.

    Raises:
        SweepInterrupted: by Ctrl-C or SIGTERM; every training that ran has kept its last epoch.
        ColliculusError: the data are not there.
    """
    from colliculus.sweeps.job_board import JobBoard
    from colliculus.sweeps.jobs import run_jobs
    from colliculus.training.fit import sigterm_as_interrupt

    if at_once < 1:
        raise ColliculusError(f"--jobs is {at_once}: give at least 1")
    left = [job for job in jobs if not job.is_done]
    try:
        with sigterm_as_interrupt():
            for data in {repr(job.experiment.data): job.experiment.data for job in left}.values():
                data.load()  # once: it is downloaded or missed here, and not by all trainings at the same time
            with JobBoard(jobs) as board:
                return run_jobs(left, at_once, board.watch)
    except KeyboardInterrupt as interrupt:
        done = sum(job.is_done for job in jobs)
        raise SweepInterrupted(
            f"interrupted: {done} of {len(jobs)} trainings are done, the same command goes on with the others"
        ) from interrupt


def complain(failed: dict[Job, str], total: int) -> None:
    """Name the trainings that failed.

    Raises:
        ColliculusError: there are some.
    """
    if failed:
        told = "; ".join(f"{job.folder.name} ({complaint}; see {job.log})" for job, complaint in failed.items())
        raise ColliculusError(f"{len(failed)} of {total} trainings failed: {told}")


def _compare(folders: Sequence[Path], options: Options) -> bool:
    """Show the comparison; whether there is one."""
    from colliculus.cli import compare

    if not folders:
        return False
    try:
        found = compare.compare_runs(folders, options.baseline, over=options.over)
    except ColliculusError as error:
        console.remark(f"the trainings are done and not compared: {error}")
        return False
    compare.show(found, compare.Options(runs=tuple(folders), json=options.json))
    return True
