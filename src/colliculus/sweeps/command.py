"""The command line that trains an experiment."""

from __future__ import annotations

from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

from colliculus.runs.flags import changed, flags

if TYPE_CHECKING:
    from colliculus.runs.run import Run


def train_command(run: Run, folder: Path) -> str:
    """`colliculus train` with the preset of `run`, its start and every setting that differs, as one line for a shell.

    A run that was not trained from a preset of this version has a comment instead.
    """
    from colliculus.presets import PRESETS

    if run.preset not in PRESETS:
        return f"# {run.preset} is not a preset of this version: {folder} was imported, or trained by another version"
    changes = changed(run.experiment, PRESETS[run.preset].experiment)
    start = ["--from", str(run.start.run)] if run.start else []
    return join(["colliculus", "train", run.preset, "--out", str(folder), *start, *flags(changes)])
