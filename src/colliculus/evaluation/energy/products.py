"""How many operations one product of tensors takes: a convolution, a linear map, a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.types import ColliculusError

Kind = Literal["convolution", "linear", "product"]
Values = Literal["spikes", "counts", "numbers"]

VALUES: tuple[Values, ...] = ("spikes", "counts", "numbers")
"""From what is cheapest to use to what is dearest."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """The operations of one product.

    Args:
        kind: convolution, linear map, or product of two operands of which neither is a layer's weight.
        values: what it multiplies by: "spikes" (all 0 or 1, so that a use is an addition), "counts" (whole numbers of
            at least 0) or "numbers".
        inputs: size of the operand whose non-zero values are the events.
        events: these.
        uses: operations in which every factor that comes from the data is not zero: each event times its fan-out.
        dense_uses: the same were no value zero; edges and stride considered.
        macs: as usually counted, padding included.
        outputs: size of the result.
        weight_shape: of the weight; empty where there is none.
        stored: numbers kept beside the events: weights, or the other operand.
        owner: id of the weight; None where there is none.
    """

    kind: Kind
    values: Values
    inputs: int
    events: int
    uses: int
    dense_uses: int
    macs: int
    outputs: int
    weight_shape: tuple[int, ...]
    stored: int
    owner: int | None


def values_of(x: Tensor) -> Values:
    """What a tensor holds.

    Example:
        >>> [values_of(torch.tensor(x)) for x in ([0.0, 1.0], [0.0, 2.0], [0.0, 0.5], [-1.0])]
        ['spikes', 'counts', 'numbers', 'numbers']
    """
    if bool(((x == 0) | (x == 1)).all()):
        return "spikes"
    return "counts" if bool(((x >= 0) & (x == x.round())).all()) else "numbers"


def taps(
    density: Tensor,
    kernel_size: tuple[int, ...],
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
) -> int:
    """How often the windows of a convolution read what lies at each place, summed over the places.

    A place inside is read by as many windows as cover it, one at the edge by fewer, and padding by none.

    Args:
        density: how many values each place holds, (*), one axis for each of `kernel_size`.
        kernel_size: of the window.
        stride: of the convolution, as the next two.
        padding: its zeros at the edges.
        dilation: distance of the window's taps.

    Example:
        >>> taps(torch.ones(3), (3,), padding=1), taps(torch.ones(3), (3,), stride=2, padding=1)
        (7, 4)
    """
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[len(kernel_size) - 1]
    window = torch.ones((1, 1, *kernel_size), dtype=torch.float64, device=density.device)
    read: Tensor = convolve(density.double()[None, None], window, None, stride, padding, dilation)
    return int(read.sum().item())


def convolution(
    result: Tensor,
    _constants: Container[int],
    input: Tensor,  # noqa: A002 - the name callers use
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Product:
    """Count a convolution; the arguments behind the first two are those of `torch.conv2d`. A bias is not counted."""
    del bias
    places = tuple(range(2, weight.dim()))
    batched = input if input.dim() == weight.dim() else input[None]
    present = (batched != 0).sum((0, 1))
    everything = torch.full_like(present, batched.shape[0] * batched.shape[1])
    each = weight.shape[0] // groups  # channels that hear of one channel
    window = tuple(weight.shape[axis] for axis in places)
    return Product(
        kind="convolution",
        values=values_of(input),
        inputs=input.numel(),
        events=int(present.sum()),
        uses=each * taps(present, window, stride, padding, dilation),
        dense_uses=each * taps(everything, window, stride, padding, dilation),
        macs=result.numel() * weight[0].numel(),
        outputs=result.numel(),
        weight_shape=tuple(weight.shape),
        stored=weight.numel(),
        owner=id(weight),
    )


def linear(
    result: Tensor,
    _constants: Container[int],
    input: Tensor,  # noqa: A002 - the name callers use
    weight: Tensor,
    bias: Tensor | None = None,
) -> Product:
    """Count a linear map; the arguments behind the first two are those of `functional.linear`."""
    del bias
    return _of_weight("linear", result, input, weight, fan_out=weight.shape[0])


def matrix_product(result: Tensor, constants: Container[int], input: Tensor, other: Tensor) -> Product:  # noqa: A002
    """Count `input @ other`.

    Where one is a layer's own (its id is among `constants`), the other holds the events and every event is used
    once for each row or column. Of two that come from the data, an operation counts where both factors are not zero.
    """
    if id(input) in constants:
        return _of_weight("product", result, other, input, fan_out=input.shape[-2])
    if id(other) in constants:
        return _of_weight("product", result, input, other, fan_out=other.shape[-1])
    width = input.shape[-1]
    left, right = (input != 0).sum(-2).double(), (other != 0).sum(-1).double()  # both (*, width)
    found = {"left": values_of(input), "right": values_of(other)}
    driving, kept = (other, input) if found["right"] == "spikes" != found["left"] else (input, other)
    return Product(
        kind="product",
        values=VALUES[min(map(VALUES.index, found.values()))],
        inputs=driving.numel(),
        events=int((driving != 0).sum()),
        uses=int((left * right).sum().item()),
        dense_uses=result.numel() * width,
        macs=result.numel() * width,
        outputs=result.numel(),
        weight_shape=(),
        stored=kept.numel(),
        owner=None,
    )


def _of_weight(kind: Kind, result: Tensor, data: Tensor, weight: Tensor, *, fan_out: int) -> Product:
    events = int((data != 0).sum())
    return Product(
        kind=kind,
        values=values_of(data),
        inputs=data.numel(),
        events=events,
        uses=events * fan_out,
        dense_uses=data.numel() * fan_out,
        macs=data.numel() * fan_out,
        outputs=result.numel(),
        weight_shape=tuple(weight.shape),
        stored=weight.numel(),
        owner=id(weight),
    )


_MATRIX_PRODUCTS = (torch.matmul, torch.mm, torch.bmm, Tensor.matmul, Tensor.__matmul__, Tensor.mm, Tensor.bmm)

COUNTED: dict[Callable[..., Any], Callable[..., Product]] = {
    **dict.fromkeys((torch.conv1d, torch.conv2d, torch.conv3d), convolution),
    functional.linear: linear,
    **dict.fromkeys(_MATRIX_PRODUCTS, matrix_product),
}
"""How to count what PyTorch was asked for."""

NOT_COUNTED = {
    torch.einsum,
    torch.addmm,
    torch.baddbmm,
    torch.conv_transpose1d,
    torch.conv_transpose2d,
    torch.conv_transpose3d,
    functional.bilinear,
    functional.scaled_dot_product_attention,
}
"""Products that nothing here is made of; one of them would go uncounted, so it is refused."""


def count_call(
    function: Callable[..., Any], result: Tensor, constants: Container[int], args: Any, kwargs: Any
) -> Product | None:
    """Count a call of PyTorch; None where it is no product.

    Raises:
        ColliculusError: it is a product of a kind that is not counted.
    """
    if function in NOT_COUNTED:
        raise ColliculusError(
            f"the energy of {getattr(function, '__name__', function)} cannot be counted: write it with @, linear or a "
            "convolution"
        )
    counter = COUNTED.get(function)
    return None if counter is None else counter(result, constants, *args, **kwargs)
