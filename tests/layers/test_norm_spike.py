"""The sweep in C against its parts, one after the other, with the loop over time for a neuron."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from active import assert_active
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from colliculus import ColliculusError
from colliculus.layers import ConvBNSpike, norm_spike
from colliculus.layers.one_sweep import sweep_of
from colliculus.layers.time import channels_last
from colliculus.neurons import LIF, PLIF, Dynamics, GradedDynamics, GradedNeuron, ReLUNeuron, carried
from colliculus.neurons.kernels import sweep_native
from colliculus.neurons.surrogate import SURROGATES

POOL = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
needs_library = pytest.mark.skipif(sweep_native.library() is None, reason="the C code was not compiled here")


def values(count, channels, height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return channels_last(torch.randn(count, channels, height, width, generator=generator) * 2 + 1)


def fresh_norm(channels, *, training=True):
    generator = torch.Generator().manual_seed(1)
    norm = nn.BatchNorm2d(channels).train(training)
    with torch.no_grad():
        norm.weight.copy_(torch.rand(channels, generator=generator) + 0.5)
        norm.bias.copy_(torch.randn(channels, generator=generator) * 0.3)
        norm.running_mean.copy_(torch.rand(channels, generator=generator))
        norm.running_var.copy_(torch.rand(channels, generator=generator) * 3 + 1)
    return norm


def outcome(given, norm, neuron, **how):
    """Spikes, gradients, statistics."""
    given, norm = given.detach().clone(memory_format=torch.preserve_format).requires_grad_(), deepcopy(norm)
    spikes = norm_spike(given, norm, neuron, **how)
    weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(2))
    (spikes * weights).sum().backward()
    return spikes.detach(), given.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var


def one_after_the_other(monkeypatch):
    monkeypatch.setenv("COLLICULUS_KERNELS", "plain")


@needs_library
@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 5),
    shape=st.tuples(st.integers(1, 3), st.sampled_from([1, 2, 3, 8, 24, 300]), st.integers(1, 37), st.integers(1, 9)),
    pooled=st.booleans(),
    static=st.booleans(),
    training=st.booleans(),
    dynamics=st.builds(
        Dynamics,
        threshold=st.just(0.8),
        reset=st.sampled_from(["hard", "soft"]),
        detach_reset=st.booleans(),
        temporal_gradient=st.booleans(),
        surrogate=st.sampled_from([surrogate() for surrogate in SURROGATES.values()]),
    ),
)
def test_it_is_what_its_parts_are_one_after_the_other(steps, shape, pooled, static, training, dynamics):
    batch, channels, height, width = shape
    x = values(batch if static else steps * batch, channels, height, width)
    if training and x.numel() == channels:
        return  # nothing to normalise by
    norm, neuron = fresh_norm(channels, training=training), LIF(tau=1.7, dynamics=dynamics)
    how = {"steps": steps, "static": static, "pool": POOL if pooled else None}
    assert sweep_of(x, norm, neuron, how["pool"], steps=2) is not None
    ours = outcome(x, norm, neuron, **how)
    with pytest.MonkeyPatch.context() as monkeypatch:
        one_after_the_other(monkeypatch)
        parts = outcome(x, norm, neuron, **how)
    agrees = ours[0] == parts[0]
    assert agrees.float().mean() > 0.999  # a membrane within rounding of the threshold may go either way
    if not agrees.all():
        return
    # two values become 1 and -1, whatever they were: float32 has no digit of their gradient right
    first = 2 if training and x.numel() == 2 * channels else 1
    for mine, theirs in zip(ours[first:], parts[first:], strict=True):  # of one number, which may well be silent
        assert torch.allclose(mine, theirs, rtol=2e-4, atol=2e-5 * max(1.0, theirs.abs().max().item()))


@needs_library
def test_threads_share_the_images(monkeypatch):
    monkeypatch.setattr("colliculus.neurons.kernels.native.WORTH_A_THREAD", 1)
    x, norm, neuron = values(10, 6, 20, 5), fresh_norm(6), LIF()
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(outcome(x, norm, neuron, steps=2, static=False, pool=POOL))
    finally:
        torch.set_num_threads(before)
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs)
    assert torch.equal(found[0][0], found[1][0])


@needs_library
def test_half_precision_lies_in_memory_and_nowhere_else():
    x, norm, neuron = values(6, 8, 9, 7).bfloat16(), fresh_norm(8), LIF()
    narrow = outcome(x, norm, neuron, steps=3, static=False, pool=POOL)
    wide = outcome(x.float(), norm, neuron, steps=3, static=False, pool=POOL)
    assert narrow[0].dtype == narrow[1].dtype == torch.bfloat16
    assert torch.equal(narrow[0].float(), wide[0])
    torch.testing.assert_close(narrow[1].float(), wide[1], rtol=0.02, atol=0.02 * wide[1].abs().max().item())
    torch.testing.assert_close(narrow[5], wide[5])


@pytest.mark.parametrize("kernels", ["plain", "eager", None])
@pytest.mark.parametrize("training", [True, False])
def test_a_static_input_is_as_if_repeated(monkeypatch, kernels, training):
    if kernels:
        monkeypatch.setenv("COLLICULUS_KERNELS", kernels)
    x = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(3)) * 2

    def found(frames):
        torch.manual_seed(0)
        brick = ConvBNSpike(3, 8, pool=POOL).train(training)
        nn.init.constant_(brick.norm.bias, 0.5)
        spikes = brick(frames)
        (spikes * torch.randn(spikes.shape, generator=torch.Generator().manual_seed(4))).sum().backward()
        statistics = torch.stack([brick.norm.running_mean, brick.norm.running_var])
        return spikes, brick.conv.weight.grad, statistics

    once, repeated = found(x.expand(4, *x.shape)), found(x.repeat(4, 1, 1, 1, 1))
    assert torch.equal(once[0], repeated[0])
    for mine, theirs in zip(once[1:], repeated[1:], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


ORDERED = [(GradedNeuron(dynamics=GradedDynamics(levels=4)), 1), (ReLUNeuron(), 1), (ReLUNeuron(), 4)]


@pytest.mark.parametrize(("neuron", "steps"), ORDERED)
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_neuron_that_keeps_the_order_runs_after_the_pooling(neuron, steps, static, training):
    x, norm = values(3 if static else 3 * steps, 6, 9, 7), fresh_norm(6, training=training)
    norm.weight.data[::2] *= -1  # a maximum of what is normalised is not that of the values
    sizes, how = [], {"steps": steps, "static": static}
    hook = neuron.register_forward_hook(lambda _, inputs, __: sizes.append(tuple(inputs[0].shape)))
    found = norm_spike(x, deepcopy(norm), neuron, **how, pool=POOL)
    before = norm_spike(x, deepcopy(norm), neuron, **how)
    hook.remove()
    assert_active(found)
    assert torch.equal(found, POOL(before.flatten(0, 1)).unflatten(0, (steps, 3)))
    assert sizes == [(1 if static else steps, 3, 6, 5, 4), (1 if static else steps, 3, 6, 9, 7)]


def test_a_neuron_with_a_memory_runs_before_the_pooling():
    x, neuron = values(6, 6, 9, 7), GradedNeuron()
    found = norm_spike(x, fresh_norm(6), neuron, steps=2, static=False, pool=POOL)
    assert torch.equal(found, POOL(neuron(fresh_norm(6)(x).unflatten(0, (2, 3))).flatten(0, 1)).unflatten(0, (2, 3)))
    assert not LIF().keeps_order(1)
    mean = nn.AvgPool2d(2)
    found = norm_spike(x, fresh_norm(6), ReLUNeuron(), steps=2, static=False, pool=mean)
    assert torch.equal(found, mean(fresh_norm(6)(x).relu()).unflatten(0, (2, 3)))


def test_a_convolution_sees_a_static_input_once():
    brick, shapes = ConvBNSpike(1, 4), []
    brick.conv.register_forward_hook(lambda _, inputs, __: shapes.append(tuple(inputs[0].shape)))
    x = torch.rand(2, 1, 6, 6)
    brick(x.expand(4, *x.shape))
    brick(x.repeat(4, 1, 1, 1, 1))
    assert shapes == [(2, 1, 6, 6), (8, 1, 6, 6)]


@needs_library
@pytest.mark.parametrize("part", ["norm", "neuron", "pool"])
def test_whoever_listens_at_a_part_hears_it(part):
    brick, heard = ConvBNSpike(3, 8, pool=deepcopy(POOL)), []
    x = torch.rand(4, 2, 3, 8, 8)
    getattr(brick, part).register_forward_hook(lambda *_: heard.append(part))
    brick(x)
    assert heard == [part]


@needs_library
def test_what_the_library_cannot_do_is_left_to_the_parts(monkeypatch):
    x = values(4, 8, 6, 6)
    norm, neuron = fresh_norm(8), LIF()
    assert sweep_of(x, norm, neuron, POOL, steps=2) is not None
    assert sweep_of(x.contiguous(), norm, neuron, POOL, steps=2) is None
    assert sweep_of(x.double(), norm, neuron, POOL, steps=2) is None
    assert sweep_of(x, norm, PLIF(), POOL, steps=2) is None
    assert sweep_of(x, norm, neuron, nn.MaxPool2d(2), steps=2) is None
    assert sweep_of(x, nn.BatchNorm2d(8, affine=False), neuron, POOL, steps=2) is None
    assert sweep_of(values(1, 1025, 2, 2), fresh_norm(1025), neuron, POOL, steps=2) is None
    monkeypatch.setenv("COLLICULUS_KERNELS", "eager")
    assert sweep_of(x, norm, neuron, POOL, steps=2) is None


@needs_library
def test_a_second_derivative_is_refused():
    x = values(4, 3, 6, 6).requires_grad_()
    spikes = norm_spike(x, fresh_norm(3), LIF(), steps=2, static=False)
    with pytest.raises(ColliculusError, match="COLLICULUS_KERNELS=plain"):
        torch.autograd.grad(spikes.sum(), x, create_graph=True)


@needs_library
def test_one_number_of_each_channel_cannot_be_normalised():
    with pytest.raises(ColliculusError, match="more than one value"):
        norm_spike(values(1, 3, 1, 1), fresh_norm(3), LIF(), steps=1, static=False)


@needs_library
@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(2, 5),
    cut=st.integers(1, 4),
    shape=st.tuples(st.integers(1, 3), st.sampled_from([1, 2, 3, 8, 24, 300]), st.integers(1, 37), st.integers(1, 9)),
    pooled=st.booleans(),
    static=st.booleans(),
    reset=st.sampled_from(["hard", "soft"]),
    narrow=st.booleans(),
)
def test_it_goes_on_where_it_stopped(steps, cut, shape, pooled, static, reset, narrow):
    """Two sweeps are one, and each is what its parts are with the loop for a neuron."""
    batch, channels, height, width = shape
    cut = min(cut, steps - 1)
    x = values(batch if static else steps * batch, channels, height, width)
    x = x.bfloat16() if narrow else x
    norm, neuron = fresh_norm(channels, training=False), LIF(tau=1.7, dynamics=Dynamics(threshold=0.8, reset=reset))
    pool = POOL if pooled else None
    assert sweep_of(x, norm, neuron, pool, steps=2) is not None

    def run(given, membranes, length):
        with carried(neuron, membranes) as after:
            return norm_spike(given, norm, neuron, steps=length, static=static, pool=pool), after

    whole, end = run(x, {}, steps)
    first, middle = run(x if static else x[: cut * batch], {}, cut)
    last, after = run(x if static else x[cut * batch :], middle, steps - cut)
    assert torch.equal(torch.cat([first, last]), whole)
    assert torch.equal(after[""], end[""])
    assert (after[""].dtype, after[""].shape) == (torch.float32, (batch, channels, height, width))
    with torch.no_grad():
        assert torch.equal(whole, norm_spike(x, norm, neuron, steps=steps, static=static, pool=pool))
    if not narrow:
        with pytest.MonkeyPatch.context() as monkeypatch:
            one_after_the_other(monkeypatch)
            expected, v = run(x, {}, steps)
        assert (whole != expected).float().mean() < 0.002  # a current may be rounded elsewhere
        torch.testing.assert_close(end[""].where(end[""] - v[""] < 0.1, v[""]), v[""], rtol=1e-4, atol=1e-4)


@needs_library
def test_a_sweep_from_a_membrane_of_other_images_is_refused():
    x, norm, neuron = values(4, 3, 5, 5), fresh_norm(3, training=False), LIF()
    with pytest.raises(ColliculusError, match="start from 0"), carried(neuron, {"": torch.zeros(2, 3, 4, 5)}):
        norm_spike(x, norm, neuron, steps=2, static=False)
