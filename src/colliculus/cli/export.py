"""`colliculus export`: a trained run in the form another program reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colliculus.cli.options import RunFolder, parse
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write the model of a run for another program.

    "reference" is a checkpoint of the released S-CMRL program (arXiv 2502.12488), for networks that compute what it
    computes: presets with "reference" in their names, late fusion, weighted attention, and a single modality trained
    with --method.arithmetic reference. Example:
    colliculus export runs/digits --to reference --out digits.pth.tar
    """

    run: RunFolder
    """folder of the run"""
    to: Literal["reference"]
    """the form"""
    out: Path | None = None
    """file to write; left out, RUN/reference.pth.tar"""


def run(arguments: list[str]) -> int:
    """Write the file and name it."""
    options = parse(Options, "export", arguments)

    from colliculus.export.reference_runs import export_run

    console.show(export_run(options.run, options.out).table())
    return 0
