"""The state of a stream between two steps: plain tensors, which a file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from colliculus.runs.weights import read_tensors, save_tensors
from colliculus.types import ColliculusError

Tensors = Mapping[str, Tensor]


def _none() -> Tensors:
    return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenWindow:
    """A window of a stream that is not at its end.

    Args:
        step: steps that it has had.
        frames: frames of each modality so far, (n, B, C, H, W).
        membranes: membranes (B, *) of the neurons, by name.
        tokens: tokens of each modality so far, (t, B, D, N); empty in an endless stream.
        answers: what the last outputs of an endless stream were, (t, B, *), by the name of the field.
    """

    step: int = 0
    frames: Tensors = field(default_factory=_none)
    membranes: Tensors = field(default_factory=_none)
    tokens: Tensors = field(default_factory=_none)
    answers: Tensors = field(default_factory=_none)


_PARTS = tuple(each.name for each in fields(OpenWindow) if each.name != "step")


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamState:
    """Everything that a stream knows of the past.

    Args:
        batch: B, streams that run side by side.
        step: steps since the start.
        windows: windows that are not at their end, the oldest first.

    Example:
        >>> StreamState(batch=2).tensors()
        {'batch': tensor(2), 'step': tensor(0)}
    """

    batch: int
    step: int = 0
    windows: tuple[OpenWindow, ...] = ()

    @property
    def num_bytes(self) -> int:
        """Memory of its tensors in bytes."""
        return sum(x.numel() * x.element_size() for x in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """The state as one dict of tensors."""
        found = {"batch": torch.tensor(self.batch), "step": torch.tensor(self.step)}
        for number, window in enumerate(self.windows):
            found[f"{number}/step"] = torch.tensor(window.step)
            for part in _PARTS:
                held: Tensors = getattr(window, part)
                found |= {f"{number}/{part}/{name}": x for name, x in held.items()}
        return found

    @classmethod
    def of(cls, tensors: Tensors) -> Self:
        """The state that such a dict holds.

        Raises:
            ColliculusError: it holds no state of a stream.
        """
        try:
            numbers = sorted({int(name.split("/")[0]) for name in tensors if "/" in name})
            windows = tuple(_window(tensors, f"{number}/") for number in numbers)
            return cls(batch=int(tensors["batch"]), step=int(tensors["step"]), windows=windows)
        except (KeyError, ValueError) as error:
            raise ColliculusError("these tensors are not the state of a stream: give those of `tensors()`") from error

    def save(self, path: Path | str) -> None:
        """Write the state into a safetensors file.

        Raises:
            ColliculusError: the file cannot be written.
        """
        save_tensors({name: x.clone() for name, x in self.tensors().items()}, Path(path))  # windows share frames

    @classmethod
    def load(cls, path: Path | str, device: str | torch.device = "cpu") -> Self:
        """Read a state that `save` wrote.

        Raises:
            ColliculusError: the file is absent or damaged, or holds no state.
        """
        if not Path(path).is_file():
            raise ColliculusError(f"{path} does not exist: give a file that `StreamState.save` wrote")
        tensors = read_tensors(Path(path), "give a file that `StreamState.save` wrote")
        return cls.of({name: x.to(device) for name, x in tensors.items()})


def _window(tensors: Tensors, prefix: str) -> OpenWindow:
    def part(name: str) -> Tensors:
        start = f"{prefix}{name}/"
        return {key.removeprefix(start): x for key, x in tensors.items() if key.startswith(start)}

    return OpenWindow(step=int(tensors[f"{prefix}step"]), **{name: part(name) for name in _PARTS})
