"""Recorded numbers of the reference S-CMRL program, and our names under theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"
BRICK = {"conv": "conv", "linear": "conv", "norm": "bn", "neuron": "lif"}
PROJECTION = {"query": "q", "key": "k", "value": "v", "project": "proj"}
FEED_FORWARD = {"expand": "fc1", "contract": "fc2"}
SEMANTIC = {"linear": "linear", "neuron": "lif"}


@dataclass
class Recording:
    """What the reference computed at one T: outputs and losses, gradients, statistics after a step, spike counts."""

    spikes: dict[str, dict[str, int]]
    outputs: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    samples: dict[str, Tensor] = field(default_factory=dict)
    statistics: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Case:
    """A recorded network: how it was built, weights by their names there, inputs (B, T, C, H, W), numbers by T."""

    name: str
    arguments: dict[str, Any]
    weights: dict[str, Tensor]
    inputs: dict[str, Tensor]
    labels: Tensor
    recordings: dict[int, Recording]

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.inputs)


@pytest.fixture
def read_case() -> Callable[[str], Case]:
    return read


def read(name: str) -> Case:
    """Dyadic tensors are stored as integers with an exponent of two."""
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        meta = json.loads(file.metadata()["json"])
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    weights, inputs = {}, {}
    recordings = {
        steps: Recording({mode: meta["per_T"][str(steps)][f"spikes_{mode}"] for mode in ("eval", "train")})
        for steps in meta["T"]
    }
    for key, value in stored.items():
        place, _, rest = key.partition("/")
        if place == "sd":
            exponent = meta["weight_exp"].get(rest)
            weights[rest] = value if exponent is None else value.float() * 2.0**-exponent
        elif place == "in":
            inputs[rest.removesuffix("_q")] = value.float() * meta["input_scale"] if rest.endswith("_q") else value
        else:
            put(recordings[int(place[1:])], rest, value, meta["per_T"][place[1:]])
    labels = inputs.pop("target")
    if meta["builder"] == "build_unimodal":
        heard_or_seen = name.removeprefix("uni_")
        inputs = {heard_or_seen: inputs[heard_or_seen]}
    return Case(name, meta["build_args"], weights, inputs, labels, recordings)


def put(recording: Recording, key: str, value: Tensor, numbers: dict[str, Any]) -> None:
    kind, _, name = key.partition("/")
    if kind == "grad16":
        recording.gradients[name] = value.float() * 2.0 ** -numbers["grad16_exp"][name]
    elif kind == "gsamp":
        recording.samples[name] = value
    elif kind == "bn_after":
        recording.statistics[name] = value
    elif kind in ("eval", "train"):
        recording.outputs[key] = value


@pytest.fixture
def reference_name() -> Callable[[str, Case], str]:
    return name_in_reference


def name_in_reference(ours: str, case: Case) -> str:
    """Our parameter, buffer or layer under the reference's name."""
    block = 1 if re.search(r"\.visual(_from_audio)?\b", ours) and len(case.modalities) > 1 else 0
    stem = "patch_embed" if len(case.modalities) == 1 else f"{('audio', 'visual')[block]}_patch_embed"
    mlp = f"block.{block}.mlp" if len(case.modalities) == 1 else f"mlp.{block}.mlp"
    both = case.arguments.get("attn_method") == "SpatialTemporal"
    rules: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"^head\.linear", lambda _: "head"),
        (r"^.*\bstages\.(\d)\.(\w+)", lambda m: f"{stem}.proj_{BRICK[m[2]]}{m[1] if m[1] != '0' else ''}"),
        (r"^.*\bposition\.(\w+)", lambda m: f"{stem}.rpe_{BRICK[m[1]]}"),
        (r"^.*\b(expand|contract)\.(\w+)", lambda m: f"{mlp}.{FEED_FORWARD[m[1]]}_{BRICK[m[2]]}"),
        (r"^fusion\.semantic\.\w+\.(\w+)", lambda m: f"block.{block}.trans_{SEMANTIC[m[1]]}"),
        (r"^fusion\.attention\.\w+\.(\w+)", lambda m: f"block.{block}.attn{f'.{m[1]}_attn' if both else ''}"),
        (r"^encoders\.\w+\.1\.attention", lambda _: f"block.{block}.attn"),
        (r"\.(query|key|value|project)\.(\w+)", lambda m: f".{PROJECTION[m[1]]}_{BRICK[m[2]]}"),
        (r"(attn)\.neuron$", lambda m: f"{m[1]}.attn_lif"),
    ]
    for pattern, replacement in rules:
        ours = re.sub(pattern, replacement, ours)
    return ours
