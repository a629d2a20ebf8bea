"""Which corruptions robustness is measured under: kinds, severities, settings and the plan. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from colliculus.types import MOST_DB, ColliculusError

Kind = Literal[
    "white", "pink", "white-raw", "acoustic", "babble", "blur", "occlusion", "drops", "shift", "missing", "fgsm", "pgd"
]  # fmt: skip
AttackKind = Literal["fgsm", "pgd"]
Attack = Literal["none", "fgsm", "pgd"]
ATTACKS: tuple[AttackKind, ...] = get_args(AttackKind)


@dataclass(frozen=True)
class Wording:
    """One kind of corruption in words: a heading, its severities with their unit, and the same in a table."""

    title: str
    severities: str
    short: str


KINDS: dict[str, Wording] = {
    "white": Wording("white noise", "SNR of white noise, dB", "white, dB"),
    "pink": Wording("pink noise", "SNR of pink noise, dB", "pink, dB"),
    "white-raw": Wording("white noise on the raw input", "SNR to the raw input, dB", "raw input, dB"),
    "acoustic": Wording("white noise on the sound", "acoustic SNR of white noise, dB", "acoustic, dB"),
    "babble": Wording("babble on the sound", "acoustic SNR of babble, dB", "babble, dB"),
    "blur": Wording("blur", "blur, standard deviation in pixels", "blur, pixels"),
    "occlusion": Wording("occlusion", "covered share of the frame", "share covered"),
    "drops": Wording("dropped frames", "dropped share of the steps", "share dropped"),
    "shift": Wording("shift of one modality in time", "delay in steps", "delay, steps"),
    "missing": Wording("missing modality", "substitute", "missing"),
    "fgsm": Wording("attack with one step (FGSM)", "FGSM, largest change of a value", "FGSM, change"),
    "pgd": Wording("attack with several steps (PGD)", "PGD, largest change of a value", "PGD, change"),
}

ACOUSTIC: tuple[Kind, ...] = ("acoustic", "babble")
"""Noise on waveforms, before their spectrogram."""
NOISES: tuple[Kind, ...] = ("white", "pink", "white-raw", *ACOUSTIC)
RANDOM: tuple[Kind, ...] = (*NOISES, "occlusion", "drops", "pgd")
"""Kinds that are drawn again for each seed."""

SUBSTITUTES = ("zeros", "mean", "absent")
"""Substitutes of a missing modality: raw zeros, the training mean, or nothing (the model does not get it)."""


@dataclass(frozen=True, kw_only=True)
class RobustnessSettings:
    """Corruptions to measure.

    Raises:
        ColliculusError: a number is out of range.

    Example:
        >>> RobustnessSettings(snr_db=(0.0,), seeds=1).blur
        (0.5, 1.0, 2.0, 4.0)
    """

    snr_db: tuple[float, ...] = (20.0, 10.0, 5.0, 0.0, -5.0, -10.0, -20.0)
    """Signal-to-noise ratios of all kinds of noise, in dB."""
    blur: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Standard deviations of the blur, in pixels."""
    occlusion: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75)
    """Covered shares of a frame."""
    drops: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Dropped shares of the steps of a sequence."""
    shift: int | None = None
    """Largest delay or advance of one modality in steps; None: half of its sequence."""
    attack: Attack = "none"
    """Adversarial inputs: "fgsm" (one step along the sign of the gradient) or "pgd" (several)."""
    epsilon: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    """Largest change of a value by an attack, in units of the standardised input."""
    attack_steps: int = 10
    """Steps of pgd."""
    seeds: int = 3
    """Draws of each random corruption."""

    def __post_init__(self) -> None:
        ranges = {
            "snr_db": (self.snr_db, -MOST_DB, MOST_DB),
            "blur": (self.blur, 0, 1000),
            "occlusion": (self.occlusion, 0, 1),
            "drops": (self.drops, 0, 1),
            "epsilon": (self.epsilon, 0, 1000),
        }
        for name, (severities, low, high) in ranges.items():
            if outside := [x for x in severities if not low <= x <= high]:
                raise ColliculusError(f"`{name}` has the severity {outside[0]:g}: choose from {low:g} to {high:g}")
        if self.seeds < 1 or self.attack_steps < 1 or (self.shift is not None and self.shift < 0):
            raise ColliculusError("`seeds` and `attack_steps` must be at least 1, and `shift` at least 0")


@dataclass(frozen=True, order=True)
class Corruption:
    """One corruption of the inputs.

    Args:
        kind: kind of corruption.
        targets: corrupted modalities.
        severity: severity in the unit of the kind; one of `SUBSTITUTES` where a modality is missing.
        seed: seed of a random corruption.
    """

    kind: Kind
    targets: tuple[str, ...]
    severity: float | str
    seed: int = 0

    @property
    def target(self) -> str:
        """The corrupted modalities as one word."""
        return "+".join(self.targets)

    @property
    def absent(self) -> tuple[str, ...]:
        """Modalities that the model does not get."""
        return self.targets if self.severity == "absent" else ()

    @property
    def name(self) -> str:
        """A name that no other corruption has.

        Example:
            >>> Corruption("white", ("audio", "visual"), -5.0, 2).name
            'white audio+visual -5 seed 2'
        """
        severity = self.severity if isinstance(self.severity, str) else f"{self.severity:g}"
        return f"{self.kind} {self.target} {severity}" + (f" seed {self.seed}" if self.kind in RANDOM else "")


@dataclass(frozen=True)
class Plan:
    """Corruptions to measure.

    Args:
        corruptions: every corruption of the settings, under either attack, and whether it is to be measured now.
        not_applicable: kinds that these data do not allow, with the reason.
    """

    corruptions: Mapping[Corruption, bool]
    not_applicable: Mapping[str, str]

    @property
    def now(self) -> list[Corruption]:
        """The corruptions to measure now."""
        return [corruption for corruption, now in self.corruptions.items() if now]


def plan(
    settings: RobustnessSettings,
    modalities: Sequence[str],
    steps: Mapping[str, int],
    only: Sequence[Kind] = (),
    sounds: Sequence[tuple[str, ...]] = (),
) -> Plan:
    """Plan a measurement.

    Each kind corrupts every modality alone and, where there are several, all together; a shift or a missing modality
    concerns one alone, and acoustic noise all that are made from one sound.

    Args:
        settings: severities and seeds.
        modalities: modalities of the model.
        steps: length of the modalities that are sequences.
        only: kinds to measure; empty means all but `white-raw`, with the attack of the settings.
        sounds: modalities that are made from one sound, for each sound whose waveforms are at hand.

    Raises:
        ColliculusError: `only` names a kind without severities.

    Example:
        >>> found = plan(RobustnessSettings(snr_db=(0.0,), blur=(), occlusion=(), seeds=1), ["audio"], {})
        >>> [c.name for c in found.now]
        ['white audio 0 seed 0', 'pink audio 0 seed 0', 'missing audio zeros', 'missing audio mean']
        >>> found.not_applicable["shift"]
        'audio is the only modality and a shift needs two'
    """
    several = len(modalities) > 1
    moving = tuple(m for m in modalities if m in steps)
    severities: list[tuple[Kind, Sequence[str], Sequence[float]]] = [
        ("white", modalities, settings.snr_db),
        ("pink", modalities, settings.snr_db),
        ("white-raw", modalities, settings.snr_db),
        ("blur", modalities, settings.blur),
        ("occlusion", modalities, settings.occlusion),
        ("drops", moving, settings.drops),
    ]
    found = [c for kind, where, chosen in severities for c in _grid(kind, where, chosen, settings.seeds)]
    heard = [made for sound in sounds if (made := tuple(m for m in sound if m in modalities))]
    found += [
        Corruption(kind, made, snr_db, seed)
        for kind in ACOUSTIC
        for made in heard
        for snr_db in settings.snr_db
        for seed in range(settings.seeds)
    ]
    for m in moving if several else ():
        most = steps[m] // 2 if settings.shift is None else settings.shift
        found += [Corruption("shift", (m,), float(s)) for s in range(-most, most + 1) if s]
    substitutes = SUBSTITUTES if several else SUBSTITUTES[:2]
    found += [Corruption("missing", (m,), word) for m in modalities for word in substitutes]
    found += [c for kind in ATTACKS for c in _grid(kind, modalities, settings.epsilon, settings.seeds)]
    why_not = _why_not(modalities, moving)
    if not heard:  # most data have none, so it is said only where it is asked for
        asked = [kind for kind in ACOUSTIC if kind in only]
        why_not |= dict.fromkeys(asked, "no waveforms of its modalities are at hand: prepare sound as `waveform`")
    if without := [kind for kind in only if kind not in why_not and kind not in {c.kind for c in found}]:
        raise ColliculusError(f"`only` names {without[0]}, which has no severities: give it some")
    wanted = only or [kind for kind in KINDS if kind not in ("white-raw", *ATTACKS) or kind == settings.attack]
    return Plan({c: c.kind in wanted for c in found}, why_not)


def _grid(kind: Kind, modalities: Sequence[str], severities: Sequence[float], seeds: int) -> list[Corruption]:
    """Corruptions of each modality alone and, where there are several, of all together."""
    where = [*((m,) for m in modalities), *([tuple(modalities)] if len(modalities) > 1 else [])]
    draws = range(seeds if kind in RANDOM else 1)
    return [Corruption(kind, targets, x, seed) for targets in where for x in severities for seed in draws]


def _why_not(modalities: Sequence[str], moving: Sequence[str]) -> dict[str, str]:
    static = [m for m in modalities if m not in moving]
    why: dict[str, str] = {}
    if static:
        why["drops"] = why["shift"] = f"{' and '.join(static)} static, without steps to drop or shift"
    if len(modalities) < 2:
        why["shift"] = f"{modalities[0]} is the only modality and a shift needs two"
    return why
