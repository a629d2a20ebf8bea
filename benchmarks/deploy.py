"""Exports of every preset's method at small width, compared with PyTorch, and the time of one clip.

    python benchmarks/deploy.py --into docs/deploy.md

Networks of random weights that fire much, on noise: a spike that flips is seen. Times are of one clip on one thread:
the median of 20, the programs taking turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import tyro
from energy import SPEC, firing
from study import Tables, markdown

import colliculus as cl
from colliculus.data.dataset import Normalisation
from colliculus.export.comparison import answers
from colliculus.export.nir.target import Rest, ToNIR
from colliculus.export.onnx.target import ToONNX
from colliculus.export.onnx.write import answer_of
from colliculus.export.pt2_target import ToPT2
from colliculus.presets import PRESETS
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, write_run
from colliculus.runs.weights import save_weights

DATA = "-synthetic"
NAMES = tuple(name.removesuffix(DATA) for name in PRESETS if name.endswith(DATA))
ROUNDS, CLIPS = 20, 32


@dataclass(frozen=True, kw_only=True)
class Settings(Tables):
    """Presets to export."""

    presets: tuple[str, ...] = NAMES
    """Names without those of their data."""


def run_of(name: str, folder: Path) -> cl.TrainedRun:
    """A run whose network fires; its data are noise."""
    method = replaced(cl.preset(f"{name}{DATA}"), {"method.dim": 16}).method
    model, _ = firing(method)
    run = Run(
        preset=name,
        experiment=Experiment(method=method, data=cl.preset("late-fusion-arrays").data, preset=name),
        spec=SPEC,
        normalisation=Normalisation(mean={}, std={}),
        protocol="none",
        fingerprint="0",
    )
    save_weights(model, folder / MODEL_FILE)
    write_run(folder, run)
    return cl.load(folder, "cpu")


def milliseconds(programs: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Median time of each program, in turns."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            start = time.perf_counter()
            program()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: median(found) for name, found in times.items()}


def row(name: str) -> dict[str, str]:
    """The exports of a preset's method."""
    with tempfile.TemporaryDirectory() as folder:
        run = run_of(name, Path(folder))
        try:
            onnx, pt2 = (cl.export(run, to=target(check=CLIPS)) for target in (ToONNX, ToPT2))
        except cl.ColliculusError as refusal:
            return cells(name, [f"refused: {refusal}", *[""] * 5])
        nir = in_nir(run)
        clip = {m: torch.randn(SPEC.input_shape(m, 1)) for m in run.model.modalities}
        runtime, size = answer_of(Path(onnx.out).read_bytes()), Path(onnx.out).stat().st_size
        times = milliseconds({"torch": lambda: answers(run.model, clip), "onnx": lambda: runtime(clip)})
    checks = [exported.checks[0] for exported in (onnx, pt2)]
    found = [f"{check.difference:.1e}, {check.differing} of {check.compared}" for check in checks]
    return cells(name, [*found, nir, f"{size / 1e6:.2f}", f"{times['torch']:.1f}", f"{times['onnx']:.1f}"])


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
    headings = ("ONNX", "pt2", "NIR", "ONNX, MB", "ms, PyTorch", "ms, onnxruntime")
    return {"preset": name, **dict(zip(headings, values, strict=False))}


def main(settings: Settings) -> None:
    """Export and write the table."""
    torch.set_num_threads(1)
    settings.publish("deploy", markdown([row(name) for name in settings.presets]))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
