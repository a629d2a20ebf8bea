"""Recorded numbers of the reference S-CMRL program."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"


@dataclass
class Recording:
    """What the reference computed at one T: outputs and losses, gradients, statistics after a step, spike counts."""

    spikes: dict[str, dict[str, int]]
    order: list[str]
    without_gradient: list[str]
    outputs: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    samples: dict[str, Tensor] = field(default_factory=dict)
    statistics: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Case:
    """A recorded network: how it was built, weights by their names there, inputs (B, T, C, H, W), numbers by T.

    `seed` stood before every forward that draws at random.
    """

    name: str
    arguments: dict[str, Any]
    weights: dict[str, Tensor]
    inputs: dict[str, Tensor]
    labels: Tensor
    recordings: dict[int, Recording]
    seed: int | None

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
    recordings = {steps: recording_of(meta["per_T"][str(steps)]) for steps in meta["T"]}
    for key, value in stored.items():
        place, _, rest = key.partition("/")
        if place == "sd":
            exponent = meta["weight_exp"].get(rest)
            weights[rest] = value if exponent is None else value.float() * 2.0**-exponent
        elif place == "in" and not rest.startswith("sca_"):  # those are what the seed draws
            inputs[rest.removesuffix("_q")] = value.float() * meta["input_scale"] if rest.endswith("_q") else value
        elif place != "in":
            put(recordings[int(place[1:])], rest, value, meta["per_T"][place[1:]])
    labels = inputs.pop("target")
    if meta["builder"] == "build_unimodal":
        heard_or_seen = name.removeprefix("uni_")
        inputs = {heard_or_seen: inputs[heard_or_seen]}
    return Case(name, meta["build_args"], weights, inputs, labels, recordings, meta["sca_seed"])


def recording_of(numbers: dict[str, Any]) -> Recording:
    return Recording(
        spikes={mode: numbers[f"spikes_{mode}"] for mode in ("eval", "train")},
        order=numbers["order"],
        without_gradient=numbers["no_grad_params"],
    )


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
