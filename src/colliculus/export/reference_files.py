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
"""Errors that reading a damaged file raises."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a training checkpoint, or a file that is a state dict. Only plain values are unpickled.

    Raises:
        ColliculusError: the file is absent or damaged, contains other objects than tensors and plain values, or no
            state dict.
    """
    try:
        with torch.serialization.safe_globals([Namespace]):  # the trainer's settings beside the weights
            found: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ColliculusError(f"{path} cannot be read ({error.strerror or error}): name a checkpoint file") from error
    except pickle.UnpicklingError as error:
        raise ColliculusError(
            f"{path} is not a checkpoint of tensors and plain values, or contains objects that could run code: save "
            "only its state_dict with torch.save"
        ) from error
    except _DAMAGED as error:
        raise ColliculusError(f"{path} is damaged, or not a file of torch.save: copy it again") from error
    tensors = _state_dict(found)
    if tensors is None:
        raise ColliculusError(f"{path} contains no state_dict of tensors: name a checkpoint of the reference program")
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
    """Content of a checkpoint file that `read_checkpoint` and the reference program can read."""
    buffer = io.BytesIO()
    torch.save({"state_dict": dict(tensors)}, buffer)
    return buffer.getvalue()
