"""Convolution that skips zeros, in C (gather.c): time in proportion to the spikes.

Where a dense convolution multiplies every number of an input with every weight, this adds one row of the weight for
each number that is not zero. Sums have another order than PyTorch's, and are as exact. It holds where every weight is
finite: infinity times a zero that is skipped would be no number.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from math import gcd

import torch
from torch import Tensor

from colliculus.neurons.kernels import native

NUMBERS = (torch.float32, torch.bfloat16)
"""dtypes of input and output; sums are in float32."""
LARGEST = 1 << 31
"""Numbers of an image, or of what surrounds its gradient, from which a place no longer fits."""
MOST_TAPS = 1 << 10
"""Most places of a kernel."""
_NO_MEMORY, _NOT_FINITE = 1, 2
_PACK, _PACK_NARROW, _UNPACK = 0, 1, 2
_SAMPLE = 1 << 16
_DIGEST = 32


class Gather(ctypes.Structure):
    """The struct of the same name in gather.c."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("input", "weight", "bias", "grad", "out")),
        *((name, ctypes.c_int64) for name in ("images", "height", "width", "channels", "outputs")),
        *((name, ctypes.c_int64) for name in ("rows", "columns", "stride", "up", "left", "out_height", "out_width")),
        ("is_narrow", ctypes.c_int32),
    )


@dataclass(frozen=True)
class Geometry:
    """Geometry of a convolution.

    Args:
        rows: rows of the kernel.
        columns: its columns.
        stride: steps between two windows, in both directions.
        padding: zeros above and below an image, and to its left and right.
    """

    rows: int
    columns: int
    stride: int = 1
    padding: tuple[int, int] = (0, 0)

    @property
    def taps(self) -> int:
        """Places of the kernel."""
        return self.rows * self.columns

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output."""
        return (
            (height + 2 * self.padding[0] - self.rows) // self.stride + 1,
            (width + 2 * self.padding[1] - self.columns) // self.stride + 1,
        )

    def call(self, x: Tensor, outputs: int) -> Gather:
        """The struct for an input (B, C, H, W) in channels_last."""
        images, channels, height, width = x.shape
        out_height, out_width = self.size(height, width)
        return Gather(
            input=x.data_ptr(),
            images=images,
            height=height,
            width=width,
            channels=channels,
            outputs=outputs,
            rows=self.rows,
            columns=self.columns,
            stride=self.stride,
            up=self.padding[0],
            left=self.padding[1],
            out_height=out_height,
            out_width=out_width,
            is_narrow=x.dtype == torch.bfloat16,
        )


def takes(x: Tensor, window: Geometry) -> bool:
    """True if the C code can compute a convolution of x (B, C, H, W)."""
    if x.ndim != 4 or x.dtype not in NUMBERS or x.device.type != "cpu" or not x.numel():
        return False
    _, channels, height, width = x.shape
    around = (height + 2 * window.rows) * (width + 2 * window.columns)
    return (
        min(window.size(height, width)) > 0
        and window.taps <= MOST_TAPS
        and around * max(channels, 64) < LARGEST
        and library() is not None
    )


def forward(
    x: Tensor, weight: Tensor, bias: Tensor | None, window: Geometry, layout: Tensor | None = None
) -> Tensor | None:
    """The convolution (B, D, H', W') in channels_last of x (B, C, H, W); None if a weight is not finite.

    Args:
        x: the input; it may have any layout.
        weight: (D, C, rows, columns).
        bias: (D,).
        window: geometry.
        layout: `packed(weight, x.dtype)` if it is there already.
    """
    x = _laid_out(x)
    outputs = weight.shape[0]
    layout = packed(weight, x.dtype) if layout is None else layout
    if layout is None:
        return None
    tiles = torch.zeros(_tiles(outputs))
    if bias is not None:
        tiles[:outputs] = bias
    call = window.call(x, outputs)
    shape = x.shape[0], outputs, call.out_height, call.out_width
    out = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
    call.weight, call.bias, call.out = layout.data_ptr(), tiles.data_ptr(), out.data_ptr()
    _check(_loaded().colliculus_gather_forward(call, native.threads(x)))
    return out


def packed(weight: Tensor, dtype: torch.dtype) -> Tensor | None:
    """A weight (D, C, rows, columns) as the C code reads it, for inputs of a dtype; None if it is not finite."""
    room, way = _room(weight), _PACK_NARROW if dtype == torch.bfloat16 else _PACK
    return None if _pack(weight.detach().to(dtype).float().contiguous(), room, way) else room


def digest(weight: Tensor) -> bytes:
    """Sums of the bits of a weight's numbers, and sums of those sums, which depend on the order too."""
    numbers, sums = weight.detach().float().contiguous(), torch.empty(_DIGEST, dtype=torch.int32)
    _loaded().colliculus_gather_digest(numbers.data_ptr(), numbers.numel(), sums.data_ptr())
    return sums.numpy().tobytes()


