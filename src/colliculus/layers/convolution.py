"""A convolution of spikes: dense, or by gathering where few numbers are not zero.

Every convolution of the networks passes through `convolve`. The choice is a pure function of the input, its rate, so
that a training repeated or resumed takes the same path; COLLICULUS_CONVOLUTION fixes it ("dense" or "gather").
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from colliculus.layers import gather
from colliculus.layers.gather import Geometry
from colliculus.layers.packing import forget, kept
from colliculus.layers.watching import is_counted, is_hooked
from colliculus.neurons.kernels import native
from colliculus.neurons.kernels.choice import is_traced
from colliculus.types import ColliculusError

Convolution = Literal["auto", "dense", "gather"]
VARIABLE = "COLLICULUS_CONVOLUTION"
CROSSING = {torch.float32: 0.35, torch.bfloat16: 0.2}
"""Rate of the input below which gathering is faster (benchmarks/gather.py); the gradient of the weight of a kernel with
few places is faster below half of it."""
WIDE = 9
"""Places of a kernel that has not few."""
INSTRUCTIONS = "AVX-512"
"""Without these sixteen numbers are no longer one addition, and gathering is seldom faster."""
FEWEST = 16
"""Channels of input and output below which a dense convolution is faster, whatever the rate."""
WORTH_A_CHOICE = 1 << 20
"""Products below which the choice costs more time than it saves."""


def convolve(layer: nn.Conv2d, frames: Tensor) -> Tensor:
    """layer(frames), with the zeros of the frames skipped where that is faster: (B, C, H, W) -> (B, D, H', W').

    Raises:
        ColliculusError: COLLICULUS_CONVOLUTION names an unknown way, or one that this machine does not have.

    Example:
        >>> layer, spikes = nn.Conv2d(32, 64, 3, padding=1), (torch.rand(4, 32, 16, 16) < 0.05).float()
        >>> torch.allclose(convolve(layer, spikes), layer(spikes), atol=1e-5)
        True
    """
    if not _is_plain(layer, frames):
        return layer(frames)
    rows, columns = cast("tuple[int, int]", layer.kernel_size)
    window = Geometry(rows, columns, layer.stride[0], cast("tuple[int, int]", tuple(layer.padding)))
    found = _gathered(frames, layer, layer.weight, window)
    return layer(frames) if found is None else found


def project(layer: nn.Conv1d, tokens: Tensor) -> Tensor:
    """The same for a linear map of every token (kernel 1), tokens as images of one row: (B, D, 1, N) -> (B, E, 1, N).

    Example:
        >>> layer, spikes = nn.Conv1d(32, 64, 1), (torch.rand(4, 32, 1, 9) < 0.05).float()
        >>> torch.allclose(project(layer, spikes)[:, :, 0], layer(spikes[:, :, 0]), atol=1e-5)
        True
    """
    if not _is_plain(layer, tokens):
        return layer(tokens.squeeze(-2)).unsqueeze(-2)
    weight = layer.weight.unsqueeze(-2)
    found = _gathered(tokens, layer, weight, Geometry(1, 1))
    return functional.conv2d(tokens, weight, layer.bias) if found is None else found


def forced() -> Convolution:
    """The way named in COLLICULUS_CONVOLUTION; "auto" if it is not set.

    Raises:
        ColliculusError: there is no way of that name, or this machine does not have it.
    """
    name = os.environ.get(VARIABLE) or "auto"
    if name not in get_args(Convolution):
        raise ColliculusError(
            f"{VARIABLE}={name} is not a way to convolve: choose one of {', '.join(get_args(Convolution))}, or unset it"
        )
    if name == "gather" and gather.library() is None:
        raise ColliculusError(
            f"{VARIABLE}=gather is not available, no C compiler was found when Colliculus was installed: unset it"
        )
    return cast("Convolution", name)


def _is_plain(layer: nn.Conv1d | nn.Conv2d, x: Tensor) -> bool:
    """True if nothing but the numbers of `layer` and `x` decides the result, and no hook or mode watches."""
    return (
        type(layer) in (nn.Conv1d, nn.Conv2d)
        and type(x) is Tensor
        and type(layer.weight) is nn.Parameter
        and layer.weight.dtype in gather.NUMBERS
        and layer.weight.device.type == "cpu"
        and layer.groups == 1
        and set(layer.dilation) == {1}
        and len(set(layer.stride)) == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and not is_hooked(layer)
        and not is_seen()
    )


def is_seen() -> bool:
    """True where a compiler, a tracer or a counter follows the operations, none of which sees into the C code."""
    return torch.compiler.is_compiling() or is_traced() or is_counted()


def _gathered(x: Tensor, layer: nn.Conv1d | nn.Conv2d, weight: Tensor, window: Geometry) -> Tensor | None:
    """The convolution, the weight being (D, C, rows, columns); None where a dense one is faster, or needed."""
    narrow = torch.is_autocast_enabled("cpu")
    x = x.to(torch.get_autocast_dtype("cpu")) if narrow else x
    if x.dtype not in CROSSING or (rate := rate_below(CROSSING[x.dtype], x, weight, window)) is None:
        return None
    if not torch.is_grad_enabled():
        layout = kept(layer.weight, weight, x.dtype)
        return None if layout is None else gather.forward(x, weight, layer.bias, window, layout)
    forget(layer.weight)
    back = window.taps >= WIDE or rate < CROSSING[x.dtype] / 2
    return _Convolve.apply(x, weight, layer.bias, window, back)  # type: ignore[no-any-return, no-untyped-call]


def rate_below(crossing: float, x: Tensor, weight: Tensor, window: Geometry) -> float | None:
    """Rate of the input if it is below the crossing, or 0 where gathering is forced; None where it cannot pay."""
    if (way := forced()) == "dense" or not gather.takes(x, window):
        return None
    if way == "gather":
        return 0.0
    rate = gather.rate(x) if _is_worth_a_choice(x, weight, window) else 1.0
    return rate if rate < crossing else None


def _is_worth_a_choice(x: Tensor, weight: Tensor, window: Geometry) -> bool:
    """False where a dense convolution is faster whatever the rate."""
    height, width = window.size(*x.shape[2:])
    products = x.shape[0] * height * width * weight.numel()
    return native.instructions() == INSTRUCTIONS and min(weight.shape[:2]) >= FEWEST and products >= WORTH_A_CHOICE


class _Convolve(torch.autograd.Function):
    """The gathered convolution and its gradients; forward gives None where a weight is not finite."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, window: Geometry, back: bool
    ) -> Tensor | None:
        ctx.save_for_backward(x, weight)
        ctx.window, ctx.back = window, back
        return gather.forward(x, weight, bias, window)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        # a gradient that is differentiated again is PyTorch's own
        gathered = None
        if wants_weight and ctx.back and not torch.is_grad_enabled():
            gathered = gather.of_weight(x, grad_outputs[0], ctx.window)
        of_x, of_weight, of_bias = _dense_backward(
            grad_outputs[0], x, weight, ctx.window, [wants_x, wants_weight and gathered is None, wants_bias]
        )
        return of_x, of_weight if gathered is None else gathered.to(weight.dtype), of_bias, None, None


def _dense_backward(
    grad: Tensor, x: Tensor, weight: Tensor, window: Geometry, wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    if not any(wanted):
        return None, None, None
    stride, padding = [window.stride] * 2, list(window.padding)
    given, filters = grad.to(x.dtype), weight.to(x.dtype)
    outputs = [weight.shape[0]] if wanted[2] else None
    of_x, of_weight, of_bias = torch.ops.aten.convolution_backward(
        given, x, filters, outputs, stride, padding, [1, 1], False, [0, 0], 1, list(wanted)
    )
    return of_x, None if of_weight is None else of_weight.to(weight.dtype), of_bias
