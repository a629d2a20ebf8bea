"""`colliculus prepare`: raw files into one folder of arrays, ready to train on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal

import tyro
from tyro.conf import Positional

from colliculus.cli.options import NoSettings, Settings, SettingsT, leading_name, parse
from colliculus.records import console
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.corpus.prepare.summary import Summary

_LACKS = ("holds no sound", "holds no picture")  # kinds of problems: the rest of the clip may be whole


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Prepare raw files for training: decode them once, into one folder of arrays.

    RECIPE is folder (clips in one folder for each class), manifest (a table of your files), or the name of a public
    data set: crema-d, urbansound8k-av, ave, mnistdvs-ntidigits, kinetics-sounds, cifar10-av. Each has settings of its
    own: `colliculus prepare RECIPE --help`.

    Stopped, by whatever, it goes on where it stood when it is called again. Samples that cannot be read are left out,
    and `manifest.csv` says why.
    """

    recipe: Annotated[str, Positional, tyro.conf.arg(metavar="RECIPE")]
    """name of the recipe"""
    raw: Annotated[Path, Positional, tyro.conf.arg(metavar="RAW")]
    """the raw files: a folder, or of the recipe `manifest` the table"""
    out: Annotated[Path, Positional, tyro.conf.arg(metavar="OUT")]
    """folder to fill"""
    jobs: int | None = None
    """processes; as many as there are cores if not given"""
    incomplete: Literal["skip", "keep"] = "skip"
    """a sample of which one modality cannot be read: skip it, or keep it without that modality"""
    settings: Settings[SettingsT]
    """of the recipe"""


def run(arguments: list[str]) -> int:
    """Prepare, and print what came of it."""
    name = leading_name(arguments, Options[NoSettings], "prepare", "colliculus prepare RECIPE RAW OUT [options]")

    from colliculus.corpus.prepare.build import prepare
    from colliculus.corpus.recipes import RECIPES

    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    options = _parse(arguments, RECIPES[name])
    jobs = (os.cpu_count() or 1) if options.jobs is None else options.jobs
    if jobs < 1:
        raise ColliculusError(f"--jobs is {jobs}: give at least 1 process")
    try:
        with console.progress("preparing") as progress:
            summary = prepare(
                options.settings,
                options.raw,
                options.out,
                jobs=jobs,
                incomplete=options.incomplete,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted: the same command goes on where it stopped") from None
    console.show(*_report(summary, options))
    return 0


def _parse(arguments: list[str], recipe: type[Any]) -> Options[Any]:
    default = Options(recipe=tyro.MISSING, raw=tyro.MISSING, out=tyro.MISSING, settings=recipe())
    return parse(Options[recipe], "prepare", arguments, default)


def _report(summary: Summary, options: Options[Any]) -> list[RenderableType]:
    rows = {
        "samples": f"{summary.samples:,}",
        "usable": f"{summary.usable:,}",
        **({"kept": f"{summary.kept:,} had been prepared before"} if summary.kept else {}),
        **({"problems": f"{sum(summary.problems.values()):,}"} if summary.problems else {}),
    }
    out = options.out
    folder = quote(str(out))
    return [
        console.facts("Prepared", rows),
        *(f"  {count:,} x {kind}, such as: {summary.example[kind]}" for kind, count in summary.problems.items()),
        *_remarks(summary, options.incomplete),
        f"The data lie in {out}; manifest.csv there tells of every sample. Next:",
        f"  colliculus train s-cmrl-prepared --data.root {folder} --out RUN",
    ]


def _remarks(summary: Summary, incomplete: Literal["skip", "keep"]) -> list[str]:
    """What else the user should know of the samples: what is cut, what they lack, and how to mend that."""
    told = [f"  {count:,} x kept without {modality}" for modality, count in summary.kept_without.items()]
    if incomplete == "skip" and any(kind in _LACKS for kind in summary.problems):
        told.append(
            "Clips without sound or picture are left out; --incomplete keep, into a new OUT, keeps what they have."
        )
    if summary.problems:
        told.append("Repair or replace the files with problems, and the same command takes them in.")
    told += [
        f"{longer:,} of {clips:,} clips are longer than {length_s:g} s: the rest of their sound is cut"
        for longer, clips, length_s in summary.cut.values()
    ]
    if summary.passed_over:
        endings = ", ".join(f"{count:,} x {ending}" for ending, count in summary.passed_over.items())
        told.append(f"Files of kinds that are not taken were passed over: {endings}.")
    return told
