"""The convolution that skips zeros against a loop over every product, and against PyTorch's in double precision."""

from __future__ import annotations

import ctypes
import subprocess
from itertools import product
from pathlib import Path
from shutil import which

import pytest
import torch
from active import assert_active
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from colliculus.layers import gather
from colliculus.layers.gather import Geometry
from colliculus.neurons.kernels import native

pytestmark = pytest.mark.skipif(gather.library() is None, reason="the C code was not compiled here")
KERNELS = Path(native.__file__).parent
KINDS = ["binary", "graded", "real"]


def sparse(shape, rate, kind="binary", seed=0):
    """Numbers of which a share `rate` is not zero: spikes, multiples of a step, or any."""
    generator = torch.Generator().manual_seed(seed)
    numbers = (torch.rand(shape, generator=generator) < rate).float()
    if kind == "graded":
        numbers *= 0.2 * torch.randint(1, 5, shape, generator=generator)
    if kind == "real":
        numbers *= torch.randn(shape, generator=generator)
    return numbers.contiguous(memory_format=torch.channels_last)


def normal(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def in_double(x, weight, bias, window, grad):
    """Output and gradient of the weight, by PyTorch."""
    x, weight, grad = x.double(), weight.double().requires_grad_(), grad.double()
    bias = None if bias is None else bias.double()
    out = functional.conv2d(x, weight, bias, window.stride, window.padding)
    return out.detach(), torch.autograd.grad(out, weight, grad)[0]


def close(found, exact, terms):
    """Within what `terms` additions in float32 may lose."""
    assert found.shape == exact.shape
    error = (found.double() - exact).abs().max()
    assert error <= 2**-23 * terms * max(1.0, exact.abs().max().item()), error


@pytest.fixture(scope="session")
def portable(tmp_path_factory):
    """The library as other processors run it: without AVX-512."""
    compiler = which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    built = tmp_path_factory.mktemp("portable") / "gather.so"
    sources = [str(KERNELS / name) for name in ("block.c", "gather.c")]
    options = ["-shared", "-fPIC", "-O2", "-ffp-contract=off", "-DCOLLICULUS_PORTABLE", "-pthread", "-lm"]
    subprocess.run([compiler, *sources, *options, "-o", str(built)], check=True)
    return ctypes.CDLL(str(built))


@pytest.mark.parametrize("dtype", gather.NUMBERS)
@pytest.mark.parametrize("kind", KINDS)
def test_other_processors_add_the_same(portable, monkeypatch, kind, dtype):
    x, weight, window = sparse((3, 33, 9, 8), 0.2, kind).to(dtype), normal(70, 33, 3, 3), Geometry(3, 3, 1, (1, 1))
    assert_active(x)
    grad, found = normal(3, 70, 9, 8).to(dtype), []
    for library in (native.library(), portable):
        monkeypatch.setattr(native, "library", lambda library=library: library)
        gather.library.cache_clear()
        found.append((gather.forward(x, weight, None, window), gather.of_weight(x, grad, window), gather.rate(-x)))
    gather.library.cache_clear()
    for one, other in zip(*found, strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))


