from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from colliculus.evaluation.explanation.clip import heat_maps
from colliculus.evaluation.explanation.maps import AttentionMap, GradientMaps


class Encoder(torch.nn.Module):
    """An encoder with two by three tokens."""

    grid = (2, 3)


class Model:
    encoders = {"visual": torch.nn.Sequential(Encoder())}  # noqa: RUF012 - as a model has it


@pytest.fixture
def maps():
    return GradientMaps("stages.1.neuron", torch.rand(4, 2, 8, 8), torch.rand(2, 16, 16))


def test_maps_are_those_of_the_first_clip(maps):
    received = torch.rand(2, 6)
    attention = [
        AttentionMap("a", "audio", torch.rand(2, 6)),
        AttentionMap("b", "visual", received),
        AttentionMap("pooled", "visual", torch.rand(2, 4)),  # does not fit the grid
    ]
    found = {name: (title, heat) for name, title, heat in heat_maps(Model(), "visual", maps, attention)}
    assert [*found] == ["cam", "gradient", "attention-1"]
    assert found["cam"][0] == "Grad-CAM at stages.1"
    assert torch.equal(found["cam"][1], maps.cam[:, 0])
    assert torch.equal(found["gradient"][1], maps.gradient[:1])
    assert found["attention-1"][0] == "attention received, b"
    assert torch.equal(found["attention-1"][1], received[0].reshape(1, 2, 3))


def test_the_gradient_of_a_sequence_has_a_map_for_each_frame(maps):
    sequence = replace(maps, gradient=torch.rand(3, 2, 16, 16))
    (_, gradient) = heat_maps(Model(), "visual", sequence, [])
    assert torch.equal(gradient[2], sequence.gradient[:, 0])
