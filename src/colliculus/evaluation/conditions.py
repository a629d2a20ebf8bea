"""What may happen to the inputs when robustness is measured: settings, conditions, and what each does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Normalisation
from colliculus.data.noise import MOST_DB, GaussianNoise
from colliculus.evaluation.attack import SignAttack
from colliculus.evaluation.evaluate import Corruption
from colliculus.evaluation.frames import Blur, Constant, FrameDrops, InTurn, Occlusion, TimeShift
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec

Kind = Literal["white", "pink", "blur", "occlusion", "drops", "shift", "missing", "fgsm", "pgd"]
Attack = Literal["none", "fgsm", "pgd"]

UNITS: dict[Kind, str] = {
    "white": "SNR of white noise, dB",
    "pink": "SNR of pink noise, dB",
    "blur": "blur, standard deviation in pixels",
    "occlusion": "share of the frame covered",
    "drops": "share of the steps lost",
    "shift": "steps late",
    "missing": "what stands in its place",
    "fgsm": "FGSM, largest change of a value",
    "pgd": "PGD, largest change of a value",
}
"""What the levels of a curve are; those of "missing" are words."""

TITLES: dict[str, str] = {
    "white": "white noise",
    "pink": "pink noise",
    "blur": "blur",
    "occlusion": "covered patch",
    "drops": "lost frames",
    "shift": "one modality late or early",
    "missing": "missing modality",
    "fgsm": "attack of one step (FGSM)",
    "pgd": "attack of many steps (PGD)",
}
"""What happens, as a heading."""

RANDOM: tuple[Kind, ...] = ("white", "pink", "occlusion", "drops", "pgd")
"""Drawn anew with each seed."""

SUBSTITUTES = ("zeros", "mean", "absent")
"""For a missing modality: the raw value 0, the mean of training, or nothing (the model is not given it)."""


@dataclass(frozen=True, kw_only=True)
class RobustnessSettings:
    """Which conditions are measured.

    Raises:
        ColliculusError: a level is out of range or there is no seed.
    """

    snr_db: tuple[float, ...] = (20.0, 10.0, 5.0, 0.0, -5.0, -10.0, -20.0)
    """Signal-to-noise ratios of white and of pink noise, in dB."""
    blur: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Standard deviations of the blur, in pixels."""
    occlusion: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75)
    """Shares of a frame that are covered."""
    drops: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Shares of a sequence's steps that are lost."""
    shift: int | None = None
    """Most steps by which one modality is late or early; None: half of its sequence."""
    attack: Attack = "none"
    """Adversarial inputs: "fgsm" (one step of the gradient's sign) or "pgd" (many)."""
    epsilon: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    """Largest change of a value by an attack, in units of the standardised input."""
    attack_steps: int = 10
    """Steps of pgd."""
    seeds: int = 3
    """How often what is random is drawn."""

    def __post_init__(self) -> None:
        ranges = {
            "snr_db": (self.snr_db, -MOST_DB, MOST_DB),
            "blur": (self.blur, 0, 1000),
            "occlusion": (self.occlusion, 0, 1),
            "drops": (self.drops, 0, 1),
            "epsilon": (self.epsilon, 0, 1000),
        }
        for name, (levels, low, high) in ranges.items():
            if outside := [x for x in levels if not low <= x <= high]:
                raise ColliculusError(f"`{name}` holds {outside[0]:g}: choose from {low:g} to {high:g}")
        if self.seeds < 1 or self.attack_steps < 1 or (self.shift is not None and self.shift < 0):
            raise ColliculusError("`seeds` and `attack_steps` must be at least 1, and `shift` at least 0")


@dataclass(frozen=True, order=True)
class Condition:
    """One way to spoil the inputs.

    Args:
        kind: of what happens.
        targets: the modalities it happens to.
        level: how much of it; a word of `SUBSTITUTES` where a modality is missing.
        seed: which one is drawn.
    """

    kind: Kind
    targets: tuple[str, ...]
    level: float | str
    seed: int = 0

    @property
    def target(self) -> str:
        """The modalities as one word."""
        return "+".join(self.targets)

    @property
    def name(self) -> str:
        """A name that no other condition has.

        Example:
            >>> Condition("white", ("audio", "visual"), -5.0, 2).name
            'white audio+visual -5 seed 2'
        """
        level = self.level if isinstance(self.level, str) else f"{self.level:g}"
        return f"{self.kind} {self.target} {level}" + (f" seed {self.seed}" if self.kind in RANDOM else "")


