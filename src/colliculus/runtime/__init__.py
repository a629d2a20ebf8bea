"""Devices, precision and the processes of a training."""

from __future__ import annotations

from colliculus.runtime.launcher import may_restart
from colliculus.runtime.peers import PeerError
from colliculus.runtime.precision import InferencePrecision, LossScale, autocast, evaluated_in
from colliculus.runtime.runtime import Runtime, check_norm, choose_device, keep_buffers, keep_memory

__all__ = [
    "InferencePrecision",
    "LossScale",
    "PeerError",
    "Runtime",
    "autocast",
    "check_norm",
    "choose_device",
    "evaluated_in",
    "keep_buffers",
    "keep_memory",
    "may_restart",
]
