"""The `torchrun` that started this process: what it says in its variables, and the process that ends with it."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import NamedTuple

from colliculus.types import ColliculusError

POLL_S = 0.5
PATIENCE_S = 30.0
"""Seconds that `torchrun` on another machine may take to answer."""


def follow_launcher() -> bool:
    """End this process soon after the `torchrun` that started it; without one this does nothing.

    A kill of `torchrun` does not reach its processes. PyTorch would let them wait for its store, or train on unseen in
    the folder of a training that somebody starts again.

    Returns:
        True where a `torchrun` keeps the store in which its processes meet.

    Raises:
        ColliculusError: it has ended already.

    Example:
        >>> follow_launcher()  # no torchrun here
        False
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return False
    parent = os.getppid()  # before the store is asked: whatever ends later is noticed
    address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    try:
        socket.create_connection((address, int(port)), timeout=PATIENCE_S).close()
    except OSError as error:
        raise ColliculusError(
            f"torchrun ended, or cannot be reached at {address}:{port}: start it again with --resume"
        ) from error
    threading.Thread(target=_end_after, args=(parent,), name="launcher", daemon=True).start()
    return True


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)  # a thread that waits within PyTorch heeds no signal; files are whole after any kill


class World(NamedTuple):
    """Numbers that `torchrun` gives a process."""

    size: int
    rank: int
    local_rank: int
    """Number of the process on its machine, which is the number of its GPU."""


def world() -> World:
    """The processes, by the variables that `torchrun` sets.

    Raises:
        ColliculusError: one is not such a number, or is missing.

    Example:
        >>> world()  # no torchrun here
        World(size=1, rank=0, local_rank=0)
    """
    size, rank, local_rank = (_variable(name, least) for name, least in _COUNTS.items())
    if size > 1 and (lacking := [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]):
        raise ColliculusError(f"WORLD_SIZE is {size} and {lacking[0]} is not set: start the processes by torchrun")
    if size > 1 and max(rank, local_rank) >= size:
        raise ColliculusError(f"RANK or LOCAL_RANK is not below the WORLD_SIZE {size}: start the processes by torchrun")
    if size > 1 and not 0 < _variable("MASTER_PORT", 0) < 2**16:
        raise ColliculusError(f"MASTER_PORT is {os.environ['MASTER_PORT']}: start the processes by torchrun")
    return World(size, rank, local_rank)


def may_restart() -> bool:
    """True under a `torchrun` that starts its processes again when one fails (`--max-restarts`).

    The number of restarts so far (TORCHELASTIC_RESTART_COUNT) does not say it: a machine that joins in the place of a
    lost one starts at 0, and the others do not count that restart either.

    Example:
        >>> may_restart()  # no torchrun here
        False
    """
    return _variable("TORCHELASTIC_MAX_RESTARTS", 0) > 0


_COUNTS = {"WORLD_SIZE": 1, "RANK": 0, "LOCAL_RANK": 0}


def _variable(name: str, least: int) -> int:
    text = os.environ.get(name, str(least))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise ColliculusError(
            f"the environment variable {name} is {text!r}: unset it, or start the processes by torchrun, which sets it"
        )
    return int(text)
