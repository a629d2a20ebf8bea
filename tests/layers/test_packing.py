"""Layouts of weights that evaluations keep: one for every weight, made again as soon as a number of it changes."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from active import awake
from torch import nn

from colliculus.layers import ConvBNSpike, gather, packing
from colliculus.layers.convolution import VARIABLE, convolve
from colliculus.layers.packing import kept

pytestmark = pytest.mark.skipif(gather.library() is None, reason="the C code was not compiled here")

CHANGES = {
    "in place": lambda weight: weight.add_(1),
    "behind autograd's back": lambda weight: weight.data.mul_(2),
    "other memory": lambda weight: setattr(weight, "data", weight.data + 1),
    "one bit": lambda weight: weight.data.view(torch.int32)[3, 2, 1, 0].add_(1),
    "two numbers change places": lambda weight: weight.data.copy_(swapped(weight.data)),
    "the sign of a zero": lambda weight: weight.data[0, 0, 0, 0].neg_(),
    "another shape": lambda weight: setattr(weight, "data", weight.data.reshape(16, 32, 3, 3)),
}


def swapped(weight):
    """Two numbers one after the other in the same lane of sixteen, exchanged."""
    flat = weight.flatten().clone()
    flat[[5, 21]] = flat[[21, 5]]
    return flat.view_as(weight)


@pytest.fixture
def weight():
    weight = nn.Parameter(torch.randn(32, 16, 3, 3, generator=torch.Generator().manual_seed(0)))
    weight.data[0, 0, 0, 0] = 0
    return weight


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_a_changed_weight_is_laid_out_again(weight, change):
    first = kept(weight, weight, torch.float32)
    assert kept(weight, weight, torch.float32) is first
    CHANGES[change](weight)
    again = kept(weight, weight, torch.float32)
    assert again is not first
    assert torch.equal(again.view(torch.int32), gather.packed(weight, torch.float32).view(torch.int32))


def test_digests_are_sums_and_sums_of_sums():
    weight = torch.randn(17, 3, 1, 1, generator=torch.Generator().manual_seed(1))  # 51 numbers, three beyond 48
    bits = np.zeros(64, dtype=np.uint32)
    bits[:51] = weight.flatten().numpy().view(np.uint32)
    sums = bits.reshape(4, 16).cumsum(0, dtype=np.uint32)
    assert gather.digest(weight) == np.concatenate([sums[-1], sums.sum(0, dtype=np.uint32)]).tobytes()


def test_each_dtype_has_its_layout(weight):
    wide, narrow = (kept(weight, weight, dtype).clone() for dtype in (torch.float32, torch.bfloat16))
    there = slice(narrow.numel() // 2)  # two numbers share the place of one
    assert not torch.equal(wide[there], narrow[there])
    assert torch.equal(narrow[there], gather.packed(weight, torch.bfloat16)[there])


def test_a_weight_that_is_not_finite_has_none(weight):
    weight.data[1, 2, 0, 1] = torch.inf
    assert kept(weight, weight, torch.float32) is None


def test_a_layout_ends_with_its_weight_and_with_a_training(monkeypatch):
    monkeypatch.setenv(VARIABLE, "gather")
    layer, x = nn.Conv2d(16, 32, 3), (torch.rand(2, 16, 8, 8) < 0.3).float()
    with torch.no_grad():
        convolve(layer, x)
        layout = weakref.ref(kept(layer.weight, layer.weight, torch.float32))
        assert layout() is not None
    convolve(layer, x)
    assert layout() is None
    with torch.no_grad():
        layout = weakref.ref(kept(layer.weight, layer.weight, torch.float32))
    del layer
    gc.collect()
    assert layout() is None


def test_evaluations_take_the_layout_that_is_there(monkeypatch):
    monkeypatch.setenv(VARIABLE, "gather")
    torch.manual_seed(0)
    x = (torch.rand(2, 3, 16, 8, 8) < 0.4).float()
    layer = awake(ConvBNSpike(16, 32), x)
    packing.forget(layer.conv.weight)
    made, once = [], gather.packed
    monkeypatch.setattr(gather, "packed", lambda *given: made.append(1) or once(*given))
    with torch.inference_mode():
        first, second = layer(x), layer(x)
    assert first.any()
    assert torch.equal(first, second)
    assert len(made) == 1
    packing.forget(layer.conv.weight)
    with torch.inference_mode():
        assert torch.equal(layer(x), first)
    assert len(made) == 2