def of_weight(x: Tensor, grad: Tensor, window: Geometry) -> Tensor | None:
    """Gradient (D, C, rows, columns) of the weight in float32; None if a number of `grad` is not finite.

    Args:
        x: the input (B, C, H, W); it may have any layout.
        grad: gradient of the output (B, D, H', W').
        window: geometry.
    """
    x, grad = _laid_out(x), _laid_out(grad.to(x.dtype))
    if not bool(torch.isfinite(grad.sum(dtype=torch.float32))):
        return None
    weight = torch.empty(grad.shape[1], x.shape[1], window.rows, window.columns)
    room = _room(weight).zero_()
    call = window.call(x, grad.shape[1])
    call.grad, call.out = grad.data_ptr(), room.data_ptr()
    _check(_loaded().colliculus_gather_backward(call, native.threads(x)))
    _pack(weight, room, _UNPACK)
    return weight


def rate(x: Tensor) -> float:
    """Share of the numbers of x (B, C, H, W) that are not zero, in pixels spread evenly over a large input."""
    x = _laid_out(x)
    images, channels, height, width = x.shape
    pixels = images * height * width
    apart = max(1, pixels * channels // _SAMPLE)
    while gcd(apart, height * width) > 1:  # otherwise it would meet some places of an image only
        apart += 1
    call, room = Geometry(1, 1).call(x, 1), torch.empty(channels)
    found: int = _loaded().colliculus_gather_events(call, apart, room.data_ptr())
    return found / (-(-pixels // apart) * channels)


def _laid_out(x: Tensor) -> Tensor:
    return x.detach().contiguous(memory_format=torch.channels_last)


def _tiles(outputs: int) -> int:
    """`outputs` up to whole tiles of 64; the last one may be of 32 or 16."""
    rest = outputs % 64
    return outputs - rest + (64 if rest > 32 else 32 if rest > 16 else 16 if rest else 0)


def _room(weight: Tensor) -> Tensor:
    return torch.empty(_tiles(weight.shape[0]) * weight[0].numel())


def _pack(weight: Tensor, room: Tensor, way: int) -> bool:
    """Lay a weight out for the C code, or back; True if a number is not finite."""
    outputs, channels, rows, columns = weight.shape
    failed = _loaded().colliculus_gather_pack(
        weight.data_ptr(), room.data_ptr(), outputs, channels, rows * columns, way
    )
    return failed == _NOT_FINITE


def _check(failed: int) -> None:
    if failed == _NO_MEMORY:
        raise MemoryError("no memory for the list of spikes")


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library, if its call has the layout of `Gather`."""
    loaded = native.library()
    if loaded is None or loaded.colliculus_size_of_gather() != ctypes.sizeof(Gather):
        return None
    if not hasattr(loaded, "colliculus_gather_digest"):  # built from text of before there was one
        return None
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    for function in (loaded.colliculus_gather_forward, loaded.colliculus_gather_backward):
        function.argtypes = (ctypes.POINTER(Gather), ctypes.c_int)
    loaded.colliculus_gather_pack.argtypes = (pointer, pointer, count, count, count, ctypes.c_int)
    loaded.colliculus_gather_digest.argtypes = (pointer, count, pointer)
    loaded.colliculus_gather_digest.restype = None
    loaded.colliculus_gather_events.argtypes = (ctypes.POINTER(Gather), count, pointer)
    loaded.colliculus_gather_events.restype = count
    return loaded


def _loaded() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None, "only where `takes` says so"  # noqa: S101
    return loaded
