"""The epochs in which a balance acts."""

from __future__ import annotations

from colliculus.types import ColliculusError


def check_epochs(balance: str, first: int, last: int | None) -> None:
    """Check that the epoch range is valid.

    Raises:
        ColliculusError: the first epoch is below 1, or the last one is before it.
    """
    if first < 1 or (last is not None and last < first):
        raise ColliculusError(f"`first_epoch` of {balance} must be at least 1, and `last_epoch` not before it")


def acts_in(epoch: int, first: int, last: int | None) -> bool:
    """True if an epoch, counted from 0, lies in the range of first and last, counted from 1; None has no end.

    Example:
        >>> [acts_in(epoch, first=2, last=3) for epoch in range(4)]
        [False, True, True, False]
    """
    return first <= epoch + 1 and (last is None or epoch + 1 <= last)
