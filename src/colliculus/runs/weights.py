"""Trained weights as safetensors: tensors by name, without executable content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from colliculus.files.atomic import write_atomic
from colliculus.files.documents import Document, as_document
from colliculus.files.plain import parse_json
from colliculus.types import ColliculusError

_DIGEST = "sha256"  # of the bytes of the tensors, in the metadata


def save_weights(model: nn.Module, path: Path) -> str:
    """Write all parameters and statistics of `model` as safetensors; returns the SHA-256 digest of the file."""
    return save_tensors(model.state_dict(), path)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> str:
    """Write named tensors as safetensors, with the digest of their bytes; returns the SHA-256 digest of the file."""
    stored = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header, body = _split(save(stored))
    header = {"__metadata__": {"format": "pt", _DIGEST: sha256(body).hexdigest()}, **header}
    text = json.dumps(header, separators=(",", ":")).encode()  # safetensors would write metadata in a random order
    text += b" " * (-len(text) % 8)
    content = len(text).to_bytes(8, "little") + text + body
    write_atomic(path, content)
    return sha256(content).hexdigest()


def read_tensors(path: Path, fix: str = "train again") -> dict[str, Tensor]:
    """Read a file of `save_tensors`.

    Args:
        path: path of the file.
        fix: advice when it is lost.

    Raises:
        ColliculusError: the file is absent or damaged: no safetensors, or its bytes differ from their digest.
    """
    try:
        content = path.read_bytes()
        tensors = load(content)
    except OSError as error:
        raise ColliculusError(
            f"{path} cannot be read ({error.strerror or error}): a training writes it at the end of its first epoch; "
            f"if it is lost, {fix}"
        ) from error
    except SafetensorError as error:
        raise ColliculusError(f"{path} is damaged, it is not safetensors: restore it or {fix}") from error
    header, body = _split(content)
    stated = header.get("__metadata__", {}).get(_DIGEST)
    if stated is not None and stated != sha256(body).hexdigest():  # version 0.1 and other programs state none
        raise ColliculusError(f"{path} has changed since it was written, its digest differs: restore it or {fix}")
    return tensors


def _split(content: bytes) -> tuple[Document, memoryview]:
    """Header and tensors of safetensors: the length of the header in 8 bytes, the header as JSON, the bytes."""
    start = 8 + int.from_bytes(content[:8], "little")
    return as_document(parse_json(content[8:start].decode())), memoryview(content)[start:]


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a file of `save_weights` into `model`.

    Raises:
        ColliculusError: the file is absent or damaged, or holds the weights of another model or of one that diverged.
    """
    found = read_tensors(path)
    wanted = model.state_dict()
    for name in wanted | found:
        ours, theirs = (tuple(x[name].shape) if name in x else None for x in (wanted, found))
        if ours != theirs:
            raise ColliculusError(
                f"{path} belongs to another model, its {name} has shape {theirs} where run.yaml asks for {ours}: "
                "restore the two files of one run"
            )
        if not found[name].isfinite().all():  # spikes hide it: a layer of NaN is silent, and the logits are finite
            raise ColliculusError(
                f"{path} holds numbers in {name} that are not finite, the training diverged: lower the learning rate "
                "or set a clip_norm"
            )
    model.load_state_dict(found)
