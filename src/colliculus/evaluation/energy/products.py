"""Operations of one product of tensors: a convolution, a linear map or a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.types import ColliculusError

Kind = Literal["convolution", "linear", "product"]
Values = Literal["spikes", "counts", "numbers"]

VALUES: tuple[Values, ...] = ("spikes", "counts", "numbers")
"""From the cheapest to the most expensive."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """The operations of one product.

    Args:
        name: name of the module that owns the weight; empty where it is unknown or there is none.
        kind: convolution, linear map, or product of two operands neither of which is a layer's weight.
        values: kind of the data: "spikes" (all 0 or 1, so that a use is an addition), "counts" (whole numbers of at
            least 0) or "numbers".
        inputs: size of the operand whose non-zero values are the events.
        events: number of events.
        uses: operations in which every factor from the data is not zero: each event times its fan-out.
        dense_uses: `uses` if no value were zero; edges and stride considered.
        macs: multiply-accumulates as usually counted, padding included.
        outputs: size of the result.
        weight_shape: shape of the weight; empty where there is none.
        stored: numbers kept beside the events: weights, or the other operand.
    """

    name: str
    kind: Kind
    values: Values
    inputs: int
    events: int
    uses: int
    dense_uses: int
    macs: int
    outputs: int
    weight_shape: tuple[int, ...]
    stored: float


def values_of(x: Tensor) -> Values:
    """The kind of a tensor's values.

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
    """How often the windows of a convolution read the values at each place, summed over places.

    A place inside is read by every window that covers it, a place at the edge by fewer; padding is never read.

    Args:
        density: number of values at each place, (*), one axis for each of `kernel_size`.
        kernel_size: size of the window.
        stride: stride of the convolution.
        padding: zeros at the edges.
        dilation: distance between the window's taps.

    Example:
        >>> taps(torch.ones(3), (3,), padding=1), taps(torch.ones(3), (3,), stride=2, padding=1)
        (7, 4)
    """
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[len(kernel_size) - 1]
    window = torch.ones((1, 1, *kernel_size), dtype=torch.float64, device=density.device)
    read: Tensor = convolve(density.double()[None, None], window, None, stride, padding, dilation)
    return int(read.sum().item())


def convolution(  # noqa: PLR0917 the order is PyTorch's
    result: Tensor,
    owners: Mapping[int, str],
    input: Tensor,  # noqa: A002 - the name callers use
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Product:
    """Count a convolution without its bias; the arguments after the first two are those of `torch.conv2d`."""
    del bias
    places = tuple(range(2, weight.dim()))
    batched = input if input.dim() == weight.dim() else input[None]
    present = (batched != 0).sum((0, 1))
    everything = torch.full_like(present, batched.shape[0] * batched.shape[1])
    each = weight.shape[0] // groups  # output channels that read one input channel
    window = tuple(weight.shape[axis] for axis in places)
    return replace(
        _of_weight("convolution", result, owners, input, weight, fan_out=each),
        uses=each * taps(present, window, stride, padding, dilation),
        dense_uses=each * taps(everything, window, stride, padding, dilation),
        macs=result.numel() * weight[0].numel(),
    )


def linear(
    result: Tensor,
    owners: Mapping[int, str],
    input: Tensor,  # noqa: A002 - the name callers use
    weight: Tensor,
    bias: Tensor | None = None,
) -> Product:
    """Count a linear map without its bias; the arguments after the first two are those of `functional.linear`."""
    del bias
    return _of_weight("linear", result, owners, input, weight, fan_out=weight.shape[0])


def matrix_product(result: Tensor, owners: Mapping[int, str], input: Tensor, other: Tensor) -> Product:  # noqa: A002
    """Count `input @ other`.

    Where one operand is a layer's own (its id is in `owners`), the other holds the events, and every event is used
    once for each row or column. Where both come from the data, an operation counts if both factors are not zero.
    """
    if id(input) in owners:
        return _of_weight("product", result, owners, other, input, fan_out=input.shape[-2])
    if id(other) in owners:
        return _of_weight("product", result, owners, input, other, fan_out=other.shape[-1])
    width = input.shape[-1]
    left, right = (input != 0).sum(-2).double(), (other != 0).sum(-1).double()  # both (*, width)
    found = {"left": values_of(input), "right": values_of(other)}
    driving, kept = (other, input) if found["right"] == "spikes" != found["left"] else (input, other)
    return Product(
        name="",
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
    )


def _of_weight(
    kind: Kind, result: Tensor, owners: Mapping[int, str], data: Tensor, weight: Tensor, *, fan_out: int
) -> Product:
    events = int((data != 0).sum())
    return Product(
        name=owners.get(id(weight), ""),
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
    )


_MATRIX_PRODUCTS = (torch.matmul, torch.mm, torch.bmm, Tensor.matmul, Tensor.__matmul__, Tensor.mm, Tensor.bmm)

COUNTED: dict[Callable[..., Any], Callable[..., Product]] = {
    **dict.fromkeys((torch.conv1d, torch.conv2d, torch.conv3d), convolution),
    functional.linear: linear,
    **dict.fromkeys(_MATRIX_PRODUCTS, matrix_product),
}
"""Counter of each PyTorch function."""

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
"""Products that no counter knows; a model that uses one is refused."""


def count_call(
    function: Callable[..., Any], result: Tensor, owners: Mapping[int, str], args: Any, kwargs: Any
) -> Product | None:
    """Count a call of PyTorch; None where it is not a product.

    Raises:
        ColliculusError: it is a product of a kind that cannot be counted.
    """
    if function in NOT_COUNTED:
        raise ColliculusError(
            f"the energy of {getattr(function, '__name__', function)} cannot be counted: write it with @, linear or a "
            "convolution"
        )
    counter = COUNTED.get(function)
    return None if counter is None else counter(result, owners, *args, **kwargs)
