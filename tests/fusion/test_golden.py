"""Our arithmetic against golden files and against loops over single numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from active import assert_active
from safetensors.numpy import load_file
from slow_fusion import SlowFusion

from colliculus.fusion import CrossModalResidual, CrossModalSettings, Sum
from colliculus.neurons import NeuronSettings

GRIDS = {"two": {"audio": (2, 2), "visual": (2, 2)}, "three": {"audio": (2, 3), "visual": (2, 2), "touch": (1, 3)}}


def read(name):
    """The golden numbers in groups: weights, tokens, residual, joint."""
    groups = {"weights": {}, "tokens": {}, "residual": {}}
    stored = load_file(Path(__file__).parent / "golden" / f"{name}.safetensors")
    joint = stored.pop("joint")
    for key, value in stored.items():
        group, _, rest = key.partition("/")
        groups[group][rest] = value
    tokens = {m: groups["tokens"][m].astype(np.float64) for m in GRIDS[name]}
    return groups["weights"], tokens, groups["residual"], joint


def ours(grids):
    """The fusion of S-CMRL with our arithmetic."""
    return CrossModalResidual(
        grids,
        dim=8,
        heads=2,
        alpha=0.25,
        branches="spatiotemporal",
        alignment=True,
        join=Sum(),
        neuron=NeuronSettings(),
        settings=CrossModalSettings(),
    )


@pytest.mark.parametrize("name", GRIDS)
def test_the_package_computes_the_golden_numbers(name) -> None:
    weights, tokens, residual, joint = read(name)
    fusion = ours(GRIDS[name]).eval()
    state = {key: torch.from_numpy(value) for key, value in weights.items()}
    missing, unexpected = fusion.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    fused = fusion({m: torch.from_numpy(x).float() for m, x in tokens.items()})
    assert_active(*fused.residual.values())
    for m, expected in residual.items():
        torch.testing.assert_close(fused.residual[m], torch.from_numpy(expected))
    torch.testing.assert_close(fused.joint, torch.from_numpy(joint))


@pytest.mark.parametrize("name", GRIDS)
def test_the_golden_numbers_are_those_of_the_loops(name) -> None:
    weights, tokens, residual, joint = read(name)
    slow = SlowFusion({key: value.astype(np.float64) for key, value in weights.items()}, GRIDS[name])
    found_joint, found = slow.fuse(tokens)
    assert slow.margin > 1e-4  # so that rounding changes no spike
    np.testing.assert_allclose(found_joint, joint, rtol=1e-6)
    for m, expected in residual.items():
        np.testing.assert_allclose(found[m], expected, rtol=1e-6)
