"""`colliculus prepare`: decode raw files into one folder of arrays, ready for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Generic, Literal

import tyro
from tyro.conf import Positional

from colliculus.cli.options import NoSettings, Settings, SettingsT, Switch, leading_name, parse
from colliculus.records import console
from colliculus.types import unknown_name


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Prepare raw files for training: decode them once, into one folder of arrays.

    RECIPE is folder (clips in one folder for each class), manifest (a table of your files), or the name of a public
    data set: crema-d, urbansound8k-av, ave, mnistdvs-ntidigits, nmnist-shd, kinetics-sounds, cifar10-av, utd-mhad.
    Each has its own settings: `colliculus prepare RECIPE --help`.

    An interrupted preparation continues when it is called again. Samples that cannot be read are left out, and
    `manifest.csv` says why.
    """

    recipe: Annotated[str, Positional, tyro.conf.arg(metavar="RECIPE")]
    """name of the recipe"""
    raw: Annotated[Path, Positional, tyro.conf.arg(metavar="RAW")]
    """the raw files: a folder, or the table for the recipe `manifest`"""
    out: Annotated[Path, Positional, tyro.conf.arg(metavar="OUT")]
    """folder to fill"""
    jobs: int | None = None
    """processes; as many as there are cores if not given; 0: only this one, which ends if a
    damaged file crashes its decoder"""
    incomplete: Literal["skip", "keep"] = "skip"
    """a sample with an unreadable modality: skip it, or keep it without that modality"""
    strict: Switch = False
    """leave out samples whose files are damaged in part, or end before their stated length, instead of naming them"""
    ray: str | None = None
    """decode on the machines of this Ray cluster, which see the raw files at the same paths: auto, HOST:6379 or
    ray://HOST:10001; local starts one on this machine; --jobs are then samples at a time"""
    shard_gb: float | None = None
    """no file of arrays is larger, in GB (2 if not given): a larger modality is kept in several files. A folder that
    was begun keeps its size"""
    settings: Settings[SettingsT]
    """settings of the recipe"""


def run(arguments: list[str]) -> int:
    """Prepare the data and print the counts."""
    name = leading_name(arguments, Options[NoSettings], "prepare", "colliculus prepare RECIPE RAW OUT [options]")

    from colliculus.corpus.prepare.build import prepare
    from colliculus.corpus.recipes import RECIPES

    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    options = _parse(arguments, RECIPES[name])
    try:
        with console.progress("preparing") as progress:
            preparation = prepare(
                options.settings,
                options.raw,
                options.out,
                jobs=options.jobs,
                incomplete=options.incomplete,
                strict=options.strict,
                ray=options.ray,
                shard_gb=options.shard_gb,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted: the same command continues where it stopped") from None
    console.show(
        preparation.table(),
        f"Next: colliculus train tectum-prepared --data.root {quote(str(options.out))} --out RUN",
    )
    return 0


def _parse(arguments: list[str], recipe: type[Any]) -> Options[Any]:
    default = Options(recipe=tyro.MISSING, raw=tyro.MISSING, out=tyro.MISSING, settings=recipe())
    return parse(Options[recipe], "prepare", arguments, default)
