from __future__ import annotations

import pytest
import torch
from active import assert_active, awake
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.encoders import SpikingQKFormer
from colliculus.encoders.qkformer import DeformedPatchEmbedding, QKFormerBlock
from colliculus.layers import stepwise
from colliculus.neurons import NeuronSettings, SpikingNeuron


@settings(max_examples=12, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(5, 70), channels=st.integers(1, 3))
def test_grids_are_those_of_the_stages_for_every_size(height, width, channels):
    encoder = SpikingQKFormer(channels, (height, width), 8)
    seen = []
    for stage in encoder.stages:
        stage.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[-2:])))
    tokens = encoder(torch.randn(1, 2, channels, height, width))
    assert tuple(seen) == encoder.stage_grids
    assert tokens.shape == (1, 2, 8, encoder.grid[0] * encoder.grid[1])
    patch = 16 if min(height, width) >= 64 else 8
    assert encoder.grid == (-(-height // patch), -(-width // patch))


@pytest.mark.parametrize("size", [(28, 28), (48, 40), (64, 64)])
@pytest.mark.parametrize("seed", range(2))
def test_every_layer_fires_at_the_start(size, seed):
    torch.manual_seed(seed)
    encoder, rates = SpikingQKFormer(2, size, 32), {}
    for name, module in encoder.named_modules():
        if isinstance(module, SpikingNeuron):
            module.register_forward_hook(lambda _m, _i, out, name=name: rates.__setitem__(name, out.mean().item()))
    encoder(torch.randn(8, 2, *size).expand(4, 8, 2, *size))
    assert len(rates) == 36
    assert min(rates.values()) > 0.005
    assert max(rates.values()) < 0.6


def test_every_parameter_learns():
    torch.manual_seed(0)
    encoder = SpikingQKFormer(2, (32, 32), 16, NeuronSettings(temporal_gradient=True))
    (encoder(torch.randn(4, 4, 2, 32, 32)) * torch.randn(4, 4, 16, 16)).sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in encoder.parameters())


def test_the_parts_one_after_the_other_are_the_network():
    x = 2 * torch.rand(3, 2, 2, 32, 28)
    torch.manual_seed(0)
    encoder = awake(SpikingQKFormer(2, (32, 28), 16), x)
    first, later = encoder.parts()
    with torch.no_grad():
        tokens = first(x)
        for stage in later:
            tokens = stage(tokens)
        assert_active(tokens)
        assert torch.equal(tokens, encoder(x))
    assert len(later) == 2


def test_the_deformed_shortcut_is_added_behind_the_neurons():
    x = (torch.rand(3, 2, 6, 5, 7) < 0.5).float()
    torch.manual_seed(0)
    embedding = awake(DeformedPatchEmbedding(6, 10), x)
    with torch.no_grad():
        through, around = embedding.second(embedding.first(x)), embedding.shortcut(x)
        by_hand = embedding.shortcut.neuron(
            stepwise(embedding.shortcut.norm, stepwise(embedding.shortcut.conv, x))
        )  # a map of every second pixel
        assert_active(through, around)
        assert torch.equal(embedding(x), through + around)
        assert torch.equal(around, by_hand)
    kernel = embedding.shortcut.conv.weight
    expected = torch.einsum("oc,tbchw->tbohw", kernel[:, :, 0, 0], x[..., ::2, ::2])
    torch.testing.assert_close(stepwise(embedding.shortcut.conv, x), expected)
    assert set(embedding(x).unique().tolist()) == {0.0, 1.0, 2.0}


def test_a_block_adds_its_attention_and_its_mlp():
    x = torch.randint(0, 3, (3, 2, 16, 6)).float()
    torch.manual_seed(0)
    block = awake(QKFormerBlock(16, 4), x)
    with torch.no_grad():
        attended = block.attention(x, x)
        assert_active(attended)
        assert torch.equal(block(x), block.mlp(x + attended))
    assert block.attention.neuron.dynamics.threshold == 0.5


@pytest.mark.parametrize(("dim", "heads"), [(8, 2), (16, 4), (24, 2), (40, 2), (64, 8), (256, 8)])
def test_heads_divide_every_stage(dim, heads):
    encoder = SpikingQKFormer(1, (16, 16), dim)
    assert {stage.blocks[0].attention.heads for stage in encoder.stages} == {heads}
