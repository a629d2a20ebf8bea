from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.encoders import SpikingResNet18
from colliculus.layers import CurrentResidualBlock, SpikeResidualBlock
from colliculus.neurons import NeuronSettings, SpikingNeuron


def firing(encoder, x):
    rates = {}
    for name, module in encoder.named_modules():
        if isinstance(module, SpikingNeuron):
            module.register_forward_hook(lambda _m, _i, out, name=name: rates.__setitem__(name, out.mean().item()))
    encoder(x)
    return rates


@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(5, 40),
    width=st.integers(5, 40),
    channels=st.integers(1, 4),
    residual=st.sampled_from(["current", "spike"]),
)
def test_grid_is_that_of_the_tokens_for_every_small_size(height, width, channels, residual):
    encoder = SpikingResNet18(channels, (height, width), 8, residual)
    tokens = encoder(torch.randn(1, 2, channels, height, width))
    assert tokens.shape == (1, 2, 8, encoder.grid[0] * encoder.grid[1])
    assert encoder.grid == (-(-height // 8), -(-width // 8))


@pytest.mark.parametrize(("size", "grid"), [((112, 113), (4, 4)), ((129, 160), (5, 5)), ((111, 160), (14, 20))])
def test_large_images_are_quartered_first(size, grid):
    encoder = SpikingResNet18(1, size, 8)
    assert encoder.grid == grid
    assert encoder(torch.randn(1, 2, 1, *size)).shape == (1, 2, 8, grid[0] * grid[1])


@pytest.mark.parametrize("residual", ["current", "spike"])
def test_it_has_the_parameters_of_resnet_18(residual):
    # 11 689 512 of the well-known network for 3 channels and 1000 classes, without its last map of 512 * 1000 + 1000
    encoder = SpikingResNet18(3, (224, 224), 512, residual)
    assert sum(p.numel() for p in encoder.parameters()) == 11_689_512 - 513_000
    assert encoder.grid == (7, 7)


@pytest.mark.parametrize("residual", ["current", "spike"])
@pytest.mark.parametrize("size", [(28, 28), (33, 47)])
@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_every_layer_fires_at_the_start(residual, size, moving, seed):
    torch.manual_seed(seed)
    x = torch.randn(4, 8, 2, *size) if moving else torch.randn(8, 2, *size).expand(4, 8, 2, *size)
    rates = firing(SpikingResNet18(2, size, 32, residual, NeuronSettings()), x)
    assert len(rates) == (17 if residual == "current" else 20)
    assert min(rates.values()) > 0.01
    assert max(rates.values()) < 0.60


@pytest.mark.parametrize(("after", "stride"), [(6, 1), (10, 2)])
def test_currents_add_up_before_the_neuron(after, stride):
    torch.manual_seed(0)
    block = CurrentResidualBlock(6, after, stride=stride).eval()
    x = (torch.rand(3, 2, 6, 5, 7) < 0.5).float() * 3
    through = torch.stack([block.second(step) for step in block.first(x)])
    around = x if stride == 1 else torch.stack([block.shortcut(step) for step in x])
    assert torch.equal(block(x), block.neuron(through + around))
    assert set(block(x).unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(block(x), block.neuron(through))  # the way around counts


@pytest.mark.parametrize(("after", "stride"), [(6, 1), (10, 2)])
def test_spikes_add_up_behind_the_neurons(after, stride):
    torch.manual_seed(0)
    block = SpikeResidualBlock(6, after, stride=stride)
    x = (torch.rand(3, 2, 6, 5, 7) < 0.5).float() * 3
    through, counts = block.second(block.first(x)), block(x)
    torch.testing.assert_close(counts, through + block.shortcut(x))
    if stride == 1:
        assert torch.equal(block.shortcut(x), x)
    assert set(block.shortcut(x).unique().tolist()) <= {0.0, 1.0, 3.0}
    assert torch.equal(counts, counts.round())


@pytest.mark.parametrize("residual", ["current", "spike"])
def test_every_parameter_learns(residual):
    torch.manual_seed(0)
    encoder = SpikingResNet18(2, (32, 32), 16, residual, NeuronSettings(temporal_gradient=True))
    weights = torch.randn(4, 4, 16, 16)
    (encoder(torch.randn(4, 4, 2, 32, 32)) * weights).sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in encoder.parameters())
