"""The words that every part of the library shares.

Shape legend (time comes first everywhere):

====== =======================================================
T      time steps
B      samples of a batch
C,H,W  channels, height and width of an input
D      width of a token
N      tokens of a modality
K      classes
M      modalities
====== =======================================================

A *static* input is (B, C, H, W), a *sequence* is (T, B, C, H, W). A modality is a name ("audio", "visual", any other);
wherever modalities stand in a mapping, its order is the declared order of the `DataSpec`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # this module imports no torch, so that `colliculus --help` stays instant
    import torch
    from torch import Tensor

UNIMODAL = "unimodal"
"""Name of the loss term of the modalities' own heads, or its beginning where each modality has a term."""

SnrOf = Literal["standardised", "raw"]
"""Input whose power a signal-to-noise ratio refers to: as the network gets it, or before it is standardised."""

MOST_DB = 200
"""Largest SNR in dB: beyond it, float32 keeps either the signal or the noise alone."""

_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    r"""Text with its control characters, direction marks and lone surrogates as escapes, except those of `keep`.

    Names come from others: a terminal would obey an escape sequence, and a direction mark shows a name in disguise.

    Example:
        >>> printable("cat\x1b[2J\u202egnp.exe\n")
        'cat\\x1b[2J\\u202egnp.exe\\n'
    """
    return _HIDDEN.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)


