from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

from colliculus.coding import AllFrames, Direct
from colliculus.methods import LateFusion, Unimodal
from colliculus.training.input_lines import input_lines
from colliculus.types import DataSpec

SPEC = DataSpec(channels={"sound": 1, "touch": 2}, sizes={"sound": (8, 8)}, num_classes=2, steps={"touch": 8})


def lines(method, spec=SPEC, sources=None):
    return input_lines(method.model(spec), sources or {})


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({"time_steps": 8}, "a frame in each of 8 time steps"),
        ({"time_steps": 0}, "a frame in each of 8 time steps"),
        ({"time_steps": 3}, "8 frames resampled to 3 time steps (nearest)"),
        ({"time_steps": 3, "resampling": "linear"}, "8 frames resampled to 3 time steps (linear)"),
        ({"time_steps": 3, "coding": "poisson"}, "8 frames resampled to 3 time steps (nearest)"),
        ({"time_steps": 8, "context": 3}, "a frame in each of 8 time steps, each with the 2 before it"),
        ({"time_steps": 2, "context": 0}, "all 8 frames in each of 2 time steps"),
    ],
)
def test_frames_and_steps(settings, seen):
    method = LateFusion(dim=8, encoder="shallow", **settings)
    static, moving = lines(method)
    assert moving == f"touch: 8 x 2 x H x W, moving: {seen}"
    assert static.startswith("sound: 1 x 8 x 8, static: the same in each of")


def test_a_modality_that_is_not_used_and_a_coding_that_says_nothing():
    spec = replace(SPEC, sizes={"sound": (8, 8), "touch": (8, 8)})
    found = lines(Unimodal(dim=8, heads=4, modality="sound", encoder="shallow"), spec, {"touch": "touch.npy"})
    assert found[1] == "touch: touch.npy -> 8 x 2 x 8 x 8, which this method does not use"
    model = LateFusion(dim=8, encoder="shallow").model(SPEC)
    model.coding["touch"] = nn.Identity()
    assert input_lines(model, {})[1] == "touch: 8 x 2 x H x W, moving"
    model.coding["touch"] = nn.Sequential(AllFrames(8), Direct(1))
    assert input_lines(model, {})[1].endswith("all 8 frames in the only time step")
