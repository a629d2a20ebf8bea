"""Tensors as rows: T of them, each the numbers of one step in the order in which memory holds them."""

from __future__ import annotations

from torch import Tensor, empty_like


def time_first(x: Tensor) -> Tensor:
    """`x` (T, *) itself where its steps lie one after the other and each is dense, else a copy that does.

    Within a step the order of the dimensions in memory stays what it was, channels_last for one.

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
    """Room for (steps, *), laid out as `x`, which is `time_first`."""
    size = x[0].numel()
    return x.new_empty_strided((steps, *x.shape[1:]), (size, *x.stride()[1:]))


def laid_out_as(x: Tensor, model: Tensor) -> Tensor:
    """`x` in the dtype of `model` and with its steps laid out as the steps of `model`, copied only where it is not."""
    strides = (model[0].numel(), *model.stride()[1:])
    if x.stride() == strides and x.dtype == model.dtype:
        return x
    return model.new_empty_strided(x.shape, strides).copy_(x)


def rows(x: Tensor) -> Tensor:
    """(T, *) as (T, n), a view; `x` is `time_first`."""
    size = x[0].numel()
    return x.as_strided((x.shape[0], size), (size, 1))
