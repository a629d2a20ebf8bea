"""The smallest model, and one training step of it."""

from __future__ import annotations

import torch
from torch import nn

from colliculus.modulation import NoModulation
from colliculus.runtime import Runtime
from colliculus.training.step import TrainingStep
from colliculus.types import Output


class Linear(nn.Module):
    """The smallest model: logits of flattened inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, inputs):
        logits = self.layer(inputs["a"].flatten(1))
        return Output(logits, logits[None], {"a": logits[None]}, {"a": logits[None]})


def cross_entropy(output, labels):
    return {"task": nn.functional.cross_entropy(output.logits, labels)}


def make_step(model, **parts):
    defaults = {
        "objective": cross_entropy,
        "modulator": NoModulation(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "runtime": Runtime(device=torch.device("cpu")),
        "clip_norm": None,
    }
    return TrainingStep(model=model, **(defaults | parts))
