"""Accumulates of a forward pass, counted by us and by SpikingJelly, for every method.

    pip install --no-deps spikingjelly==2.0.0 loguru
    python benchmarks/energy.py

SpikingJelly counts whatever passes PyTorch's dispatcher (its SynOpCounter), ours by layer (evaluation/energy), so that
the two share neither code nor way. Networks of random weights that fire much, on random clips.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib.util import find_spec
from typing import Any

import torch
import tyro
from study import Tables, markdown
from torch import Tensor, nn

from colliculus.evaluation.energy.count import count
from colliculus.methods import METHODS
from colliculus.model import MultimodalSNN
from colliculus.runs.experiment import Method
from colliculus.types import DataSpec

SPEC = DataSpec(
    channels={"audio": 1, "visual": 3},
    sizes={"audio": (32, 32), "visual": (32, 32)},
    num_classes=4,
    steps={"visual": 3},
)
SMALL: dict[str, Any] = {"dim": 16, "heads": 4, "time_steps": 3}
NUM_CLIPS, WARM_UP = 4, 20


def lively(name: str) -> tuple[MultimodalSNN, Mapping[str, Tensor]]:
    """A network of a method whose layers fire, and clips."""
    kind = METHODS[name]
    known = {field.name for field in fields(kind)}
    return firing(kind(**{key: value for key, value in SMALL.items() if key in known}))


def firing(method: Method, spec: DataSpec = SPEC) -> tuple[MultimodalSNN, Mapping[str, Tensor]]:
    """A network whose layers fire, and clips."""
    torch.manual_seed(0)
    model = method.model(spec)
    clips = {m: 3 * torch.randn(spec.input_shape(m, NUM_CLIPS)) for m in model.modalities}
    with torch.no_grad():
        for _ in range(WARM_UP):  # statistics of the normalisations
            model(clips)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.bias, 1.0, 0.7)
    return model.eval(), clips


def theirs(model: MultimodalSNN, clips: Mapping[str, Tensor]) -> int:
    """SpikingJelly's count."""
    from spikingjelly.activation_based.op_counter.base import DispatchCounterMode
    from spikingjelly.activation_based.op_counter.synop import SynOpCounter

    counter = SynOpCounter()
    with DispatchCounterMode([counter]), torch.no_grad():
        model(clips)
    return int(counter.get_total())


def row(name: str) -> dict[str, str]:
    """Both counts of a method."""
    model, clips = lively(name)
    ours = round(sum(layer.ac for layer in count(model, [clips]).layers))
    other = theirs(model, clips)
    return {
        "method": name,
        "accumulates, ours": f"{ours:,}",
        "SynOps, SpikingJelly": f"{other:,}",
        "difference": "none" if ours == other else f"{100 * (other / ours - 1):+.2f} %",
    }


def main(settings: Tables) -> None:
    """Count and write the table."""
    if find_spec("spikingjelly") is None:
        sys.exit("SpikingJelly is not installed: pip install --no-deps spikingjelly==2.0.0 loguru")
    settings.publish("counters", markdown([row(name) for name in METHODS]))


if __name__ == "__main__":
    main(tyro.cli(Tables, description=__doc__))
