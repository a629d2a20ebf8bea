"""Less memory for more time: what a module computed is computed again when the backward pass needs it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]
from torch.utils.checkpoint import checkpoint


def recomputed(module: nn.Module, x: Tensor) -> Tensor:
    """module(x), of which only `x` is kept for the backward pass; the gradients are those of module(x), to the digit.

    Running statistics move once, and random numbers are drawn as they were.

    Example:
        >>> import torch
        >>> layer, x = nn.Linear(3, 2), torch.ones(1, 3)
        >>> torch.equal(recomputed(layer, x), layer(x))
        True
    """
    again: Tensor = checkpoint(  # type: ignore[no-untyped-call]
        module, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _statistics_stand(module))
    )
    return again


@contextmanager
def _statistics_stand(module: nn.Module) -> Generator[None]:
    """The second time, no running statistics move."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
