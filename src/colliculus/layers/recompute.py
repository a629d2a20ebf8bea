"""Less memory for more time: the backward pass computes the activations of a module again."""

from __future__ import annotations

from contextlib import nullcontext

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]
from torch.utils.checkpoint import checkpoint


def recomputed(module: nn.Module, x: Tensor) -> Tensor:
    """module(x), storing only `x` for the backward pass; the gradients equal those of module(x) in every digit.

    Running statistics are updated once, and the second pass draws the same random numbers.

    Example:
        >>> import torch
        >>> layer, x = nn.Linear(3, 2), torch.ones(1, 3)
        >>> torch.equal(recomputed(layer, x), layer(x))
        True
    """
    again: Tensor = checkpoint(  # type: ignore[no-untyped-call]
        module, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _StatisticsStand(module))
    )
    return again


class _StatisticsStand:
    """Context that keeps the running statistics of a module unchanged; entered once in each backward pass.

    A balance may ask for gradients twice, so that a context of `contextlib`, which serves once, would not do.
    """

    def __init__(self, module: nn.Module) -> None:
        self._norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
        self._before: list[tuple[float | None, Tensor | None]] = []

    def __enter__(self) -> None:
        tracked = (norm.num_batches_tracked for norm in self._norms)
        counts = [None if count is None else count.clone() for count in tracked]
        self._before = list(zip((norm.momentum for norm in self._norms), counts, strict=True))
        for norm in self._norms:
            norm.momentum = 0.0

    def __exit__(self, *_: object) -> None:
        for norm, (momentum, count) in zip(self._norms, self._before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
