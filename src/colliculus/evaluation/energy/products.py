"""Operations of one product of tensors: a convolution, a linear map or a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.evaluation.energy.events import VALUES, GradedSpikes, Values, events_of
from colliculus.types import ColliculusError

Kind = Literal["convolution", "linear", "product", "elementwise"]


@dataclass(frozen=True, kw_only=True)
class Product:
    """The operations of one product.

    Args:
        name: name of the module that owns the weight; empty where it is unknown or there is none.
        kind: convolution, linear map, product of two matrices neither of which is a layer's weight, or product value by
            value.
        values: kind of the data: "spikes" (0 or 1, or graded, so that a use is an addition), "counts" (whole numbers of
            at least 0) or "numbers".
        inputs: size of the operand whose non-zero values are the events.
        events: number of events; a graded spike is as many as it has levels.
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
    *,
    graded: GradedSpikes = GradedSpikes(),
) -> Product:
    """Count a convolution without its bias; the arguments after the first two are those of `torch.conv2d`."""
    del bias
    places = tuple(range(2, weight.dim()))
    batched = input if input.dim() == weight.dim() else input[None]
    present = events_of(batched, graded.units)[0].sum((0, 1), dtype=torch.float64)
    everything = torch.full_like(present, batched.shape[0] * batched.shape[1])
    each = weight.shape[0] // groups  # output channels that read one input channel
    window = tuple(weight.shape[axis] for axis in places)
    return replace(
        _of_weight("convolution", result, owners, input, weight, fan_out=each, graded=graded),
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
    *,
    graded: GradedSpikes = GradedSpikes(),
) -> Product:
    """Count a linear map without its bias; the arguments after the first two are those of `functional.linear`."""
    del bias
    return _of_weight("linear", result, owners, input, weight, fan_out=weight.shape[0], graded=graded)


def matrix_product(
    result: Tensor,
    owners: Mapping[int, str],
    input: Tensor,  # noqa: A002 - the name callers use
    other: Tensor,
    *,
    graded: GradedSpikes = GradedSpikes(),
) -> Product:
    """Count `input @ other`.

    Where one operand is a layer's own (its id is in `owners`), the other holds the events, and every event is used
    once for each row or column. Where both come from the data, an operation counts if both factors are not zero; of two
    graded spikes each level meets each level.
    """
    if id(input) in owners:
        return _of_weight("product", result, owners, other, input, fan_out=input.shape[-2], graded=graded)
    if id(other) in owners:
        return _of_weight("product", result, owners, input, other, fan_out=other.shape[-1], graded=graded)
    found, events = _of_data("product", result, input, other, terms=input.shape[-1], graded=graded)
    meetings = events[0].sum(-2) * events[1].sum(-1)  # (*, width)
    return replace(found, uses=int(meetings.sum()))


def elementwise(result: Tensor, input: Tensor, other: Tensor, *, graded: GradedSpikes = GradedSpikes()) -> Product:  # noqa: A002
    """Count `input * other`, value by value; both come from the data, and an axis of length 1 is repeated.

    An operation counts if both factors are not zero, and as an accumulate if one is a spike: it adds the other. Of two
    binary spikes the product is an AND, and takes less. Of two graded spikes each level meets each level.
    """
    found, events = _of_data("elementwise", result, input, other, terms=1, graded=graded)
    return replace(found, uses=int((events[0] * events[1]).sum()))


def tokenwise(
    result: Tensor, owners: Mapping[int, str], tokens: Tensor, weight: Tensor, *, graded: GradedSpikes
) -> Product:
    """Count weights of tokens, value by value: tokens (T, B, D, N) and a weight (maps, T, D, N), which has an owner."""
    return _of_weight("elementwise", result, owners, tokens, weight, fan_out=len(weight), graded=graded)


def _of_data(
    kind: Kind,
    result: Tensor,
    input: Tensor,  # noqa: A002 - the name callers use
    other: Tensor,
    *,
    terms: int,
    graded: GradedSpikes,
) -> tuple[Product, tuple[Tensor, Tensor]]:
    """A product of two operands from the data, without its uses; and the events of both, in float64.

    Args:
        kind: kind of the product.
        result: result of the product.
        input: one operand.
        other: the other.
        terms: products that are summed to one value of the result.
        graded: graded spikes there may be.
    """
    (of_input, left), (of_other, right) = (events_of(x, graded.units_of(x)) for x in (input, other))
    driving, events, kept = (other, of_other, input) if right == "spikes" != left else (input, of_input, other)
    product = Product(
        name="",
        kind=kind,
        values=VALUES[min(map(VALUES.index, (left, right)))],
        inputs=driving.numel(),
        events=int(events.sum(dtype=torch.float64)),
        uses=0,
        dense_uses=result.numel() * terms,
        macs=result.numel() * terms,
        outputs=result.numel(),
        weight_shape=(),
        stored=kept.numel(),
    )
    return product, (of_input.double(), of_other.double())


def _of_weight(
    kind: Kind,
    result: Tensor,
    owners: Mapping[int, str],
    data: Tensor,
    weight: Tensor,
    *,
    fan_out: int,
    graded: GradedSpikes,
) -> Product:
    each, values = events_of(data, graded.units)
    events = int(each.sum(dtype=torch.float64))
    return Product(
        name=owners.get(id(weight), ""),
        kind=kind,
        values=values,
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
    function: Callable[..., Any],
    result: Tensor,
    owners: Mapping[int, str],
    args: Any,
    kwargs: Any,
    graded: GradedSpikes = GradedSpikes(),
) -> Product | None:
    """Count a call of PyTorch; None where it is not a product. Spikes are unfolded as `graded` says.

    Raises:
        ColliculusError: it is a product of a kind that cannot be counted.
    """
    if function in NOT_COUNTED:
        raise ColliculusError(
            f"the energy of {getattr(function, '__name__', function)} cannot be counted: write it with @, linear or a "
            "convolution"
        )
    counter = COUNTED.get(function)
    return None if counter is None else counter(result, owners, *args, **kwargs, graded=graded)
