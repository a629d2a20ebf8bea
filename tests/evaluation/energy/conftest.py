from __future__ import annotations

import pytest
import torch
from torch import nn

from colliculus.coding import Direct
from colliculus.fusion import Sum
from colliculus.heads import LinearReadout
from colliculus.layers import ConvBNSpike, OverTokens, SpikingAttention
from colliculus.model import MultimodalSNN
from colliculus.neurons import LIF
from colliculus.types import DataSpec


class TwoLayers(nn.Module):
    """Conv3x3, then Conv3x3 of stride 2 to two channels; of every kernel only the middle is not zero."""

    def __init__(self, neuron):
        super().__init__()
        self.first = ConvBNSpike(1, 1, neuron)
        self.second = ConvBNSpike(1, 2, neuron, stride=2)
        for layer, weights in ((self.first, [5.0]), (self.second, [5.0, 0.0])):
            nn.init.zeros_(layer.conv.weight)
            with torch.no_grad():
                layer.conv.weight[:, 0, 1, 1] = torch.tensor(weights)

    def forward(self, x):
        return self.second(self.first(x)).flatten(-2)


class Attended(nn.Module):
    """An attention whose q, k and v are the spikes that come in, and whose scores always fire."""

    def __init__(self, neuron):
        super().__init__()
        self.attention = SpikingAttention(2, 1, OverTokens(), neuron, scale=5.0)
        with torch.no_grad():
            for part in (self.attention.query, self.attention.key, self.attention.value, self.attention.project):
                part.linear.weight.copy_(5 * torch.eye(2)[..., None])

    def forward(self, x):
        tokens = x.flatten(-2)
        return self.attention(tokens, tokens)


def network(encoder, channels, size, *, steps, width):
    spec = DataSpec(channels={"x": channels}, sizes={"x": size}, num_classes=3)
    head = LinearReadout(width, 3)
    return MultimodalSNN(spec, coding={"x": Direct(steps)}, encoders={"x": encoder}, fusion=Sum(), head=head)


@pytest.fixture
def two_layers():
    """The two-layer network for a number of steps, of leaky neurons or others."""
    return lambda steps, neuron=LIF: network(TwoLayers(neuron), 1, (3, 3), steps=steps, width=2)


@pytest.fixture
def picture():
    """3 x 3 pixels, one corner of which is dark."""
    x = torch.full((1, 1, 3, 3), 0.5)
    x[..., 0, 0] = 0
    return {"x": x}


@pytest.fixture
def attended():
    return network(Attended(LIF), 2, (1, 2), steps=1, width=2)


@pytest.fixture
def attended_by():
    """The attention network of other neurons."""
    return lambda neuron: network(Attended(neuron), 2, (1, 2), steps=1, width=2)
