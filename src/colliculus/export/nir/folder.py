"""The folder of an export to NIR: graphs, `graph.json`, and the checks of what was written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from colliculus.evaluation.inference import inference_mode
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.clips import Clips, clips_of, standardised
from colliculus.export.nir.check import GraphComparison, coded, compare, run_parts
from colliculus.export.nir.graph import nir_package
from colliculus.export.nir.layers import NotInNIRError
from colliculus.export.nir.parts import GraphPart, Settings, coded_shape, coding_of, token_parts, whole_parts
from colliculus.export.nir.rest import rest_of, write_rest_onnx
from colliculus.export.nir.target import ToNIR
from colliculus.export.target import Artifact, Check
from colliculus.files.documents import package_version, to_plain
from colliculus.methods import SCMRL, Tectum
from colliculus.records.console import percent
from colliculus.types import ColliculusError

BATCH = 8
"""Clips that are compared at once."""


def write_folder(run: TrainedRun, out: Path, target: ToNIR) -> Artifact:
    """Write the graphs of a run and `graph.json` to the new folder `out`, and check them.

    Raises:
        ColliculusError: NIR cannot say this network, or a package is not installed.
    """
    nir = nir_package()
    settings = Settings(dt=target.dt, pool=target.pool, bits=target.bits, stacked=target.form == "whole")
    parts = _parts(run, settings, target)
    out.mkdir()
    for part in parts:
        nir.write(out / f"{part.name}.nir", part.graph)
    (out / "graph.json").write_text(json.dumps(_description(run, parts, target), indent=2) + "\n", encoding="utf-8")
    read = [replace(part, graph=nir.read(out / f"{part.name}.nir")) for part in parts]
    holds = {"graphs": ", ".join(f"{part.name}.nir ({len(part.graph.nodes)} nodes)" for part in parts)}
    if target.bits is not None:
        holds["weights"] = f"{target.bits} bits: {_loss(run, read, target)}"
        read = _parts(run, replace(settings, bits=None), target)
    clips = clips_of(run, run.model.modalities, target.check)
    checks = [_check(run, read, clips, target)]
    if target.rest == "onnx":
        checks.append(write_rest_onnx(run, read, clips, target.dt, out / "rest.onnx"))
    return Artifact(holds=holds, checks=tuple(checks))


def _parts(run: TrainedRun, settings: Settings, target: ToNIR) -> list[GraphPart]:
    """The graphs.

    Raises:
        ColliculusError: NIR cannot say them, with the reason and other ways.
    """
    try:
        return whole_parts(run.model, settings) if target.rest == "nir" else token_parts(run.model, settings)
    except NotInNIRError as error:
        method = run.experiment.method
        ways = ["export all of it with --to onnx"]
        if target.rest == "nir" and _begins_in_nir(run, settings):
            ways.append("the encoders to NIR and the rest to ONNX with --rest onnx")
        masks = {SCMRL: "--method.cross-attention mask", Tectum: "--method.exchange mask"}
        if type(method) in masks:
            ways.append(f"train with {masks[type(method)]}")
        raise ColliculusError(f"{method.name} {error}, which NIR cannot say: {', or '.join(ways)}") from error


def _begins_in_nir(run: TrainedRun, settings: Settings) -> bool:
    """True if NIR can say the beginnings of all encoders."""
    try:
        token_parts(run.model, settings)
    except NotInNIRError:
        return False
    return True


def _check(run: TrainedRun, parts: Sequence[GraphPart], clips: Clips, target: ToNIR) -> Check:
    """Compare the spikes of every neuron, and the logits, with those of PyTorch."""
    inputs = standardised(run.run.normalisation, clips.inputs)
    batches = ({m: x[..., i : i + BATCH, :, :, :] for m, x in inputs.items()} for i in range(0, len(clips), BATCH))
    found: GraphComparison = reduce(add, (compare(run.model, parts, batch, target.dt) for batch in batches))
    what = "spikes" if target.bits is None else "spikes, before the weights are rounded,"
    begun = sum(found.rounded.values())
    why = f" ({begun:,} by rounding, the others follow from these)" if found.differing else ""
    return Check(
        passed=found.equal,
        sentence=(
            f"{found.differing:,} of {found.total:,} {what} differ from those of PyTorch{why} on {found.clips} clips "
            f"{clips.origin}, {found.others or 'none'} in another class"
        ),
        difference=found.logits,
        compared=found.total,
        differing=found.differing,
    )


def _loss(run: TrainedRun, parts: Sequence[GraphPart], target: ToNIR) -> str:
    """Accuracy on all test clips with rounded weights, and with the network's own."""
    try:
        split = run.part("test")
    except ColliculusError:
        return "the loss of accuracy cannot be measured without the data"
    rounded, ours = 0, 0
    for start in range(0, len(split), BATCH):
        batch = split.batch(np.arange(start, min(start + BATCH, len(split))), epoch=0)
        rounded += int((_decided(run, parts, batch.inputs, target) == batch.labels).sum())
        with inference_mode(run.model):
            ours += int((run.model(batch.inputs).logits.argmax(1) == batch.labels).sum())
    shares = percent(rounded / len(split)), percent(ours / len(split))
    return f"{shares[0]} of {len(split)} test clips correct, {shares[1]} with float32"


def _decided(run: TrainedRun, parts: Sequence[GraphPart], inputs: dict[str, Tensor], target: ToNIR) -> Tensor:
    """Classes (B,) that the graphs give, where they end in tokens with the rest of the network."""
    with inference_mode(run.model):
        ran = run_parts(parts, coded(run.model, inputs), target.dt)
        if ran.step_logits is not None:
            return ran.step_logits.mean(0).argmax(1)
        found: Tensor = rest_of(run.model, parts)(ran.tokens).logits
    return found.argmax(1)


def _description(run: TrainedRun, parts: Sequence[GraphPart], target: ToNIR) -> dict[str, Any]:
    """The contents of `graph.json`; no path of this machine is among them."""
    model = run.model
    graphs = [
        {
            "file": f"{part.name}.nir",
            "takes": "tokens" if part.of_tokens else "inputs",
            "stacked": list(part.takes),
            "gives": part.gives,
            "shape": list(part.shape),
        }
        for part in parts
    ]
    rest = {"rest": {"file": "rest.onnx", "takes": "tokens", "gives": "logits"}} if target.rest == "onnx" else {}
    return {
        "version": package_version(),
        "preset": run.run.preset,
        "method": run.experiment.method.name,
        "class_names": list(run.run.spec.names),
        "time_steps": run.time_steps,
        "dt": target.dt,
        "pool": target.pool,
        "bits": target.bits,
        "normalisation": to_plain(run.run.normalisation),
        "inputs": {m: {"shape": coded_shape(model, m), "coding": coding_of(model, m)} for m in model.modalities},
        "graphs": graphs,
        **rest,
        "decision": "at each step add all logits and shares; the mean over the steps decides",
    }
