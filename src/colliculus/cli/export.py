"""`colliculus export`: a trained run in the form another program reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colliculus.cli.import_reference import IMPORTED, UNUSED_FILE
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
    """Write the file and say where it is."""
    options = parse(Options, "export", arguments)

    from colliculus.export.reference import keep_unused, to_state_dict
    from colliculus.export.reference_files import checkpoint_bytes
    from colliculus.files.atomic import write_atomic
    from colliculus.runs.run import load_model, read_run
    from colliculus.runs.weights import read_tensors

    model = load_model(options.run)
    if read_run(options.run).preset == IMPORTED:
        unread = read_tensors(options.run / UNUSED_FILE, mend="import the checkpoint again")
        keep_unused(model, unread)
    tensors = to_state_dict(model)
    out = options.out or options.run / "reference.pth.tar"
    write_atomic(out, checkpoint_bytes(tensors))
    console.show(f"{out}: {len(tensors)} tensors under the reference's names")
    return 0
