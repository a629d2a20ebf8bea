"""`colliculus import-reference`: a checkpoint of the released S-CMRL program becomes a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from colliculus.cli.options import Settings, parse
from colliculus.export.reference_settings import ReferenceSettings
from colliculus.records import console
from colliculus.types import ColliculusError, DataSpec

if TYPE_CHECKING:
    from colliculus.methods.spiking_transformer import SpikingTransformer
    from colliculus.runs.run import Run

IMPORTED = "imported"
UNUSED_FILE = "never_acting.safetensors"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make a run of a checkpoint of the released S-CMRL program (arXiv 2502.12488).

    Widths, channels, classes, the semantic branch and the kind of encoder are read off the tensors; the rest is told
    here, by the names of that program, and where it is told wrongly (heads, alpha, steps) the network answers wrongly.
    The defaults are those of the published experiments. Example, for MNIST-DVS with N-TIDIGITS:
    colliculus import-reference model_best.pth.tar runs/imported --time-steps 16 --sizes audio 28 28 visual 28 28
    """

    file: Annotated[Path, Positional, tyro.conf.arg(metavar="FILE")]
    """a training checkpoint with a `state_dict`; nothing in it is run"""
    run: Annotated[Path, Positional, tyro.conf.arg(metavar="RUN")]
    """folder of the new run"""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """height and width of the inputs, such as --sizes audio 128 128 visual 128 128; left out, any"""
    dataset: Literal["arrays", "folder", "av-digits", "synthetic"] = "arrays"
    """kind of data that `evaluate` and `predict` will be given; inputs are not standardised"""
    settings: Settings[ReferenceSettings] = field(default_factory=ReferenceSettings)
    """what the tensors do not tell"""


def run(arguments: list[str]) -> int:
    """Read, recognise, write, and say what was found."""
    options = parse(Options, "import-reference", arguments)
    if options.run.exists() and (not options.run.is_dir() or any(options.run.iterdir())):
        raise ColliculusError(f"{options.run} is not empty: choose another folder for the run")

    from colliculus.export.reference import fill, unused_parameters
    from colliculus.export.reference_files import read_checkpoint
    from colliculus.export.reference_methods import recognise
    from colliculus.runs.run import MODEL_FILE, write_run
    from colliculus.runs.weights import save_tensors, save_weights

    tensors = read_checkpoint(options.file)
    method, spec = recognise(tensors, options.settings, options.sizes)
    model = fill(method.model(spec), tensors)
    unread = unused_parameters(model)
    save_weights(model, options.run / MODEL_FILE)
    save_tensors(unread, options.run / UNUSED_FILE)
    write_run(options.run, _run_of(method, spec, options))  # last: a folder with it is whole
    console.show(console.facts(f"{options.run}", _facts(method, spec, unread)))
    return 0


def _run_of(method: SpikingTransformer, spec: DataSpec, options: Options) -> Run:
    from colliculus.data import DATASETS
    from colliculus.data.dataset import Normalisation
    from colliculus.runs.experiment import Experiment
    from colliculus.runs.run import Run

    return Run(
        preset=IMPORTED,
        experiment=Experiment(method=method, data=DATASETS[options.dataset]()),
        spec=spec,
        normalisation=Normalisation(mean={}, std={}),
        protocol="imported from a reference checkpoint",
        fingerprint="",
    )


def _facts(method: SpikingTransformer, spec: DataSpec, unread: Iterable[str]) -> Mapping[str, str]:
    layers = dict.fromkeys(re.sub(r"\.\d+\b", ".*", name.rpartition(".")[0]) for name in unread)
    return {
        "method": f"{method.name}, D = {method.dim}, T = {method.time_steps}, {method.encoder} encoder",
        "inputs": "; ".join(f"{m} ({spec.frame(m)})" for m in spec.modalities),
        "classes": str(spec.num_classes),
        "unused parameters": f"{', '.join(layers)}: kept in {UNUSED_FILE} for the way back",
    }
