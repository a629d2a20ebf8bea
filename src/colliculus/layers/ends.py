"""Samples that end at different steps: the first 1, 2, ... T steps of a clip, side by side in one batch.

What follows a network's encoders must run again for each number of steps only where a step uses later ones. Within
`ending_at` these parts run for all numbers at once: each clip becomes as many samples as there are ends, and steps past
a sample's end count for nothing. What comes before such a part is common to all samples of a clip and is computed once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_ENDS: ContextVar[tuple[Tensor, int] | None] = ContextVar("ends", default=None)


@contextmanager
def ending_at(ends: Sequence[int], batch: int) -> Generator[None]:
    """Within this context every clip ends after each of these numbers of steps.

    Args:
        ends: E numbers of steps.
        batch: B, clips; what has B samples is common to all ends, what has E * B is not.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [4.0]])  # 3 steps of a clip
        >>> with ending_at([1, 3], batch=1):
        ...     until_end(x), mean_until_end(x)
        (tensor([[1., 1.],
                [0., 2.],
                [0., 4.]]), tensor([[1.0000, 2.3333]]))
        >>> until_end(x) is x
        True
    """
    token = _ENDS.set((torch.tensor(ends), batch))
    try:
        yield
    finally:
        _ENDS.reset(token)


def _ends() -> tuple[Tensor, int] | None:
    """The ends of the pass that runs and its number of clips; None where no ends are set, as in a compiled network."""
    return None if torch.compiler.is_dynamo_compiling() else _ENDS.get()


def until_end(x: Tensor) -> Tensor:
    """(T, B or E * B, *) -> (T, E * B, *) with zeros from each sample's end on; `x` itself where no ends are set."""
    if (found := _ends()) is None:
        return x
    ends, batch = found
    clips = x.unflatten(1, (len(ends), batch)) if x.shape[1] != batch else x.unsqueeze(1)
    return zero_from(clips, ends).flatten(1, 2)


def zero_from(x: Tensor, ends: Tensor) -> Tensor:
    """(T, 1 or E, B, *) -> (T, E, B, *) with zeros from each end (E,) on."""
    before = torch.arange(len(x), device=x.device)[:, None] < ends.to(x.device)
    return torch.where(before.view(*before.shape, *[1] * (x.ndim - 2)), x, 0)


def mean_until_end(x: Tensor) -> Tensor:
    """The mean over the steps of each sample, (T, B, *) -> (1, B, *), or (1, E * B, *) where ends are set."""
    if (found := _ends()) is None:
        return x.mean(0, keepdim=True)
    ends, batch = found
    sums = until_end(x).sum(0, keepdim=True).unflatten(1, (len(ends), batch))
    return (sums / ends.to(sums).view(-1, *[1] * (sums.ndim - 2))).flatten(1, 2)


def uses_later_steps(network: nn.Module) -> bool:
    """True if a step of the network depends on later ones: a part has `needs_window`, for whatever reason but one.

    A part that only has something of its own for each step says `uses_later_steps = False`.
    """
    return any(getattr(part, "uses_later_steps", True) for part in _parts_with_windows(network))


def heeds_ends(fusion: nn.Module) -> bool:
    """True if a fusion can run for all ends at once: it and all its parts with `needs_window` have `heeds_ends`."""
    return getattr(fusion, "heeds_ends", False) and all(
        getattr(part, "heeds_ends", False) for part in _parts_with_windows(fusion)
    )


def _parts_with_windows(network: nn.Module) -> list[nn.Module]:
    return [part for part in network.modules() if getattr(part, "needs_window", None)]


def for_each_end(x: Tensor, like: Tensor) -> Tensor:
    """`x` (A, B, *) repeated for every end if `like` (A', E * B, *) is; `x` itself if both have as many samples.

    Example:
        >>> for_each_end(torch.tensor([[1, 2]]), torch.zeros(1, 4))
        tensor([[1, 2, 1, 2]])
    """
    batch, samples = x.shape[1], like.shape[1]
    if batch == samples:
        return x
    return x.unsqueeze(1).expand(-1, samples // batch, *x.shape[1:]).flatten(1, 2)
