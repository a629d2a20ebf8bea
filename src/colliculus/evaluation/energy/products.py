"""Operations of one product of tensors: a convolution, a linear map or a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def values_of(x: Tensor) -> Values:
    """The kind of a tensor's values.

    Example:
        >>> [values_of(torch.tensor(x)) for x in ([0.0, 1.0], [0.0, 2.0], [0.0, 0.5], [-1.0])]
        ['spikes', 'counts', 'numbers', 'numbers']
    """
    if bool(((x == 0) | (x == 1)).all()):
        return "spikes"
    return "counts" if bool(((x >= 0) & (x == x.round())).all()) else "numbers"


@dataclass(frozen=True)
class GradedSpikes:
    """Where graded spikes may be found.

    Args:
        units: values of one level; empty where there are only binary spikes, or none.
        storages: addresses of the memory that the neurons wrote.
    """

    units: tuple[float, ...] = ()
    storages: frozenset[int] = frozenset()

    def units_of(self, x: Tensor) -> tuple[float, ...]:
        """The units if `x` is what a neuron sent, or a view of it; sums of products may be multiples of them too."""
        return self.units if x.untyped_storage().data_ptr() in self.storages else ()


def events_of(x: Tensor, units: Sequence[float] = ()) -> tuple[Tensor, Values]:
    """Number of events at each place of a tensor, and the kind of its values.

    Graded spikes, or sums of them, are multiples of a unit of at least 0. Unfolded they are binary spikes, one for each
    level, and each is an event. Any other value is one event, unless it is 0.

    Args:
        x: the values.
        units: values of a level of the graded neurons that `x` may come from; the largest that divides all is taken.

    Example:
        >>> x = torch.tensor([0.0, 0.5, 2.0])
        >>> events_of(x), events_of(x, units=[0.5])
        ((tensor([0., 1., 1.]), 'numbers'), (tensor([0., 1., 4.]), 'spikes'))
    """
    for unit in sorted(units, reverse=True):
        levels = (x / unit).round()
        if bool(((x >= 0) & ((x - levels * unit).abs() <= 1e-5 * unit * levels.clamp(min=1))).all()):
            return levels, "spikes"
    return (x != 0).to(x.dtype), values_of(x)


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
    width = input.shape[-1]
    (of_input, left), (of_other, right) = (events_of(x, graded.units_of(x)) for x in (input, other))
    driving, events, kept = (other, of_other, input) if right == "spikes" != left else (input, of_input, other)
    meetings = of_input.sum(-2, dtype=torch.float64) * of_other.sum(-1, dtype=torch.float64)  # (*, width)
    return Product(
        name="",
        kind="product",
        values=VALUES[min(map(VALUES.index, (left, right)))],
        inputs=driving.numel(),
        events=int(events.sum(dtype=torch.float64)),
        uses=int(meetings.sum().item()),
        dense_uses=result.numel() * width,
        macs=result.numel() * width,
        outputs=result.numel(),
        weight_shape=(),
        stored=kept.numel(),
    )


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
