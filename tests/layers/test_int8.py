"""Weights of 8 bits: rounded as by hand, summed exactly, and the same bits by oneDNN and by PyTorch's products."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from colliculus.layers import gather, int8
from colliculus.layers.convolution import VARIABLE
from colliculus.layers.int8 import Int8, has_one_dnn
from colliculus.neurons.kernels import native

LAYERS = {
    "3x3": (nn.Conv2d(5, 6, 3, padding=1, bias=False), (2, 5, 7, 6)),
    "stride": (nn.Conv2d(5, 6, (3, 1), stride=(2, 1), padding=(1, 0)), (2, 5, 7, 6)),
    "1x1": (nn.Conv2d(5, 6, 1), (2, 5, 7, 6)),
    "tokens": (nn.Conv1d(5, 6, 1), (3, 5, 9)),
    "linear": (nn.Linear(5, 6), (2, 3, 5)),
}


def spikes(shape):
    return torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(1)).float()


def test_weights_are_rounded_by_hand():
    layer = nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[127.0, 0.6], [-0.254, 0.0011], [0.0, 0.0]]))
    found = Int8(layer)
    assert found.whole.tolist() == [[127, 1], [-127, 1], [0, 0]]
    assert found.scale.tolist() == pytest.approx([1.0, 0.002, 1 / 127])
    assert found(torch.tensor([3.0, 2.0])).tolist() == pytest.approx([383.0, -0.758, 0.0], rel=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_sums_are_those_of_a_slow_loop_over_whole_numbers(name):
    layer, shape = LAYERS[name]
    found, x = Int8(layer), spikes(shape)
    sums = slow(found.whole.numpy().astype(np.int64), x.numpy().astype(np.int64), layer)
    spatial = [1] * found.spatial
    expected = torch.from_numpy(sums).float() * found.scale.view(-1, *spatial)
    expected = expected if layer.bias is None else expected + layer.bias.detach().view(-1, *spatial)
    assert expected.abs().max() > 0.5
    assert torch.equal(found(x), expected)


def slow(weight, x, layer):
    """Sums over the inputs of every output, one by one."""
    if isinstance(layer, nn.Linear):
        return np.einsum("dc,...c->...d", weight, x)
    if isinstance(layer, nn.Conv1d):
        return np.einsum("dcn,bcm->bdm", weight, x)
    (rows, columns), (down, right), (above, left) = layer.kernel_size, layer.stride, layer.padding
    padded = np.pad(x, ((0, 0), (0, 0), (above, above), (left, left)))
    height, width = (padded.shape[2] - rows) // down + 1, (padded.shape[3] - columns) // right + 1
    out = np.zeros((len(x), len(weight), height, width), dtype=np.int64)
    for i, j in product(range(height), range(width)):
        window = padded[:, :, i * down : i * down + rows, j * right : j * right + columns]
        out[:, :, i, j] = np.einsum("dcrs,bcrs->bd", weight, window)
    return out


@pytest.mark.skipif(not has_one_dnn(), reason="this PyTorch or this machine has no product of whole numbers by oneDNN")
@pytest.mark.parametrize("name", LAYERS)
def test_one_dnn_gives_the_same_bits_from_inputs_of_any_layout(name):
    layer, shape = LAYERS[name]
    found, x = Int8(layer), spikes(shape)
    last = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x.mT.contiguous().mT
    for given in (x, last, spikes((1, *shape[1:]))):
        fast = found.by_one_dnn(given)
        assert fast.dtype == torch.float32
        assert torch.equal(fast, found.in_float32(given))
    assert torch.equal(found.by_one_dnn(x)[0], found.by_one_dnn(x[:1])[0])


def test_without_such_a_product_the_fallback_answers(monkeypatch):
    layer, shape = LAYERS["3x3"]
    monkeypatch.setattr(int8, "_WORTH_IT", 0)
    monkeypatch.setattr(int8, "_conv2d", lambda *_: 1 / 0)
    monkeypatch.setattr(int8, "has_one_dnn", lambda: False)
    found = Int8(layer)
    assert torch.equal(found(spikes(shape)), found.in_float32(spikes(shape)))
    monkeypatch.setattr(int8, "has_one_dnn", lambda: True)
    with pytest.raises(ZeroDivisionError):
        found(spikes(shape))


@pytest.mark.skipif(not has_one_dnn(), reason="this PyTorch or this machine has no product of whole numbers by oneDNN")
@pytest.mark.parametrize("value", [0.5, 300.0, -1.0])
def test_what_is_no_whole_number_up_to_255_is_not_cut_off(monkeypatch, value):
    layer, shape = LAYERS["3x3"]
    monkeypatch.setattr(int8, "_WORTH_IT", 0)
    found, x = Int8(layer), torch.full(shape, value)
    assert torch.equal(found(x), found.in_float32(x))
    assert not torch.equal(found.by_one_dnn(x), found.in_float32(x))


@pytest.mark.skipif(gather.library() is None, reason="the C code was not compiled here")
@pytest.mark.parametrize("name", ["3x3", "1x1", "tokens"])
def test_gathering_gives_the_same_bits(name, monkeypatch):
    layer, shape = LAYERS[name]
    found, x = Int8(layer, unit=0.5), spikes(shape)
    expected = found.in_float32(x)
    assert expected.abs().max() > 0.5
    monkeypatch.setenv(VARIABLE, "gather")
    with torch.no_grad():
        for _ in range(2):  # the second time with the layout of the first
            assert torch.equal(found.by_gathering(x), expected)
        assert torch.equal(found(x / 2), expected)
    assert found.by_gathering(x) is None  # a gradient may be wanted
    monkeypatch.setenv(VARIABLE, "dense")
    with torch.no_grad():
        assert found.by_gathering(x) is None


@pytest.mark.skipif(gather.library() is None, reason="the C code was not compiled here")
def test_what_cannot_be_gathered_is_left_to_the_others(monkeypatch):
    monkeypatch.setenv(VARIABLE, "gather")
    for name in ("stride", "linear"):  # other strides down than across, and no images
        layer, shape = LAYERS[name]
        with torch.no_grad():
            assert Int8(layer).by_gathering(spikes(shape)) is None
    layer, shape = LAYERS["3x3"]
    with torch.no_grad():
        assert Int8(layer).by_gathering(spikes(shape).bfloat16()) is None
        with FlopCounterMode(display=False) as counter:
            Int8(layer)(spikes(shape))
    assert counter.get_total_flops() > 0


@pytest.mark.skipif(gather.library() is None, reason="the C code was not compiled here")
@pytest.mark.parametrize(("rate", "taken"), [(0.08, True), (0.2, False)])
def test_the_rate_decides(monkeypatch, rate, taken):
    monkeypatch.setattr(native, "instructions", lambda: "AVX-512")  # as measured, wherever the tests run
    monkeypatch.delenv(VARIABLE, raising=False)
    x = (torch.rand(8, 32, 16, 16, generator=torch.Generator().manual_seed(0)) < rate).float()
    with torch.no_grad():
        assert (Int8(nn.Conv2d(32, 48, 3, padding=1)).by_gathering(x) is not None) == taken