@settings(max_examples=80, deadline=None)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 11), st.integers(1, 11)),
    channels=st.sampled_from([1, 3, 16, 17, 40]),
    outputs=st.sampled_from([1, 15, 16, 31, 33, 64, 65, 130]),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.integers(1, 3),
    rate=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    kind=st.sampled_from(KINDS),
    biased=st.booleans(),
)
def test_it_is_a_convolution(size, channels, outputs, kernel, stride, rate, kind, biased):
    images, height, width = size
    window = Geometry(*kernel, stride, (kernel[0] // 2, kernel[1] // 2))
    x = sparse((images, channels, height, width), rate, kind)
    assert gather.takes(x, window)
    weight, bias = normal(outputs, channels, *kernel), normal(outputs) if biased else None
    found = gather.forward(x, weight, bias, window)
    grad = normal(*found.shape, seed=2)
    out, of_weight = in_double(x, weight, bias, window, grad)
    close(found, out, 4 * channels * window.taps)
    close(gather.of_weight(x, grad, window), of_weight, 4 * grad[:, 0].numel())


@pytest.mark.parametrize("kind", KINDS)
def test_every_product_is_added_once(kind):
    x, weight, window = sparse((2, 3, 4, 5), 0.4, kind), normal(2, 3, 3, 3), Geometry(3, 3, 2, (1, 1))
    assert_active(x)
    found = gather.forward(x, weight, None, window)
    grad = normal(*found.shape)
    out, of_weight = torch.zeros_like(found), torch.zeros_like(weight)
    for b, o, y, column in product(*map(range, found.shape)):
        for c, i, j in product(range(3), range(3), range(3)):
            row, place = 2 * y + i - 1, 2 * column + j - 1
            if 0 <= row < 4 and 0 <= place < 5:
                out[b, o, y, column] += x[b, c, row, place] * weight[o, c, i, j]
                of_weight[o, c, i, j] += x[b, c, row, place] * grad[b, o, y, column]
    torch.testing.assert_close(found, out, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gather.of_weight(x, grad, window), of_weight, rtol=1e-5, atol=1e-6)


def test_rows_of_a_large_image_are_taken_in_bands():
    x, weight, window = sparse((2, 16, 150, 90), 0.1), normal(40, 16, 3, 3), Geometry(3, 3, 1, (1, 1))
    assert_active(x)
    grad = normal(2, 40, 150, 90, seed=2)
    out, of_weight = in_double(x, weight, None, window, grad)
    close(gather.forward(x, weight, None, window), out, 200)
    close(gather.of_weight(x, grad, window), of_weight, 2000)


def test_many_small_images_are_taken_together():
    x, weight, window = sparse((300, 24, 5, 3), 0.1), normal(20, 24, 3, 3), Geometry(3, 3, 2, (1, 1))
    assert_active(x)
    grad = normal(300, 20, 3, 2, seed=2)
    out, of_weight = in_double(x, weight, None, window, grad)
    close(gather.forward(x, weight, None, window), out, 200)
    close(gather.of_weight(x, grad, window), of_weight, 2000)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_the_slope(kind):
    x, window = sparse((2, 5, 6, 4), 0.3, kind), Geometry(3, 3, 1, (1, 1))
    weight, grad = normal(7, 5, 3, 3), normal(2, 7, 6, 4, seed=3)
    assert_active(x)
    found = gather.of_weight(x, grad, window)
    for place in [(0, 0, 0, 0), (3, 2, 1, 1), (6, 4, 2, 0)]:
        moved = [weight.clone(), weight.clone()]
        for sign, tensor in zip((1, -1), moved, strict=True):
            tensor[place] += sign * 0.5  # the map is linear: a long step loses no digits
        above, below = (gather.forward(x, tensor, None, window).double() for tensor in moved)
        slope = ((above - below) * grad).sum()
        assert found[place].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-4)


def test_any_layout_is_read():
    weight, window = normal(32, 16, 3, 3), Geometry(3, 3, 1, (1, 1))
    x = sparse((4, 16, 9, 8), 0.2)
    assert_active(x)
    expected = gather.forward(x, weight, None, window)
    cut = torch.zeros(4, 16, 18, 8)
    cut[:, :, ::2] = x
    for other in (x.contiguous(), cut[:, :, ::2], x.transpose(0, 1).contiguous().transpose(0, 1)):
        assert torch.equal(gather.forward(other, weight, None, window), expected)
    turned = weight.to(memory_format=torch.channels_last)
    assert torch.equal(gather.forward(x, turned, None, window), expected)
    grad = normal(4, 32, 9, 8)
    laid_out = grad.to(memory_format=torch.channels_last)
    assert torch.equal(gather.of_weight(x, grad, window), gather.of_weight(x.contiguous(), laid_out, window))


def test_the_order_of_sums_does_not_depend_on_the_threads(monkeypatch):
    monkeypatch.setattr("colliculus.neurons.kernels.native.WORTH_A_THREAD", 1)
    x, weight, window = sparse((7, 33, 10, 9), 0.2), normal(70, 33, 3, 3), Geometry(3, 3, 1, (1, 1))
    assert_active(x)
    grad, before, found = normal(7, 70, 10, 9), torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append((gather.forward(x, weight, None, window), gather.of_weight(x, grad, window)))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*found, strict=True):
        assert torch.equal(one, three)


