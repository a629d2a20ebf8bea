"""`colliculus split`: divide a manifest into parts or folds, with related samples on one side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import Switch, parse
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options:
    """Divide a manifest, with every class in proportion and every group on one side.

    It is written again with a column `split`; the original file is not changed.

    A manifest is a table (.csv or .parquet) with one row per sample: `label`; a column of files for each modality
    (audio, visual, or any other name), with paths from the folder of the manifest; and optionally `name`, `split`,
    `group` (samples to keep together: a speaker, a recording), `stratum` (a second property to keep in proportion: the
    sex of the speaker), `start` and `end` in seconds, `left_out` (why a sample is not used). Columns whose names begin
    with "#" are ignored.

    With --fractions, OUT is one file. With --folds K there are K files, OUT with -fold-0 to -fold-K-1 before its
    ending, each with another fold as test. Samples that are left out get no split: training with the split of the
    table (--data.protocol given) ignores them, and folds made in training (group-disjoint) test on them and do not
    train on them. `colliculus audit` reports identical files on both sides.
    """

    manifest: Annotated[Path, Positional, tyro.conf.arg(metavar="MANIFEST")]
    """the table to divide"""
    out: Annotated[Path, Positional, tyro.conf.arg(metavar="OUT")]
    """the table to write, in the same folder, because paths start there; it must not exist"""
    fractions: tuple[float, ...] = ()
    """shares of train, validation and test, or of train and test: --fractions 0.7 0.1 0.2"""
    folds: int = 0
    """number of folds; each file has train and test, and training takes validation from train by whole groups"""
    group: str = "group"
    """column of groups to keep together; its name may begin with #"""
    seed: int = 0
    """seed of the assignment"""
    json: Switch = False
    """print one JSON object"""


def run(arguments: list[str]) -> int:
    """Divide the manifest, write the tables and print the counts."""
    options = parse(Options, "split", arguments)

    from colliculus.corpus.division import split

    division = split(
        options.manifest,
        options.out,
        fractions=options.fractions,
        folds=options.folds,
        group=options.group,
        seed=options.seed,
    )
    if options.json:
        for sentence in division.warnings:
            console.remark(sentence)
        console.show_json(division.to_dict())
    else:
        console.show(division.table())
    return 0
