"""A small Tectum of three modalities, one of them static, for the tests of the method."""

from __future__ import annotations

import torch
from active import awake

from colliculus import DataSpec, Tectum
from colliculus.neurons import NeuronSettings

T, K = 4, 3
SPEC = DataSpec(
    channels={"audio": 1, "motion": 5, "visual": 3},
    sizes={"audio": (16, 16), "motion": (1, 20), "visual": (16, 24)},
    num_classes=K,
    steps={"motion": T, "visual": T},  # audio is static
)
EXCHANGES = ("joint", "attention", "mask", "none")
SMALL = Tectum(dim=16, context=1)  # a step for every frame
KINDS = {"graded": NeuronSettings(kind="graded"), "lif": NeuronSettings()}
LAYER = "fusion.join.layer"


def inputs(spec=SPEC, batch=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: 2 * torch.randn(spec.input_shape(m, batch), generator=generator) for m in spec.modalities}


def built(method=SMALL, spec=SPEC):
    """A network that fires, with readouts of some size."""
    torch.manual_seed(0)
    model = awake(method.model(spec), inputs(spec), current=0.6)
    with torch.no_grad():
        for p in model.head.parameters():
            p.normal_()
    return model


def answer(model, given_inputs):
    with torch.no_grad():
        return model(given_inputs)