def test_an_image_is_computed_the_same_alone_and_in_a_batch():
    x, weight, window = sparse((5, 32, 8, 8), 0.1), normal(64, 32, 3, 3), Geometry(3, 3, 1, (1, 1))
    assert_active(x)
    together = gather.forward(x, weight, None, window)
    assert torch.equal(gather.forward(x[2:3], weight, None, window), together[2:3])


def test_bfloat16_lies_in_memory_and_sums_are_in_float32():
    x, weight, window = sparse((3, 20, 8, 8), 0.2), normal(40, 20, 3, 3).bfloat16().float(), Geometry(3, 3, 1, (1, 1))
    assert_active(x)
    wide, narrow = (gather.forward(x.to(d), weight, None, window) for d in (torch.float32, torch.bfloat16))
    assert narrow.dtype == torch.bfloat16
    assert torch.equal(narrow, wide.bfloat16())
    grad = normal(3, 40, 8, 8).bfloat16()
    of_weight = gather.of_weight(x.bfloat16(), grad, window)
    assert torch.equal(of_weight, gather.of_weight(x, grad.float(), window))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_left_to_a_dense_convolution(bad):
    x, weight, window = sparse((1, 16, 4, 4), 0.3), normal(16, 16, 3, 3), Geometry(3, 3, 1, (1, 1))
    weight[3, 2, 1, 1] = bad
    assert gather.forward(x, weight, None, window) is None
    grad = normal(1, 16, 4, 4)
    grad[0, 5, 2, 2] = bad
    assert gather.of_weight(x, grad, window) is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_input_that_is_not_finite_goes_on(bad):
    x, weight, window = sparse((1, 16, 4, 4), 0.3), normal(16, 16, 3, 3), Geometry(3, 3, 1, (1, 1))
    x[0, 1, 2, 2] = bad
    found = gather.forward(x, weight, None, window)
    expected = functional.conv2d(x, weight, padding=1)
    torch.testing.assert_close(found, expected, equal_nan=True, rtol=1e-4, atol=1e-5)
    assert not found.isfinite().all()


@pytest.mark.parametrize("channel", [0, 17, 39])
def test_one_number_that_is_not_1_is_enough_for_products(channel):
    x, weight, window = torch.ones(1, 40, 3, 3), normal(16, 40, 3, 3), Geometry(3, 3, 1, (1, 1))
    x[0, channel, 1, 1] = 2.0
    torch.testing.assert_close(
        gather.forward(x, weight, None, window), functional.conv2d(x, weight, padding=1), rtol=1e-4, atol=1e-4
    )
    grad = normal(1, 16, 3, 3)
    close(gather.of_weight(x, grad, window), in_double(x, weight, None, window, grad)[1], 100)


def test_rates_are_counted():
    for share in (0.0, 0.1, 1.0):
        x = sparse((6, 32, 40, 40), share)
        assert gather.rate(x) == pytest.approx(share, abs=0.01)
        assert gather.rate(x.bfloat16()) == gather.rate(x)
    small = torch.zeros(1, 4, 2, 3)
    small[0, 1, 0, 2] = -1.0
    assert gather.rate(small) == 1 / 24


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(0, 16, 4, 4),
        torch.zeros(2, 16, 0, 4),
        torch.zeros(2, 16, 1, 1),  # smaller than the kernel
        torch.zeros(2, 16, 4, 4, dtype=torch.float64),
        torch.zeros(2, 16, 4, 4, device="meta"),
        torch.zeros(16, 4, 4),
    ],
)
def test_what_it_cannot_compute_is_said(x):
    assert not gather.takes(x, Geometry(3, 3))


@pytest.mark.parametrize(("images", "width"), [(18, 49), (14, 63)])
def test_the_sample_of_a_rate_meets_every_place_of_an_image(images, width):
    x = torch.ones(images, 512, 1, width)
    x[..., ::7] = 0  # an odd distance between the pixels of the sample is not enough: 7 divides both widths
    assert gather.rate(x) == pytest.approx(6 / 7, abs=0.02)
