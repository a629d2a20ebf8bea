"""A name that the processes of one start agree on, in a store that earlier starts have used."""

from __future__ import annotations

import time
from typing import Protocol
from uuid import uuid4

POLL_S, PATIENCE_S = 0.02, 1800.0
"""PATIENCE_S: seconds that the last process may come after the first, as PyTorch waits for a group."""


class KeyValues(Protocol):
    """A store of PyTorch."""

    def set(self, key: str, value: str, /) -> None:
        """Keep a value."""

    def get(self, key: str, /) -> bytes:
        """The value of a key; waits for it."""
        ...

    def check(self, keys: list[str], /) -> bool:
        """True if all keys have values."""
        ...


def agreed_name(store: KeyValues, rank: int, world_size: int) -> str:
    """A name that rank 0 invents and every process of this start gets.

    `torchrun` keeps its store when it starts processes again, so that PyTorch reads the addresses of the processes
    before (https://github.com/pytorch/pytorch/issues/135712); behind a prefix of this name there are none. Whatever a
    process reads here may be old as well. So every process asks under a word of its own, which only an answer to it
    can hold, and rank 0 answers until each has confirmed the new name.

    Args:
        store: store that all processes share.
        rank: number of this process.
        world_size: number of processes.

    Raises:
        RuntimeError: a process did not come.

    Example:
        >>> from torch.distributed import HashStore
        >>> len(agreed_name(HashStore(), 0, 1))
        32
    """
    name = uuid4().hex
    if rank:
        store.set(f"colliculus/asks/{rank}", name)
        agreed = store.get(f"colliculus/answer/{name}").decode()
        store.set(f"colliculus/{agreed}/{rank}", "here")
        return agreed
    coming, until = set(range(1, world_size)), time.monotonic() + PATIENCE_S
    while coming:
        for other in sorted(coming):
            if store.check([f"colliculus/asks/{other}"]):
                store.set(f"colliculus/answer/{store.get(f'colliculus/asks/{other}').decode()}", name)
            if store.check([f"colliculus/{name}/{other}"]):
                coming.remove(other)
        if time.monotonic() > until:
            raise RuntimeError(f"rank {min(coming)} did not come within {PATIENCE_S:.0f} s")
        time.sleep(POLL_S)
    return name
