"""Tensors as T rows, each with the numbers of one step in their order in memory."""

from __future__ import annotations

from collections.abc import Iterable

from torch import (
    Tensor,
    channels_last,
    contiguous_format,
    empty_like,
    float32,
    get_num_threads,
    memory_format,
    promote_types,
)

Rows = tuple[Tensor, ...]
BLOCK = 1 << 17
"""Columns in a thread's block: 512 KiB, small enough for the caches, large enough to hide the cost of a call."""


def time_first(x: Tensor) -> Tensor:
    """`x` (T, *) itself if its steps are dense and one after the other in memory, else a copy with that layout.

    Within a step the order of the dimensions in memory does not change, for example channels_last.

    Example:
        >>> import torch
        >>> x = torch.zeros(4, 2, 3, 5, 5).to(memory_format=torch.preserve_format)
        >>> time_first(x) is x, time_first(x.movedim(0, 1).contiguous().movedim(1, 0)).stride() == x.stride()
        (True, True)
    """
    if x.is_contiguous():
        return x
    step = x[0]
    strides = empty_like(step).stride()
    if strides == step.stride() and (x.shape[0] == 1 or x.stride(0) == step.numel()):
        return x
    return x.new_empty_strided(x.shape, (step.numel(), *strides)).copy_(x)


def empty_steps(x: Tensor, steps: int) -> Tensor:
    """An empty (steps, *) with the layout of `x`, which is `time_first`."""
    size = x[0].numel()
    return x.new_empty_strided((steps, *x.shape[1:]), (size, *x.stride()[1:]))


def membranes_for(x: Tensor, before: Tensor | None) -> Tensor:
    """A copy of the membranes `before`, or zeros, with the layout of a step of `x` (T, *), in float32 or wider.

    `x` is `time_first`.
    """
    after = x.new_empty_strided(x.shape[1:], x.stride()[1:], dtype=promote_types(x.dtype, float32))
    return after.zero_() if before is None else after.copy_(before)


def laid_out_as(x: Tensor, model: Tensor) -> Tensor:
    """`x` with the dtype of `model` and the layout of its steps; copied only if necessary."""
    strides = (model[0].numel(), *model.stride()[1:])
    if x.stride() == strides and x.dtype == model.dtype:
        return x
    return model.new_empty_strided(x.shape, strides).copy_(x)


def layout_of(images: Tensor) -> memory_format:
    """channels_last if images (B, C, H, W) lie so in memory, else contiguous.

    Example:
        >>> import torch
        >>> layout_of(torch.zeros(2, 3, 4, 4)), layout_of(torch.zeros(2, 4, 4, 3).movedim(-1, 1))
        (torch.contiguous_format, torch.channels_last)
    """
    last = images.is_contiguous(memory_format=channels_last) and not images.is_contiguous()
    return channels_last if last else contiguous_format


def rows(x: Tensor) -> Tensor:
    """(T, *) as (T, n), a view; `x` is `time_first`."""
    size = x[0].numel()
    return x.as_strided((x.shape[0], size), (size, 1))


def width(x: Tensor) -> int:
    """Columns of a block; on a GPU all of them."""
    return BLOCK * get_num_threads() if x.device.type == "cpu" else max(1, x[0].numel())


def blocks(x: Tensor) -> Iterable[Rows]:
    """(T, *) split into blocks of columns, each as its T rows; `x` is `time_first`."""
    return (block.unbind(0) for block in rows(x).split(width(x), dim=1))
