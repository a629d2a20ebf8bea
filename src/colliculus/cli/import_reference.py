"""`colliculus import-reference`: make a run of a checkpoint of the released S-CMRL program."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from colliculus.cli.options import Settings, parse
from colliculus.export.reference_settings import ReferenceSettings
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make a run of a checkpoint of the released S-CMRL program (arXiv 2502.12488).

    Widths, channels, classes, the semantic branch and the kind of encoder are read from the tensors. The rest is given
    here, by the names of that program; wrong values (heads, alpha, steps) make wrong predictions. The defaults are
    those of the published experiments. Example, for MNIST-DVS with N-TIDIGITS:
    colliculus import-reference model_best.pth.tar runs/imported --time-steps 16 --sizes audio 28 28 visual 28 28
    """

    file: Annotated[Path, Positional, tyro.conf.arg(metavar="FILE")]
    """a training checkpoint with a `state_dict`; nothing in it is executed"""
    run: Annotated[Path, Positional, tyro.conf.arg(metavar="RUN")]
    """folder of the new run"""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """height and width of the inputs, such as --sizes audio 128 128 visual 128 128; left out, any"""
    dataset: Literal["arrays", "folder", "av-digits", "synthetic"] = "arrays"
    """kind of data that `evaluate` and `predict` will be given; inputs are not standardised"""
    settings: Settings[ReferenceSettings] = field(default_factory=ReferenceSettings)
    """settings that the tensors do not show"""


def run(arguments: list[str]) -> int:
    """Read the checkpoint, write the run, and print the recognised network."""
    options = parse(Options, "import-reference", arguments)

    from colliculus.export.reference_runs import import_run

    imported = import_run(
        options.file, options.run, settings=options.settings, sizes=options.sizes, dataset=options.dataset
    )
    console.show(imported.table())
    return 0
