"""`colliculus compare`: methods by their finished runs, with intervals, paired tests and verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import RecordOptions, parse
from colliculus.types import SnrOf

RunFolders = Annotated[tuple[Path, ...], Positional, tyro.conf.arg(metavar="RUN")]


@dataclass(frozen=True, kw_only=True)
class Options(RecordOptions):
    """Compare methods by their finished runs, all tested on the same clips.

    Runs that differ in nothing but the seed are one method. Each method gets its mean, spread and 95 % interval over
    seeds; each is tested against the baseline, paired, over seeds and over clips, and a difference is shown where both
    tests agree. With more than two methods the p-values are adjusted by Holm's method. Runs of other data, classes or
    modalities are refused.
    Example: colliculus compare runs/sweep --baseline late-fusion-av-digits
    """

    runs: RunFolders
    """run folders, or a folder of runs"""
    baseline: str | None = None
    """method that the others are compared with, by preset or full name; the first one if not given"""
    over: tuple[str, ...] = ()
    """settings that may differ within a method, such as data.fold: each fold then counts as one seed"""
    snr_db: dict[str, float] = field(default_factory=dict[str, float])
    """test all with Gaussian noise, such as --snr-db audio 0; if not given, as each run was tested"""
    snr_of: SnrOf = "standardised"
    """input whose power this ratio refers to: standardised, as the networks get it, or raw, as it is before"""
    missing: tuple[str, ...] = ()
    """test all with these modalities withheld"""
    csv: Path | None = None
    """write a row for each method into this file"""
    device: str = "auto"
    """device for runs that do not keep their predictions: auto, cpu, cuda, or one GPU such as cuda:0"""


def run(arguments: list[str]) -> int:
    """Compare and print."""
    options = parse(Options, "compare", arguments)

    from colliculus.evaluation.comparison import compare
    from colliculus.files.atomic import write_atomic

    found = compare(
        options.runs,
        baseline=options.baseline,
        over=options.over,
        snr_db=options.snr_db,
        snr_of=options.snr_of,
        missing=options.missing,
        device=options.device,
    )
    if options.csv is not None:
        write_atomic(options.csv, found.to_csv().encode())
    options.show(found)
    return 0
