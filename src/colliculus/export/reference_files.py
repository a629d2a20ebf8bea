"""Checkpoint files of the released S-CMRL program."""

from __future__ import annotations

import io
import pickle
import struct
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from colliculus.types import ColliculusError

_DAMAGED = (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError, struct.error)
"""What reading a file raises when some of its bytes are wrong."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict of a training checkpoint, or of a file that is one itself. Only plain values are unpickled.

    Raises:
        ColliculusError: the file is absent, damaged, holds other objects than tensors and plain values, or no state
            dict.
    """
    try:
        with torch.serialization.safe_globals([Namespace]):  # the settings a trainer keeps beside the weights
            found: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ColliculusError(f"{path} cannot be read ({error.strerror or error}): name a checkpoint file") from error
    except pickle.UnpicklingError as error:
        raise ColliculusError(
            f"{path} is no checkpoint of tensors and plain values, or holds objects that could run code: save its "
            "state_dict alone with torch.save"
        ) from error
    except _DAMAGED as error:
        raise ColliculusError(f"{path} is damaged, or no file that torch.save wrote: give it anew") from error
    tensors = _state_dict(found)
    if tensors is None:
        raise ColliculusError(f"{path} holds no state_dict of tensors: name a checkpoint of the reference program")
    return tensors


def _state_dict(found: object) -> dict[str, Tensor] | None:
    if not isinstance(found, Mapping):
        return None
    entries = cast("Mapping[Any, Any]", found)
    inner = entries.get("state_dict", entries)
    if not isinstance(inner, Mapping) or not inner:
        return None
    tensors = dict(cast("Mapping[Any, Any]", inner))
    return tensors if all(isinstance(n, str) and isinstance(v, Tensor) for n, v in tensors.items()) else None


def checkpoint_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Content of a checkpoint file that `read_checkpoint` and the reference program read."""
    buffer = io.BytesIO()
    torch.save({"state_dict": dict(tensors)}, buffer)
    return buffer.getvalue()
