"""Exports of every preset's method at small width, compared with PyTorch, and the time of one clip.

    python benchmarks/deploy.py --into docs/deploy.md

Networks of random weights that fire much, on noise: a spike that flips is seen. Times are those of the
processor for one clip on one thread: the median of 30, the programs taking turns.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from energy import SPEC, firing
from latency import latency
from study import Tables, markdown

import colliculus as cl
from colliculus.data.dataset import Normalisation
from colliculus.export.nir.target import Rest, ToNIR
from colliculus.export.onnx.target import ToONNX
from colliculus.export.pt2_target import ToPT2
from colliculus.presets import PRESETS
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.run import MODEL_FILE, Run, write_run
from colliculus.runs.weights import save_weights
from colliculus.types import DataSpec

DATA = "-synthetic"
NAMES = tuple(name.removesuffix(DATA) for name in PRESETS if name.endswith(DATA))
CLIPS = 32
MOVING = replace(SPEC, steps={"audio": 4, "visual": 4})
"""Clips with a frame for each step."""


@dataclass(frozen=True, kw_only=True)
class Settings(Tables):
    """Presets to export."""

    presets: tuple[str, ...] = NAMES
    """Names without those of their data, for the exactness of every target."""
    timed: tuple[str, ...] = ("late-fusion", "cmci", "tectum", "taaf", "s-cmrl")
    """Those whose latency is measured; none leaves that table out."""


def run_of(name: str, folder: Path, spec: DataSpec = SPEC) -> cl.TrainedRun:
    """A run whose network fires; its data are noise."""
    method = replaced(cl.preset(f"{name}{DATA}"), {"method.dim": 16}).method
    model, _ = firing(method, spec)
    run = Run(
        preset=name,
        experiment=Experiment(method=method, data=cl.preset("late-fusion-arrays").data, preset=name),
        spec=spec,
        normalisation=Normalisation(mean={}, std={}),
        protocol="none",
        fingerprint="0",
    )
    save_weights(model, folder / MODEL_FILE)
    write_run(folder, run)
    return cl.load(folder, "cpu")


def row(name: str) -> dict[str, str]:
    """The exports of a preset's method."""
    with tempfile.TemporaryDirectory() as folder:
        run = run_of(name, Path(folder))
        try:
            onnx, pt2 = (cl.export(run, to=target(check=CLIPS)) for target in (ToONNX, ToPT2))
        except cl.ColliculusError as refusal:
            return cells(name, [f"refused: {refusal}", *[""] * 3])
        nir = in_nir(run)
        size = Path(onnx.out).stat().st_size
    checks = [exported.checks[0] for exported in (onnx, pt2)]
    found = [f"{check.difference:.1e}, {check.differing} of {check.compared}" for check in checks]
    return cells(name, [*found, nir, f"{size / 1e6:.2f}"])


def timed(name: str) -> dict[str, str]:
    """The latency of a preset's method."""
    with tempfile.TemporaryDirectory() as folder:
        return latency(name, run_of(name, Path(folder), MOVING))


def in_nir(run: cl.TrainedRun) -> str:
    """How much of a network NIR can say, and how many spikes differ."""
    forms: dict[str, Rest] = {"whole": "nir", "encoders": "onnx"}
    for form, rest in forms.items():
        try:
            check = cl.export(run, to=ToNIR(rest=rest, check=CLIPS)).checks[0]
        except cl.ColliculusError:
            continue
        return f"{form}: {check.differing} of {check.compared:,} spikes"
    return "nothing"


def cells(name: str, values: Sequence[str]) -> dict[str, str]:
    """Cells by heading."""
    headings = ("ONNX", "pt2", "NIR", "ONNX, MB")
    return {"preset": name, **dict(zip(headings, values, strict=False))}


def main(settings: Settings) -> None:
    """Export and write the table."""
    torch.set_num_threads(1)
    if settings.presets:
        settings.publish("deploy", markdown([row(name) for name in settings.presets]))
    if settings.timed:
        settings.publish("latency", markdown([timed(name) for name in settings.timed]))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
