"""The folder of an export to NIR: graphs, `graph.json`, and the checks of what was written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import torch

from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.nir.check import Compared, coded, compare, run_parts
from colliculus.export.nir.clips import clips_of
from colliculus.export.nir.graph import nir_package
from colliculus.export.nir.layers import NotInNIRError
from colliculus.export.nir.parts import Part, Settings, coded_shape, coding_of, token_parts, whole_parts
from colliculus.export.nir.target import ToNIR
from colliculus.export.target import Artifact, Check
from colliculus.files.documents import package_version, to_plain
from colliculus.methods import SCMRL, Tectum
from colliculus.records.console import percent
from colliculus.types import ColliculusError

RARE = 1_000_000
"""Spikes of which one may differ: folding a BatchNorm moves a membrane by its last digit, and some lie at the
threshold."""
CLOSE = 1e-4
"""Largest difference of logits where every spike is equal."""


def write_folder(run: TrainedRun, out: Path, target: ToNIR) -> Artifact:
    """Write the graphs of a run and `graph.json` to the new folder `out`, and check them.

    Raises:
        ColliculusError: NIR cannot say this network, or the package `nir` is not installed.
    """
    nir = nir_package()
    settings = Settings(
        steps=run.time_steps, dt=target.dt, pool=target.pool, bits=target.bits, stacked=target.inputs == "stacked"
    )
    parts = _parts(run, settings, target)
    out.mkdir()
    for part in parts:
        nir.write(out / f"{part.name}.nir", part.graph)
    (out / "graph.json").write_text(json.dumps(_description(run, parts, target), indent=2) + "\n", encoding="utf-8")
    read = [replace(part, graph=nir.read(out / f"{part.name}.nir")) for part in parts]
    holds = {"graphs": ", ".join(f"{part.name}.nir, {len(part.graph.nodes)} nodes" for part in parts)}
    if target.bits is not None:
        holds["weights"] = f"{target.bits} bits, {_loss(run, read, target)}"
        read = _parts(run, replace(settings, bits=None), target)
    return Artifact(holds=holds, checks=(_check(run, read, target),))


def _parts(run: TrainedRun, settings: Settings, target: ToNIR) -> list[Part]:
    """The graphs.

    Raises:
        ColliculusError: NIR cannot say them, with the reason and another way.
    """
    try:
        return whole_parts(run.model, settings) if target.rest == "nir" else token_parts(run.model, settings)
    except NotInNIRError as error:
        method = run.experiment.method
        ways = ["export with --to onnx"]
        if target.rest == "nir" and _can_say_tokens(run, settings):
            ways.append("write the encoders alone with --rest none")
        ways += {
            SCMRL: ["train with --method.cross-attention mask"],
            Tectum: ["train with --method.exchange mask"],
        }.get(type(method), [])
        raise ColliculusError(f"{method.name} {error}, which NIR cannot say: {', or '.join(ways)}") from error


def _can_say_tokens(run: TrainedRun, settings: Settings) -> bool:
    try:
        token_parts(run.model, settings)
    except NotInNIRError:
        return False
    return True


def _check(run: TrainedRun, parts: Sequence[Part], target: ToNIR) -> Check:
    """Compare the spikes of every neuron, and the logits, with those of PyTorch."""
    clips = clips_of(run, target.check)
    found: Compared = reduce(add, (compare(run.model, parts, batch.inputs, target.dt) for batch in clips.batches()))
    close = found.differing > 0 or (found.logits or 0) <= CLOSE
    what = "spikes" if target.bits is None else "spikes, before the weights are rounded,"
    return Check(
        passed=found.differing * RARE <= found.spikes and not found.others and close,
        sentence=(
            f"{found.differing:,} of {found.spikes:,} {what} differ from those of PyTorch on {found.clips} "
            f"{clips.source}, and {found.others} are in another class"
        ),
        difference=found.logits,
        compared=found.spikes,
        differing=found.differing,
    )


@torch.no_grad()
def _loss(run: TrainedRun, parts: Sequence[Part], target: ToNIR) -> str:
    """How rounded weights decide, beside the network, on the whole test part."""
    clips, counts = clips_of(run, None), torch.zeros(4, dtype=torch.long)
    for batch in clips.batches():
        step_logits, _ = run_parts(parts, coded(run.model, batch.inputs), target.dt)
        assert step_logits is not None, "bits are refused without the rest"  # noqa: S101
        ours, rounded = run.model(batch.inputs).logits.argmax(1), step_logits.mean(0).argmax(1)
        equal = (batch.labels == batch.labels, ours == batch.labels, rounded == batch.labels, ours != rounded)
        counts += torch.stack(equal).sum(1)
    count, before, after, moved = counts.tolist()
    if not clips.labelled:
        return f"{moved} of {count} {clips.source} in another class than with float32"
    return f"{percent(after / count)} of {count} {clips.source} correct, {percent(before / count)} with float32"


def _description(run: TrainedRun, parts: Sequence[Part], target: ToNIR) -> dict[str, Any]:
    """The contents of `graph.json`."""
    model, spec = run.model, run.run.spec
    return {
        "colliculus": package_version(),
        "preset": run.run.preset,
        "method": run.experiment.method.name,
        "class_names": list(spec.names),
        "time_steps": run.time_steps,
        "dt": target.dt,
        "pool": target.pool,
        "bits": target.bits,
        "normalisation": to_plain(run.run.normalisation),
        "inputs": {m: {"shape": coded_shape(model, m), "coding": coding_of(model, m)} for m in model.modalities},
        "graphs": [
            {
                "file": f"{part.name}.nir",
                "takes": "tokens" if part.of_tokens else "inputs",
                "stacked": list(part.takes),
                "gives": part.gives,
                "shape": list(part.shape),
            }
            for part in parts
        ],
        "decision": "at each step add all logits and shares; their mean over the steps decides",
    }