class ColliculusError(ValueError):
    """A mistake that the user can fix: one sentence says what is wrong and what to do (exit code 2 of a command).

    Args:
        sentence: names in it may come from others; it becomes `printable`.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ColliculusError:
    """The error for an unknown name: it offers the nearest known one, else all of them.

    Example:
        >>> unknown_name("preset", "s-crml", ["s-cmrl", "audio"])
        ColliculusError("unknown preset 's-crml': did you mean 's-cmrl'?")
        >>> unknown_name("verb", "x", ["train", "show"])
        ColliculusError("unknown verb 'x': choose one of train, show")
    """
    names = list(known)
    nearest = get_close_matches(name, names, n=1, cutoff=0.5)
    fix = f"did you mean {nearest[0]!r}?" if nearest else f"choose one of {', '.join(names)}"
    return ColliculusError(f"unknown {kind} {name!r}: {fix}")


def refuse_unread(settings: Any, names: Iterable[str], where: str) -> None:
    """Refuse changed values of settings that other settings switch off.

    Args:
        settings: a dataclass whose fields have defaults.
        names: fields that have no effect.
        where: the reason in words, such as "without `alignment`".

    Raises:
        ColliculusError: one of them is not at its default.
    """
    for each in (each for each in fields(settings) if each.name in names):
        default = each.default if each.default_factory is MISSING else each.default_factory()
        for name, value, unchanged in _changed(each.name, getattr(settings, each.name), default):
            raise ColliculusError(f"`{name}` is {value}, which has no effect {where}: leave it at {unchanged}")


def _changed(name: str, value: Any, default: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and default of each setting that is not at its default."""
    if is_dataclass(value):
        for each in fields(value):
            yield from _changed(f"{name}.{each.name}", getattr(value, each.name), getattr(default, each.name))
    elif value != default:
        yield name, value, default


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """Everything that a model must know about its data.

    Args:
        channels: C of each modality; the keys declare the modalities and their order.
        sizes: (H, W) of each modality; a modality not named here may have any size.
        num_classes: K.
        steps: T of each sequence, which a model then checks; a modality not named here is static, or a sequence of any
            length.
        class_names: K names; empty means "0", "1", ...

    Raises:
        ColliculusError: the mappings disagree or a number is not positive.

    Example:
        >>> sizes = {"audio": (48, 48), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> spec.modalities
        ('audio', 'visual')
        >>> spec.input_shape("visual", batch=2)
        (2, 3, 32, 32)
    """

    channels: Mapping[str, int]
    sizes: Mapping[str, tuple[int, int]]
    num_classes: int
    steps: Mapping[str, int] = field(default_factory=dict[str, int])
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.channels:
            raise ColliculusError("a DataSpec needs at least one modality in `channels`")
        if unknown := set(self.sizes) - set(self.channels):
            raise ColliculusError(f"`sizes` names {sorted(unknown)}, which `channels` does not declare")
        if dotted := [m for m in self.channels if not m or "." in m]:
            raise ColliculusError(f"a modality cannot be called {dotted[0]!r}: choose a name without a dot")
        if unknown := set(self.steps) - set(self.channels):
            raise ColliculusError(f"`steps` names {sorted(unknown)}, which `channels` does not declare")
        numbers = [*self.channels.values(), *self.steps.values(), *(n for size in self.sizes.values() for n in size)]
        if min(numbers) < 1 or self.num_classes < 2:
            raise ColliculusError("channels, sizes and steps must be at least 1 and `num_classes` at least 2")
        if self.class_names and len(self.class_names) != self.num_classes:
            raise ColliculusError(f"{len(self.class_names)} class names were given for {self.num_classes} classes")

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities in declared order."""
        return tuple(self.channels)

    @property
    def names(self) -> tuple[str, ...]:
        """K class names; "0", "1", ... where none were given."""
        return self.class_names or self.numbers

    @property
    def numbers(self) -> tuple[str, ...]:
        """The classes by number: "0", "1", ..."""
        return tuple(str(k) for k in range(self.num_classes))

    def input_shape(self, modality: str, batch: int) -> tuple[int, ...]:
        """Shape of a batch of `modality`: (B, C, H, W) when static, (T, B, C, H, W) for a sequence."""
        shape = (batch, self.channels[modality], *self.size(modality))
        return (self.steps[modality], *shape) if modality in self.steps else shape

    def size(self, modality: str) -> tuple[int, int]:
        """(H, W) of `modality`.

        Raises:
            ColliculusError: `sizes` does not name it.
        """
        if modality not in self.sizes:
            raise ColliculusError(
                f"the size of {modality} is not known: give the DataSpec its `sizes` (import a checkpoint with --sizes)"
            )
        return self.sizes[modality]

    def frame(self, modality: str) -> str:
        """(C, H, W) of `modality` as text, with "any" where every number is accepted.

        Example:
            >>> DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (48, 48)}, num_classes=6).frame("visual")
            '3, any, any'
        """
        return ", ".join(map(str, (self.channels[modality], *self.sizes.get(modality, ("any", "any")))))

    def takes(self, modality: str, frame: tuple[int, ...]) -> bool:
        """True when a frame of shape (C, H, W) is one of `modality`."""
        return len(frame) == 3 and frame == (self.channels[modality], *self.sizes.get(modality, frame[1:]))


@dataclass(frozen=True)
class Batch:
    """Inputs of each modality (static or sequence, see the shape legend) and labels.

    Labels are (B,), int64; where samples were mixed in training they are probabilities (B, K), float32.

    Example:
        >>> import torch
        >>> len(Batch({"audio": torch.zeros(2, 1, 32, 32)}, torch.tensor([0, 1])))
        2
    """

    inputs: dict[str, Tensor]
    labels: Tensor

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    def to(self, device: torch.device) -> Batch:
        """The same batch on `device`."""
        inputs = {m: x.to(device, non_blocking=True) for m, x in self.inputs.items()}
        return Batch(inputs, self.labels.to(device, non_blocking=True))


@dataclass(frozen=True)
class Fused:
    """The output of a fusion and the input of a head.

    Args:
        joint: joint feature, (T, B, F).
        parts: additive share of each modality in `joint`, (T, B, F), their sum; empty where a fusion mixes them.
        residual: tokens that each modality received from the others, averaged over tokens, (T, B, D): the cross-modal
            residual, the weighted tokens (weighted attention), or the tokens in the place of its own (SCA); empty where
            a fusion exchanges nothing.
        streams: feature of each modality alone, (T, B, D), for a head of its own.
        present: for each modality, which samples keep it, truth values (B,); empty without a modality dropout.

    Example:
        >>> import torch
        >>> joint = torch.zeros(4, 2, 8)
        >>> Fused(joint, {"audio": joint}).joint.shape
        torch.Size([4, 2, 8])
    """

    joint: Tensor
    parts: dict[str, Tensor]
    residual: dict[str, Tensor] = field(default_factory=dict)
    streams: dict[str, Tensor] = field(default_factory=dict)
    present: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """The output of a model; a pytree, as `torch.export` and `torch.func` need it.

    Args:
        logits: (B, K), mean over time of `step_logits`.
        step_logits: (T, B, K).
        evidence: additive share of each given modality in `step_logits`, (T, B, K); empty where the fusion has no such
            shares.
        residual: as in `Fused`.
        modality_logits: logits of the head of each modality, (T, B, K); empty where there are no such heads.
        time_weights: weight of each time step, (T, B), summing to 1 over T, of each modality and of "fused"; empty
            where all steps have the same weight.
        unweighted_logits: logits of the joint feature at each step, (T, B, K), before `time_weights["fused"]`; None
            where all steps have the same weight.
        streams: feature of each modality alone, (T, B, D), as in `Fused`.
        spikes: binary spikes of all neurons for a clip, (B,), graded ones unfolded; None where they are not counted.

    Example:
        >>> import torch
        >>> step_logits = torch.zeros(4, 2, 6)
        >>> Output(step_logits.mean(0), step_logits, {"audio": step_logits}).logits.shape
        torch.Size([2, 6])
    """

    logits: Tensor
    step_logits: Tensor
    evidence: dict[str, Tensor]
    residual: dict[str, Tensor] = field(default_factory=dict)
    modality_logits: dict[str, Tensor] = field(default_factory=dict)
    time_weights: dict[str, Tensor] = field(default_factory=dict)
    unweighted_logits: Tensor | None = None
    streams: dict[str, Tensor] = field(default_factory=dict)
    spikes: Tensor | None = None


class Collective(Protocol):
    """The other ranks, as terms of the objective and modulators may use them."""

    @property
    def rank(self) -> int:
        """Number of this process, 0 for the first."""
        ...

    @property
    def world_size(self) -> int:
        """Number of processes."""
        ...

    def sum(self, value: Tensor) -> Tensor:
        """The sum of `value` over all ranks, the same on each."""
        ...
