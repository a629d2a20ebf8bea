"""`colliculus export`: a trained run in the form another program reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal

from colliculus.cli.options import NoSettings, RecordOptions, RunFolder, Settings, SettingsT, parse, value_of
from colliculus.export.targets import TARGETS, target_class


@dataclass(frozen=True, kw_only=True)
class Options(RecordOptions, Generic[SettingsT]):
    """Write the model of a run for another program, read it again, and compare it with PyTorch.

    "onnx" is one file for onnxruntime, which runs on every platform; "pt2" a PyTorch program that runs without
    Colliculus; "page" one HTML file that runs the network in a browser, on clips that are dropped or recorded.
    "reference" is a checkpoint of the released S-CMRL program (arXiv 2502.12488), for networks that compute what it
    computes: presets with "reference" in their names, late fusion, weighted attention, and a single modality trained
    with --method.arithmetic reference. "nir" is a folder of graphs for neuromorphic tools, of the whole network where
    NIR can say it. `colliculus export --to TARGET --help` lists the options of a target. Where a check fails, nothing
    is written and the exit code is 1. Example:
    colliculus export runs/digits --to onnx --out digits.onnx
    """

    run: RunFolder
    """folder of the run"""
    to: Literal[tuple(TARGETS)]  # pyright: ignore[reportInvalidTypeForm] # the table is the only list of them
    """the form"""
    out: Path | None = None
    """file or folder to write, with missing folders above it; left out, a usual name in RUN"""
    settings: Settings[SettingsT]
    """options of the target"""


def run(arguments: list[str]) -> int:
    """Write, check and print."""
    name = value_of(arguments, "--to")
    kind: Any = NoSettings if name is None else target_class(name)
    options = parse(Options[kind], "export", arguments)

    from colliculus.export.export import export

    found = export(options.run, to=options.settings, out=options.out)
    options.show(found)
    return 0 if found.passed else 1
