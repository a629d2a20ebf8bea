"""Networks of every method, of many steps and resampled modalities, in which much fires."""

from __future__ import annotations

from functools import cache

import torch
from small_methods import read_by
from torch import nn

from colliculus.fusion import CrossModalSettings
from colliculus.methods import METHODS
from colliculus.neurons import NeuronSettings
from colliculus.types import DataSpec

T = 4
SPEC = DataSpec(
    channels={"audio": 1, "visual": 2, "touch": 1},
    sizes=dict.fromkeys(("audio", "visual", "touch"), (16, 16)),
    steps={"audio": 4, "visual": 6},  # touch stands still
    num_classes=4,
)
OWN_STEPS = {"modality_steps": {"visual": 6}}
CASES = {
    **{name: (name, {}) for name in METHODS},
    "s-cmrl, reference": ("s-cmrl", {"arithmetic": "reference"}),
    "sca, reference": ("sca", {"arithmetic": "reference"}),
    "s-cmrl, mask": ("s-cmrl", {"cross_attention": "mask", "heads": 16}),
    "s-cmrl, fed": ("s-cmrl", {"cross_modal": CrossModalSettings(dropout=0.0, scaled=True, capped=True)}),
    "late-fusion, weighted": ("late-fusion", {"readout": "weighted"}),
    "tectum, attention": ("tectum", {"exchange": "attention"}),
    "tectum, mask": ("tectum", {"exchange": "mask"}),
    "tectum, context": ("tectum", {"context": 3}),
    "taaf, context": ("taaf", {"context": 2, **OWN_STEPS}),
    "tectum, lif": ("tectum", {"neuron": NeuronSettings()}),
    "poisson": ("tectum-first", {"coding": "poisson"}),
    "interpolate": ("tectum-first", {"alignment": "interpolate", **OWN_STEPS}),
    "warp": ("tectum-first", {"alignment": "warp", **OWN_STEPS}),
    "clip-warp": ("taaf", {"alignment": "clip-warp", **OWN_STEPS}),
    "shared heads": ("taaf", {"heads": "shared"}),
    "cmqka, last": ("cmqka", {"stages": "last", "encoder": "shallow"}),
    "conv": ("tectum-first", {"alignment": "conv", **OWN_STEPS}),
    "identity": ("taaf", {"alignment": "identity", "apply_to": "features"}),
    "gate": ("taaf", {"apply_to": "gate", "score_reduction": "max", **OWN_STEPS}),
}


@cache
def made(case):
    """A method, and a network of it in which much fires and the alignments are far from their start."""
    name, changes = CASES[case]
    settings = {"dim": 16, "heads": 4, "time_steps": T, "encoder": "shallow", "context": 1}
    method = METHODS[name](**read_by(METHODS[name], settings) | changes)
    torch.manual_seed(0)
    model = method.model(SPEC)
    with torch.no_grad():
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.momentum = 1.0  # the statistics of one batch, given below
                if norm.affine:
                    norm.weight.fill_(2.0)
                    norm.bias.fill_(0.5)
        for key, value in model.named_parameters():
            if "head" in key:
                value.normal_()
            if "alignments" in key:
                value.add_(0.3 * torch.rand_like(value))
        model(given(model, clips()))
    return method, model.eval()


def clips(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: 3 * torch.randn(SPEC.input_shape(m, 6), generator=generator) for m in SPEC.modalities}


def given(model, inputs):
    return {m: x for m, x in inputs.items() if m in model.modalities}
