"""The epochs in which a balance acts."""

from __future__ import annotations

from dataclasses import dataclass

from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class EpochRange:
    """Settings of a balance that acts in some epochs.

    Example:
        >>> [EpochRange(first_epoch=2, last_epoch=3).acts_in(epoch) for epoch in range(4)]
        [False, True, True, False]
    """

    first_epoch: int = 1
    """First epoch in which it acts."""
    last_epoch: int | None = None
    """Last epoch in which it acts; None has no end."""

    def __post_init__(self) -> None:
        if self.first_epoch < 1 or (self.last_epoch is not None and self.last_epoch < self.first_epoch):
            raise ColliculusError(
                f"a balance cannot act from `first_epoch` {self.first_epoch} to `last_epoch` {self.last_epoch}: count "
                "from 1, and do not let it end before it begins"
            )

    def acts_in(self, epoch: int) -> bool:
        """True if an epoch, counted from 0, lies in the range, counted from 1."""
        return self.first_epoch <= epoch + 1 and (self.last_epoch is None or epoch + 1 <= self.last_epoch)
