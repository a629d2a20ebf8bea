"""Whole encoders against loops over single numbers."""

from __future__ import annotations

import pytest
import torch
from slow_networks import SlowNetwork, frames, jittered, tokens

from colliculus.encoders import SpikformerBlock, SpikingQKFormer, SpikingResNet18
from colliculus.neurons import NeuronSettings

T, B, TAU, THRESHOLD = 3, 2, 1.7, 0.9
NEURON = NeuronSettings(tau=TAU, threshold=THRESHOLD)


def slow(module):
    return SlowNetwork(module, tau=TAU, threshold=THRESHOLD)


def agree(module, x, expected):
    with torch.no_grad():
        torch.testing.assert_close(module(x), torch.from_numpy(expected))


@pytest.mark.parametrize(("heads", "inner"), [(1, 0.4), (4, 0.7)])
def test_a_block_of_spikformer_is_that_of_a_slow_loop(heads, inner):
    torch.manual_seed(heads)
    x = torch.randint(0, 3, (T, B, 8, 5)).double()
    attention = NEURON.with_threshold(inner)
    block = jittered(SpikformerBlock(8, heads, NEURON, attention_neuron=attention, normalise=True), x)
    loops = slow(block)
    attended = x.numpy() + loops.self_attention(x.numpy(), "attention", heads, inner)
    expected = loops.mlp(attended, "mlp")
    loops.assert_fires(7)
    agree(block, x, expected)


@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_sew_resnet_is_that_of_a_slow_loop(size):
    torch.manual_seed(0)
    x = torch.randn(T, B, 2, *size, dtype=torch.float64)
    encoder = jittered(SpikingResNet18(2, size, 16, "spike", NEURON), x)
    loops = slow(encoder)
    found = loops.conv_spike(x.numpy(), "stem")
    for stage, stride in enumerate((1, 2, 2, 2)):
        found = loops.sew_block(found, f"stages.{stage}.0", stride)
        found = loops.sew_block(found, f"stages.{stage}.1")
    loops.assert_fires(1 + 16 + 3)
    agree(encoder, x, tokens(found))


def test_the_stem_of_large_images_is_that_of_a_slow_loop():
    torch.manual_seed(0)
    x = torch.randn(2, 1, 1, 112, 113, dtype=torch.float64)
    encoder = jittered(SpikingResNet18(1, (112, 113), 8, "spike", NEURON), x)
    loops = slow(encoder)
    weight = loops.weights["stem.conv.weight"]
    assert weight.shape == (1, 1, 7, 7)
    expected = loops.conv_spike(x.numpy(), "stem", stride=2, pool=True)
    loops.assert_fires(1)
    agree(encoder.stem, x, expected)


@pytest.mark.parametrize("size", [(8, 8), (9, 12)])
def test_qkformer_is_that_of_a_slow_loop(size):
    torch.manual_seed(0)
    heads, inner = 2, 0.5
    x = torch.randn(T, B, 2, *size, dtype=torch.float64)
    encoder = jittered(SpikingQKFormer(2, size, 8, NEURON), x)
    loops = slow(encoder)
    found = loops.conv_spike(x.numpy(), "stem")
    for stage, blocks in enumerate((1, 1, 2)):
        name = f"stages.{stage}"
        deep = loops.conv_spike(found, f"{name}.embedding.first", pool=True)
        deep = loops.conv_spike(deep, f"{name}.embedding.second")
        found = deep + loops.conv_spike(found, f"{name}.embedding.shortcut", stride=2)
        x_tokens = tokens(found)
        for block in range(blocks):
            attention = f"{name}.blocks.{block}.attention"
            if stage < 2:
                x_tokens = x_tokens + loops.token_attention(x_tokens, attention, heads, inner)
            else:
                x_tokens = x_tokens + loops.self_attention(x_tokens, attention, heads, inner)
            x_tokens = loops.mlp(x_tokens, f"{name}.blocks.{block}.mlp")
        found = frames(x_tokens, found.shape[-2:])
    loops.assert_fires(36)
    agree(encoder, x, tokens(found))
