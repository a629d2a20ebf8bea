"""Devices, precision and the processes of a training."""

from __future__ import annotations

from colliculus.runtime.launcher import may_restart
from colliculus.runtime.peers import PeerError
from colliculus.runtime.runtime import (
    InferencePrecision,
    Runtime,
    autocast,
    check_norm,
    choose_device,
    keep_memory,
)

__all__ = [
    "InferencePrecision",
    "PeerError",
    "Runtime",
    "autocast",
    "check_norm",
    "choose_device",
    "keep_memory",
    "may_restart",
]
