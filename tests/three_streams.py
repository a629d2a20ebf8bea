"""Inputs of three modalities for any method, and a network of them that fires."""

from __future__ import annotations

import torch
from active import awake

from colliculus import DataSpec

SPEC = DataSpec(
    channels={"audio": 1, "visual": 3, "touch": 2},
    sizes={"audio": (20, 33), "visual": (32, 32), "touch": (16, 16)},
    num_classes=5,
)


def inputs(batch=2, steps=None, spec=SPEC):
    generator = torch.Generator().manual_seed(0)
    ahead = () if steps is None else (steps,)
    return {
        m: torch.randn(*ahead, batch, spec.channels[m], *spec.sizes[m], generator=generator) for m in spec.modalities
    }


def active(method, batch=4):
    """A network whose spikes and logits differ from sample to sample, in eval mode, and inputs for it."""
    torch.manual_seed(0)
    given = inputs(batch=batch)
    model = awake(method.model(SPEC), given)
    assert model(given).logits.std(0).min() > 1e-3
    return model, given
