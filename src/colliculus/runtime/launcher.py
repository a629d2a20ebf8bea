"""The `torchrun` that started this process, which ends with it."""

from __future__ import annotations

import os
import socket
import threading
import time

from colliculus.types import ColliculusError

POLL_S = 0.5
PATIENCE_S = 30.0
"""Seconds that `torchrun` on another machine may take to answer."""


def follow_launcher() -> None:
    """End this process soon after the `torchrun` that started it; without one this does nothing.

    A kill of `torchrun` does not reach its processes. PyTorch would let them wait for its store, or train on unseen in
    the folder of a training that somebody starts again.

    Raises:
        ColliculusError: it has ended already.

    Example:
        >>> follow_launcher()  # no torchrun here
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return
    parent = os.getppid()  # before the store is asked: whatever ends later is noticed
    address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    try:
        socket.create_connection((address, int(port)), timeout=PATIENCE_S).close()
    except OSError as error:
        raise ColliculusError(
            f"torchrun ended, or cannot be reached at {address}:{port}: start it again with --resume"
        ) from error
    threading.Thread(target=_end_after, args=(parent,), name="launcher", daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)  # a thread that waits within PyTorch heeds no signal; files are whole after any kill