def plan(
    settings: RobustnessSettings, modalities: Sequence[str], steps: Mapping[str, int]
) -> tuple[list[Condition], dict[str, str]]:
    """The conditions to measure, and why some kinds cannot be.

    Each kind happens to every modality alone, and to all together where there are several; a shift and a loss to one
    alone.

    Args:
        settings: levels and seeds.
        modalities: of the model.
        steps: length of those that are sequences.

    Example:
        >>> chosen = RobustnessSettings(snr_db=(0.0,), blur=(), occlusion=(), seeds=1)
        >>> conditions, why = plan(chosen, ["audio"], {})
        >>> [c.name for c in conditions]
        ['white audio 0 seed 0', 'pink audio 0 seed 0', 'missing audio zeros', 'missing audio mean']
        >>> why["shift"]
        'audio is alone, with nothing to be late for'
    """
    alone = [(m,) for m in modalities]
    every = [*alone, tuple(modalities)] if len(modalities) > 1 else alone
    moving = [(m,) for m in modalities if m in steps]
    every_moving = [*moving, tuple(m for m in modalities if m in steps)] if len(moving) > 1 else moving
    levels: list[tuple[Kind, Sequence[tuple[str, ...]], Sequence[float]]] = [
        ("white", every, settings.snr_db),
        ("pink", every, settings.snr_db),
        ("blur", every, settings.blur),
        ("occlusion", every, settings.occlusion),
        ("drops", every_moving, settings.drops),
    ]
    found = [
        Condition(kind, targets, level, seed)
        for kind, where, chosen in levels
        for targets in where
        for level in chosen
        for seed in range(settings.seeds if kind in RANDOM else 1)
    ]
    if len(modalities) > 1:
        for (m,) in moving:
            most = steps[m] // 2 if settings.shift is None else settings.shift
            found += [Condition("shift", (m,), float(s)) for s in range(-most, most + 1) if s]
    substitutes = SUBSTITUTES if len(modalities) > 1 else SUBSTITUTES[:2]
    found += [Condition("missing", targets, word) for targets in alone for word in substitutes]
    if settings.attack != "none":
        seeds = settings.seeds if settings.attack in RANDOM else 1
        found += [
            Condition(settings.attack, targets, epsilon, seed)
            for targets in every
            for epsilon in settings.epsilon
            for seed in range(seeds)
        ]
    return found, _why_not(modalities, steps)


def _why_not(modalities: Sequence[str], steps: Mapping[str, int]) -> dict[str, str]:
    still = [m for m in modalities if m not in steps]
    why: dict[str, str] = {}
    if still:
        why["drops"] = why["shift"] = f"{' and '.join(still)} static, with no steps to lose or to shift"
    if len(modalities) < 2:
        why["shift"] = f"{modalities[0]} is alone, with nothing to be late for"
    return why


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What a condition needs to know to become a corruption.

    Args:
        model: for an attack.
        labels: (n,) true classes of the split, for an attack.
        spec: channels of the modalities.
        normalisation: of the inputs; a modality that it does not name is taken as it comes.
        snr_db: noise that is there anyway, under which the run learned.
        attack_steps: of PGD.
    """

    model: MultimodalSNN
    labels: NDArray[np.int64]
    spec: DataSpec
    normalisation: Normalisation
    snr_db: Mapping[str, float]
    attack_steps: int

    def anyway(self, condition: Condition | None) -> list[Corruption]:
        """The noise that is there anyway; a noise that is measured stands in its place."""
        replaced = condition.targets if condition and condition.kind in ("white", "pink") else ()
        left = {m: snr_db for m, snr_db in self.snr_db.items() if m not in replaced}
        return [GaussianNoise(left)] if left else []

    def corruption(self, condition: Condition) -> Corruption:
        """What spoils the inputs, after the noise that is there anyway."""
        own = self._own(condition)
        return InTurn([*self.anyway(condition), *([] if own is None else [own])])

    def _own(self, condition: Condition) -> Corruption | None:
        if isinstance(condition.level, str):
            return None if condition.level == "absent" else Constant(self._constants(condition))
        by_target, seed = dict.fromkeys(condition.targets, condition.level), condition.seed
        found: Corruption
        match condition.kind:
            case "white" | "pink":
                found = GaussianNoise(by_target, seed, condition.kind)
            case "blur":
                found = Blur(by_target)
            case "occlusion":
                found = Occlusion(by_target, seed)
            case "drops":
                found = FrameDrops(by_target, seed)
            case "shift":
                found = TimeShift({m: int(level) for m, level in by_target.items()})
            case _:
                steps = 1 if condition.kind == "fgsm" else self.attack_steps
                found = SignAttack(self.model, self.labels, by_target, steps, seed)
        return found

    def _constants(self, condition: Condition) -> dict[str, tuple[float, ...]]:
        found: dict[str, tuple[float, ...]] = {}
        for m in condition.targets:
            channels = self.spec.channels[m]
            mean = self.normalisation.mean.get(m, (0.0,) * channels)
            std = self.normalisation.std.get(m, (1.0,) * channels)
            raw_zero = tuple(-a / b for a, b in zip(mean, std, strict=True))
            found[m] = raw_zero if condition.level == "zeros" else (0.0,) * channels
        return found
