"""Clusters of Ray: join one that runs, or start one on this machine for as long as it is needed."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from colliculus.types import ColliculusError


@contextmanager
def joined(address: str) -> Generator[Any]:
    """The package `ray`, connected to a cluster; one that the caller has joined before is used and left connected.

    Args:
        address: of a running cluster, such as "auto", "HOST:6379" or "ray://HOST:10001"; "local" starts one on this
            machine, which ends with the block.

    Raises:
        ColliculusError: Ray is not installed, or the cluster does not answer.
    """
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise ColliculusError("a Ray cluster needs the package ray: pip install 'colliculus[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    _join(ray, address)
    try:
        yield ray
    finally:
        ray.shutdown()


def _join(ray: Any, address: str) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    of_its_own = {"include_dashboard": False} if address == "local" else {}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **of_its_own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ColliculusError(f"the Ray cluster at {address} cannot be joined: {in_short(error)}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray's own handler would end the program before it has tidied up


def in_short(error: BaseException) -> str:
    r"""Kind and first line of an error of Ray, or of the error that it reports, without colours.

    Example:
        >>> in_short(ConnectionError("no cluster\nsecond line"))
        'ConnectionError: no cluster'
    """
    error = getattr(error, "cause", None) or error
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().partition("\n")[0]
    return f"{type(error).__name__}{text and ': '}{text}"
