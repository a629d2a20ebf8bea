"""Trained weights as safetensors: tensors by name, and nothing that could run."""

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


def read_tensors(path: Path, mend: str = "train again") -> dict[str, Tensor]:
    """Read what `save_tensors` wrote.

    Args:
        path: of the file.
        mend: what to do when it is lost.

    Raises:
        ColliculusError: the file is absent or damaged.
    """
    try:
        return load(path.read_bytes())
    except OSError as error:
        raise ColliculusError(
            f"{path} cannot be read ({error.strerror or error}): a training writes it when its first epoch "
            f"ends; where it is lost, {mend}"
        ) from error
    except SafetensorError as error:
        raise ColliculusError(f"{path} is damaged, it is not safetensors: restore it or {mend}") from error


def load_weights(model: nn.Module, path: Path) -> None:
    """Read what `save_weights` wrote into `model`.

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
        if not found[name].isfinite().all():  # spikes hide it: a layer of NaN is silent, and the answer finite
            raise ColliculusError(
                f"{path} holds numbers in {name} that are not finite, the training diverged: lower the learning rate "
                "or set a clip_norm"
            )
    model.load_state_dict(found)
