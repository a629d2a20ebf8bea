"""Which way a convolution goes, and that both ways lead to the same numbers and gradients."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from active import assert_active, awake
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from colliculus import ColliculusError
from colliculus.layers import ConvBNSpike, ProjectionBNSpike, convolution, gather
from colliculus.layers.convolution import VARIABLE, convolve, project
from colliculus.neurons.kernels import native

pytestmark = pytest.mark.skipif(gather.library() is None, reason="the C code was not compiled here")


@pytest.fixture
def ways(monkeypatch):
    """Fix the way, or leave the choice free; and the calls of the C code since."""
    calls = []

    def note(compute):
        def noted(*arguments):
            calls.append(compute.__name__)
            return compute(*arguments)

        return noted

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(native, "instructions", lambda: "AVX-512")  # as measured, wherever the tests run
    for name in ("forward", "of_weight"):
        monkeypatch.setattr(gather, name, note(getattr(gather, name)))

    def fix(name=None):
        if name is None:
            monkeypatch.delenv(VARIABLE, raising=False)
        else:
            monkeypatch.setenv(VARIABLE, name)
        calls.clear()
        return calls

    return fix


def spikes(*shape, rate=0.1, seed=0):
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return (drawn < rate).float().contiguous(memory_format=torch.channels_last)


def conv(before=32, after=48, kernel=3, **how):
    torch.manual_seed(1)
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, **how)


def outcome(layer, x, apply=convolve):
    """Output, and gradients of input, weight and bias."""
    x, layer = x.clone(memory_format=torch.preserve_format).requires_grad_(), deepcopy(layer)
    out = apply(layer, x)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    out.backward(weights.to(out.dtype))
    return out.detach(), x.grad, *(p.grad for p in layer.parameters())


@pytest.mark.parametrize(
    ("layer", "shape", "apply"),
    [
        (conv(), (4, 32, 10, 9), convolve),
        (conv(stride=2, bias=False), (4, 32, 10, 9), convolve),
        (conv(kernel=1), (4, 32, 10, 9), convolve),
        (nn.Conv1d(32, 48, 1), (6, 32, 1, 20), project),
    ],
)
def test_both_ways_lead_to_the_same(ways, layer, shape, apply):
    x = spikes(*shape)
    assert_active(x)
    calls = ways("gather")
    gathered = outcome(layer, x, apply)
    assert calls == ["forward", "of_weight"]
    calls = ways("dense")
    dense = outcome(layer, x, apply)
    assert not calls
    for one, other in zip(gathered, dense, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_few_spikes_are_gathered_and_many_are_not(ways):
    layer = conv()
    for rate, expected in ((0.05, ["forward"]), (0.3, ["forward"]), (0.5, []), (1.0, [])):
        calls = ways()
        convolve(layer, spikes(8, 32, 24, 24, rate=rate))
        assert calls == expected


@pytest.mark.parametrize(
    ("kernel", "rate", "expected"),
    [(3, 0.25, ["forward", "of_weight"]), (1, 0.25, ["forward"]), (1, 0.1, ["forward", "of_weight"])],
)
def test_the_gradient_of_a_small_kernel_pays_at_lower_rates(ways, kernel, rate, expected):
    calls = ways()
    convolve(conv(kernel=kernel), spikes(8, 32, 24, 24, rate=rate)).sum().backward()
    assert calls == expected


def test_in_bfloat16_it_pays_at_lower_rates(ways):
    layer = conv()
    for rate, expected in ((0.05, ["forward"]), (0.3, [])):
        calls = ways()
        with torch.autocast("cpu", torch.bfloat16):
            convolve(layer, spikes(8, 32, 24, 24, rate=rate))
        assert calls == expected


def test_other_processors_gather_only_when_told_to(ways, monkeypatch):
    monkeypatch.setattr(native, "instructions", lambda: "AVX2")
    for way, expected in ((None, []), ("gather", ["forward"])):
        calls = ways(way)
        convolve(conv(), spikes(8, 32, 24, 24, rate=0.05))
        assert calls == expected


@pytest.mark.parametrize("x", [spikes(1, 32, 4, 4), spikes(8, 3, 24, 24)])
def test_little_work_is_not_worth_a_choice(ways, x):
    calls = ways()
    convolve(conv(x.shape[1]), x)
    assert not calls


@pytest.mark.parametrize(
    "how",
    [{"groups": 2}, {"dilation": 2}, {"padding_mode": "circular"}, {"stride": (1, 2)}],
)
def test_other_convolutions_stay_dense(ways, how):
    calls = ways("gather")
    layer, x = conv(**how), spikes(4, 32, 10, 9)
    torch.testing.assert_close(convolve(layer, x), layer(x), rtol=0, atol=0)
    assert not calls


def test_a_watched_layer_is_called(ways):
    calls = ways("gather")
    layer, line, seen = conv(), nn.Conv1d(32, 48, 1), []
    for watched in (layer, line):
        watched.register_forward_hook(lambda _module, _inputs, out: seen.append(out.shape))
    convolve(layer, spikes(4, 32, 10, 9))
    project(line, spikes(6, 32, 1, 20))
    assert seen == [(4, 48, 10, 9), (6, 48, 20)]
    assert not calls


def test_a_hook_on_all_modules_is_called(ways):
    calls, seen = ways("gather"), []
    hook = nn.modules.module.register_module_forward_hook(lambda _module, _inputs, out: seen.append(out.shape))
    try:
        convolve(conv(), spikes(4, 32, 10, 9))
    finally:
        hook.remove()
    assert seen == [(4, 48, 10, 9)]
    assert not calls


def test_operations_are_counted_by_pytorch_as_well(ways):
    calls, layer, x = ways("gather"), conv(), spikes(4, 32, 10, 9)
    totals = []
    for call in (layer, lambda x: convolve(layer, x)):
        with FlopCounterMode(display=False) as counter:
            call(x)
        totals.append(counter.get_total_flops())
    assert totals[0] == totals[1] > 0
    assert not calls


def test_who_counts_operations_sees_a_convolution(ways):
    calls, seen = ways("gather"), []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **(kwargs or {}))

    x, tokens = spikes(4, 32, 10, 9), spikes(6, 32, 1, 20)
    with Watch():
        convolve(conv(), x)
        project(nn.Conv1d(32, 48, 1), tokens)
    assert torch.conv2d in seen
    assert torch.conv1d in seen
    assert not calls


def test_functions_of_functions_take_the_dense_way(ways):
    calls, layer, x = ways("gather"), conv(), spikes(3, 32, 10, 9)
    apart = torch.func.vmap(lambda image: convolve(layer, image[None])[0])(x)
    assert not calls
    torch.testing.assert_close(apart, layer(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_hidden_by_zeros(ways, bad):
    ways("gather")
    layer, x = conv(), torch.zeros(2, 32, 6, 6)
    with torch.no_grad():
        layer.weight[3, 2, 1, 1] = bad
    out, _, of_weight, _ = outcome(layer, x)
    assert out[:, 3].isnan().all()
    assert of_weight.isfinite().all()
    x = spikes(2, 32, 6, 6).requires_grad_()
    grad = torch.ones(2, 48, 6, 6)
    grad[0, 5, 2, 2] = bad
    layer = conv()
    convolve(layer, x).backward(grad)
    assert layer.weight.grad[5].isnan().any() or layer.weight.grad[5].isinf().any()
    assert not layer.weight.grad[5, :, 1, 1].isfinite().any()


def test_a_gradient_can_be_differentiated_again(ways):
    ways("gather")
    layer, x = conv(before=16, after=16).double(), spikes(2, 16, 5, 5).requires_grad_()
    layer = layer.float()
    found = []
    for way in ("gather", "dense"):
        ways(way)
        out = convolve(layer, x)
        first = torch.autograd.grad(out.square().sum(), [x, layer.weight], create_graph=True)
        assert first[1].requires_grad
        found.append(torch.autograd.grad(sum(g.square().sum() for g in first), [x, layer.weight]))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-2)


def test_in_bfloat16_both_ways_round_the_same_weights(ways):
    layer, x, found = conv(), spikes(4, 32, 10, 9), []
    for way in ("gather", "dense"):
        ways(way)
        with torch.autocast("cpu", torch.bfloat16):
            found.append(outcome(layer, x))
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02 * other.abs().max().item())
    assert found[0][0].dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: ConvBNSpike(32, 48, stride=2), (3, 2, 32, 9, 8)),
        (lambda: ProjectionBNSpike(32, 48, bias=True), (3, 2, 32, 20)),
    ],
)
def test_a_layer_fires_the_same_either_way(ways, make, shape, dtype):
    torch.manual_seed(0)
    x = (torch.rand(shape) < 0.2).float()
    layer, fired = awake(make(), x), []
    for way in ("gather", "dense"):
        calls = ways(way)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            fired.append(layer(x))
        assert bool(calls) == (way == "gather")
    assert_active(*fired)
    assert (fired[0] == fired[1]).float().mean() > 0.999


def test_tokens_keep_their_channels_side_by_side():
    x = (torch.rand(3, 2, 32, 20) < 0.2).float()
    first, second = ProjectionBNSpike(32, 48), ProjectionBNSpike(48, 32)
    tokens = second(first(x))
    assert tokens.shape == x.shape
    assert tokens.stride(2) == 1


def test_an_unknown_way_is_told_the_others(ways):
    ways("fast")
    with pytest.raises(ColliculusError, match="choose one of auto, dense, gather"):
        convolve(conv(), spikes(4, 32, 10, 9))


def test_a_way_that_is_not_there_says_why(ways, monkeypatch):
    ways("gather")
    monkeypatch.setattr(gather, "library", lambda: None)
    with pytest.raises(ColliculusError, match="no C compiler"):
        convolution.forced()
