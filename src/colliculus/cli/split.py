"""`colliculus split`: a manifest divided into parts or folds, with related samples on one side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.class_table import class_table
from colliculus.cli.options import Switch, parse
from colliculus.records import console
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Divide a manifest, with every class in proportion and every group on one side.

    It is written again with a column `split`; the file that was read stays as it is.

    A manifest is a table (.csv, .jsonl or .parquet) with a row for each sample: `label`; for each modality a column of
    files, told from the manifest's folder (audio, visual, or any other name); and as you like `name`, `split`, `group`
    (what must stay together: a speaker, a recording), `stratum` (what to keep in proportion beside the class: the
    speaker's sex), `start` and `end` in seconds, `left_out` (why a sample is not used). Columns whose names begin with
    "#" are yours.

    With --fractions, OUT is one file. With --folds K there are K files, OUT with -fold-0 to -fold-K-1 before its
    ending, in each of which another part is the test. Samples that are left out get no split, and training with
    the split that the table tells (--data.protocol given) uses them nowhere; folds made in training (honest) test on
    them and do not train on them. `colliculus audit` tells whether identical files stand on both sides.
    """

    manifest: Annotated[Path, Positional, tyro.conf.arg(metavar="MANIFEST")]
    """the table to divide"""
    out: Annotated[Path, Positional, tyro.conf.arg(metavar="OUT")]
    """the table to write, in the same folder, since paths begin there; it must not exist"""
    fractions: tuple[float, ...] = ()
    """shares of train, validation and test, or of train and test: --fractions 0.7 0.1 0.2"""
    folds: int = 0
    """number of folds; each file has train and test, and training takes validation from train by whole groups"""
    group: str = "group"
    """column that tells what must stay together; one whose name begins with # will do"""
    seed: int = 0
    """decides who goes where"""
    json: Switch = False
    """print one JSON object"""


def run(arguments: list[str]) -> int:
    """Divide, write and print."""
    options = parse(Options, "split", arguments)

    from colliculus.corpus.divide import divide_manifest

    if bool(options.fractions) == bool(options.folds):
        raise ColliculusError("say how to divide: either --fractions 0.7 0.1 0.2 or --folds 5")
    divided = divide_manifest(
        options.manifest,
        options.out,
        fractions=options.fractions,
        folds=options.folds,
        group=options.group,
        seed=options.seed,
    )
    if not divided.groups:
        console.remark(f"no column {options.group!r} tells groups: related samples may stand on both sides")
    for path, classes in divided.untrained.items():
        if classes:
            console.remark(
                f"{path} tests classes that it does not train on: {', '.join(classes)}; they are of too few groups"
            )
    if options.json:
        console.show_json(
            {
                "files": [str(path) for path in divided.paths],
                "groups": divided.groups,
                "classes": {label: dict(counts) for label, counts in divided.balance.items()},
                "untrained": {str(path): list(classes) for path, classes in divided.untrained.items()},
            }
        )
    else:
        console.show(class_table(divided.balance), *(f"Written: {path}" for path in divided.paths))
    return 0
