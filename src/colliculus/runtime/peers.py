"""Errors of a training of several processes: which rank failed, and that another one did."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from colliculus.records.console import RankError
from colliculus.types import ColliculusError


class PeerError(ColliculusError):
    """Another rank failed, and says itself why."""


@contextmanager
def peers() -> Generator[None]:
    """Report in a sentence that another process is gone; gloo and NCCL raise RuntimeError for it.

    Raises:
        PeerError: it is.

    Example:
        >>> with peers():
        ...     raise RuntimeError("[gloo/pair.cc:5] Connection closed by peer [127.0.0.1]:5. More")
        Traceback (most recent call last):
        ...
        colliculus.runtime.peers.PeerError: another process of this training ended or cannot be reached (...): read ...
    """
    try:
        yield
    except RuntimeError as error:
        cause = (
            str(error).splitlines()[0].rpartition(".cc:")[2].partition("] ")[2].partition(". ")[0]
            or type(error).__name__
        )
        raise PeerError(
            f"another process of this training ended or cannot be reached ({cause}): read its message, then start all"
            " processes again with --resume"
        ) from error


@contextmanager
def named_errors(rank: int) -> Generator[None]:
    """Name the rank in its own errors, except on rank 0, whose errors are printed anyway.

    Raises:
        RankError: in place of any other `ColliculusError`, except a `PeerError`.

    Example:
        >>> with named_errors(3):
        ...     raise ColliculusError("clips/a.wav is empty: copy it again")
        Traceback (most recent call last):
        ...
        colliculus.records.console.RankError: rank 3: clips/a.wav is empty: copy it again
    """
    try:
        yield
    except (PeerError, RankError):
        raise
    except ColliculusError as error:
        if not rank:
            raise
        raise RankError(f"rank {rank}: {error}") from error
