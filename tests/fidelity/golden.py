"""Recorded numbers of the reference S-CMRL program, and our parameter names under theirs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

HOME = Path(__file__).parent / "golden"

STAGES = {"0": "", "1": "1", "2": "2", "3": "3"}
NEURON_PARTS = {"linear": "conv", "conv": "conv", "norm": "bn", "neuron": "lif"}
ATTENTION = {"query": "q", "key": "k", "value": "v", "project": "proj"}


@dataclass
class Recording:
    """One case at one T: what the reference computed."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    statistics: dict[str, Tensor] = field(default_factory=dict)
    spikes: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass
class Case:
    """One recorded network: how it was built, its weights, inputs and numbers for every T."""

    arguments: dict[str, Any]
    weights: dict[str, Tensor]
    inputs: dict[str, Tensor]
    labels: Tensor
    recordings: dict[int, Recording]


def read_case(name: str) -> Case:
    """Read a golden file; integers times a power of two are stored for what is dyadic."""
    with safe_open(HOME / f"{name}.safetensors", "pt") as file:
        meta = json.loads(file.metadata()["json"])
        recordings = {t: Recording() for t in meta["T"]}
        weights: dict[str, Tensor] = {}
        inputs: dict[str, Tensor] = {}
        for key in file.keys():  # noqa: SIM118 (not a dict)
            place, _, rest = key.partition("/")
            value = file.get_tensor(key)
            if place == "sd":
                exponent = meta["weight_exp"].get(rest)
                weights[rest] = value if exponent is None else value.float() * 2.0**-exponent
            elif place == "in":
                quantised = rest.endswith("_q")
                inputs[rest.removesuffix("_q")] = value.float() * meta["input_scale"] if quantised else value
            else:
                _file_away(recordings[int(place[1:])], rest, value, meta["per_T"][place[1:]])
    for steps, recording in recordings.items():
        numbers = meta["per_T"][str(steps)]
        recording.spikes = {mode: numbers[f"spikes_{mode}"] for mode in ("eval", "train")}
    return Case(meta["build_args"], weights, inputs, inputs.pop("target"), recordings)


def _file_away(recording: Recording, key: str, value: Tensor, numbers: dict[str, Any]) -> None:
    kind, _, name = key.partition("/")
    if kind == "grad16":
        recording.gradients[name] = value.float() * 2.0 ** -numbers["grad16_exp"][name]
    elif kind == "bn_after":
        recording.statistics[name] = value
    else:
        recording.tensors[key] = value


def reference_name(ours: str) -> str:
    """Our parameter, buffer or layer name under the reference's, for a model with audio and visual."""
    modality, block = ("audio", "0") if re.search(r"\.audio(_from_visual)?(\.|$)", ours) else ("visual", "1")
    parts = ours.split(".")
    if parts[0] == "head":
        return f"head.{parts[-1]}"
    if "stages" in parts or "position" in parts:
        leaf = parts[parts.index("stages") + 2 :] if "stages" in parts else parts[parts.index("position") + 1 :]
        number = STAGES[parts[parts.index("stages") + 1]] if "stages" in parts else ""
        stem = "proj" if "stages" in parts else "rpe"
        return ".".join([f"{modality}_patch_embed", f"{stem}_{NEURON_PARTS[leaf[0]]}{number}", *leaf[1:]])
    if "expand" in parts or "contract" in parts:
        place = parts.index("expand") if "expand" in parts else parts.index("contract")
        layer = "fc1" if parts[place] == "expand" else "fc2"
        return ".".join([f"mlp.{block}.mlp", f"{layer}_{NEURON_PARTS[parts[place + 1]]}", *parts[place + 2 :]])
    if "semantic" in parts:
        return ".".join([f"block.{block}", {"linear": "trans_linear", "neuron": "trans_lif"}[parts[3]], *parts[4:]])
    branch = [f"{b}_attn" for b in ("spatial", "temporal") if b in parts and _both(parts)]
    layer = parts[4:]
    name = "attn_lif" if layer[0] == "neuron" else f"{ATTENTION[layer[0]]}_{NEURON_PARTS[layer[1]]}"
    return ".".join([f"block.{block}.attn", *branch, name, *layer[2:]])


def _both(parts: list[str]) -> bool:
    return "alone" not in parts
