"""Trained weights as safetensors: tensors by name, without executable content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from colliculus.files.atomic import write_atomic
from colliculus.types import ColliculusError


def save_weights(model: nn.Module, path: Path) -> None:
    """Write all parameters and statistics of `model` as safetensors."""
    save_tensors(model.state_dict(), path)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write named tensors as safetensors."""
    stored = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomic(path, save(stored, metadata={"format": "pt"}))


def read_tensors(path: Path, fix: str = "train again") -> dict[str, Tensor]:
    """Read a file of `save_tensors`.

    Args:
        path: path of the file.
        fix: advice when it is lost.

    Raises:
        ColliculusError: the file is absent or damaged.
    """
    try:
        return load(path.read_bytes())
    except OSError as error:
        raise ColliculusError(
            f"{path} cannot be read ({error.strerror or error}): a training writes it at the end of its first epoch; "
            f"if it is lost, {fix}"
        ) from error
    except SafetensorError as error:
        raise ColliculusError(f"{path} is damaged, it is not safetensors: restore it or {fix}") from error


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
