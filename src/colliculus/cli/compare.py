"""`colliculus compare`: methods by their finished runs, with intervals, paired tests and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import Switch, parse
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from colliculus.cli.compare_report import Compared
    from colliculus.evaluation.comparison import Training
    from colliculus.runs.kept_predictions import Condition

RunFolders = Annotated[tuple[Path, ...], Positional, tyro.conf.arg(metavar="RUN")]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compare methods by their finished runs, all tested on the same clips.

    Runs that differ in nothing but the seed are one method. Each method gets its mean, spread and 95 % interval over
    seeds; each is tested against the baseline, paired, over seeds and over clips, and counts as different where both
    tests say so; with more than two methods that p-value is raised after Holm. Runs of other data, classes or
    modalities are refused.
    Example: colliculus compare runs/sweep --baseline late-fusion-av-digits
    """

    runs: RunFolders
    """run folders, or a folder of runs"""
    baseline: str | None = None
    """method that the others are compared with, by preset or full name; the first one if not given"""
    over: tuple[str, ...] = ()
    """settings that may differ within a method, such as data.fold: each fold then stands for one seed"""
    snr_db: dict[str, float] = field(default_factory=dict[str, float])
    """test all with Gaussian noise, such as --snr-db audio 0; if not given, as each run was tested"""
    missing: tuple[str, ...] = ()
    """test all with these modalities withheld"""
    csv: Path | None = None
    """write a row for each method into this file"""
    device: str = "auto"
    """where a run is tested that does not keep its answers: auto, cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""


def run(arguments: list[str]) -> int:
    """Compare and print."""
    options = parse(Options, "compare", arguments)

    from colliculus.runs.kept_predictions import Condition

    asked = Condition(options.snr_db, options.missing) if options.snr_db or options.missing else None
    found = compare_runs(options.runs, options.baseline, over=options.over, condition=asked, device=options.device)
    show(found, options)
    return 0


def compare_runs(
    paths: Sequence[Path],
    baseline: str | None,
    *,
    over: Sequence[str] = (),
    condition: Condition | None = None,
    device: str = "auto",
) -> Compared:
    """Read runs, test those that must be tested, and compare.

    Args:
        paths: run folders, or folders of runs.
        baseline: as in `Options`.
        over: as in `Options`.
        condition: what is done to the test clips; None: what each run was tested under.
        device: as in `Options`.

    Raises:
        ColliculusError: the runs are not finished or cannot be compared, or a name is unknown.
    """
    from colliculus.cli.compare_report import Compared
    from colliculus.evaluation.comparison import compare_all
    from colliculus.evaluation.evaluate import predictions_of
    from colliculus.evaluation.groups import find_runs, group_runs, method_named, read_finished
    from colliculus.runs.kept_predictions import Condition

    if not paths:
        raise ColliculusError("there is nothing to compare: name run folders, or a folder of runs")
    groups = group_runs([read_finished(folder) for folder in find_runs(paths)], over)
    presets = {group.name: group.preset for group in groups}
    chosen = groups[0].name if baseline is None else method_named(baseline, presets)
    methods: dict[str, dict[Training, NDArray[np.bool_]]] = {group.name: {} for group in groups}
    members = [(methods[g.name], training, member) for g in groups for training, member in g.members.items()]
    for answers, training, member in console.steps(members, "test"):
        tested = condition or Condition.of(member.run)
        answers[training] = predictions_of(member.folder, tested, device=device).correct
    return Compared(groups, methods, chosen, compare_all(methods, chosen), condition)


def show(found: Compared, options: Options) -> None:
    """Print a comparison, and write its table where it was asked for."""
    from colliculus.cli import compare_report

    if options.csv is not None:
        from colliculus.files.atomic import write_atomic

        write_atomic(options.csv, compare_report.table(found).encode())
    if options.json:
        console.show_json(compare_report.record(found))
    else:
        console.show(*compare_report.pages(found))
