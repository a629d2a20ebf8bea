"""Synthetic audio-visual set, made in seconds and offline: moving shapes with sounds, and touch on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.assemble import assemble, fingerprint
from colliculus.data.augment import Augment, ModalityKind
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.data.standardise import channel_statistics
from colliculus.data.synthesis import SHAPES, SOUNDS, Floats, add_noise, pressure, shapes, sounds
from colliculus.files.checks import SPLITS
from colliculus.media.encode import write_gif, write_png, write_wav
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError, DataSpec

_RATE_HZ = 8000
_STEP_SAMPLES = 1024
_FULL_SCALE = 32768  # of 16-bit samples
_LEAST_SNR_DB = -100


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """Settings of the synthetic set.

    A clip shows a shape that appears, moves and vanishes, with a sound; both events last half the clip. No modality
    alone determines the class: with R = max(2, K / 2 rounded up) kinds of shape and of sound, class k has shape k // 2
    and sound ((k + 1) // 2) mod R (and touch k mod R). A kind belongs to up to two classes, a shape with a sound to
    one. With six classes one modality reaches 50 % at best, two together 100 %, before noise. (Two classes have the
    same shape and differ in sound.)

    Images have whole grey levels and sounds 16-bit samples, so that `reader` reads the clips that `export` writes
    exactly as the set holds them. Touch, the modality "tactile", has no file format: clips from files lack it.

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> Synthetic(num_classes=4).spec.names
        ('disc-tone', 'disc-rise', 'square-rise', 'square-tone')
    """

    name: ClassVar[str] = "synthetic"

    num_classes: int = 6
    """Classes, from 2 to 12."""
    num_train: int = 960
    """Training clips; in every part all classes are equally frequent, as far as the number allows."""
    num_validation: int = 240
    """Validation clips, made as the training clips are."""
    num_test: int = 480
    """Test clips."""
    audio_snr_db: float = 10.0
    """Signal-to-noise ratio of the sound in decibels; inf: no noise."""
    visual_snr_db: float = 10.0
    """Signal-to-noise ratio of the images in decibels."""
    tactile_snr_db: float = 10.0
    """Signal-to-noise ratio of the touch in decibels."""
    audio_informative: float = 1.0
    """Share of clips with the sound of their class; the others have a sound drawn uniformly from all kinds."""
    visual_informative: float = 1.0
    """Share of clips with the shape of their class."""
    tactile_informative: float = 1.0
    """Share of clips with the touch of their class."""
    lag: int = 0
    """Steps by which sound and touch follow the image; negative: they precede it. Only 0 with static inputs."""
    onsets: int | None = None
    """Number of steps at which the first event of a clip may begin; None: as many as leave room for both."""
    motion: Literal["moving", "static"] = "moving"
    """moving: sequences of `steps`; static: one image of the shape, one spectrogram of the whole clip."""
    tactile: bool = False
    """Add the third modality: pressure maps."""
    steps: int = 4
    """T, steps of a clip, each 128 ms of sound and one image."""
    size: int = 32
    """Height and width of every modality."""
    seed: int = 0
    """Seed of all clips."""
    augment: Augment = field(default_factory=Augment)
    """Augmentation of the training samples; off unless set."""

    def __post_init__(self) -> None:
        most_classes = 2 * len(SHAPES)
        if not 2 <= self.num_classes <= most_classes:
            raise ColliculusError(f"`num_classes` is {self.num_classes}: choose 2 to {most_classes}")
        if min(self.num_train, self.num_validation, self.num_test) < self.num_classes:
            raise ColliculusError("`num_train`, `num_validation` and `num_test` must be at least `num_classes`")
        for modality in ("audio", "visual", "tactile"):
            if not 0 <= getattr(self, f"{modality}_informative") <= 1:
                raise ColliculusError(f"`{modality}_informative` is a share: choose 0 to 1")
            if not getattr(self, f"{modality}_snr_db") >= _LEAST_SNR_DB:
                raise ColliculusError(f"`{modality}_snr_db` must be at least {_LEAST_SNR_DB} decibels")
        if self.steps < 1 or self.size < 4 or self.seed < 0:
            raise ColliculusError("`steps` must be at least 1, `size` at least 4 and `seed` at least 0")
        most_lag = self.steps - self._event_steps if self._moves else 0
        if abs(self.lag) > most_lag:
            raise ColliculusError(
                f"`lag` is {self.lag}: choose {-most_lag} to {most_lag} with {self.steps} steps, motion {self.motion!r}"
            )
        most_onsets = most_lag - abs(self.lag) + 1
        if self.onsets is not None and not 1 <= self.onsets <= most_onsets:
            raise ColliculusError(f"`onsets` is {self.onsets}: choose 1 to {most_onsets} with lag {self.lag}")

    @property
    def spec(self) -> DataSpec:
        """Modalities, sizes and classes (named like "disc-tone") of the dataset."""
        kinds = self.kinds(np.arange(self.num_classes))
        return DataSpec(
            channels=dict.fromkeys(kinds, 1),
            sizes=dict.fromkeys(kinds, (self.size, self.size)),
            num_classes=self.num_classes,
            steps=dict.fromkeys(kinds, self.steps) if self._moves else {},
            class_names=tuple(f"{SHAPES[v]}-{SOUNDS[a]}" for v, a in zip(kinds["visual"], kinds["audio"], strict=True)),
        )

    @property
    def spectrogram(self) -> Spectrogram:
        """Windows of 32 ms, 33 of them in a spectrogram."""
        hop, steps = (_STEP_SAMPLES // 32, self.steps) if self._moves else (_STEP_SAMPLES // 32 * self.steps, None)
        return Spectrogram(sample_rate_hz=_RATE_HZ, n_fft=256, hop=hop, size=(self.size, self.size), steps=steps)

    @property
    def num_kinds(self) -> int:
        """R, number of kinds of shape, of sound and of touch."""
        return max(2, -(-self.num_classes // 2))

    def kinds(self, labels: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Kind, 0 to R - 1, of each modality for the classes `labels` (n,): (n,) each."""
        kinds = {"audio": (labels + 1) // 2 % self.num_kinds, "visual": labels // 2}
        return {**kinds, "tactile": labels % self.num_kinds} if self.tactile else kinds

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Make all clips; standardise by `normalisation`, or by the training part."""
        made = {name: self._make(part)[0] for part, name in enumerate(SPLITS)}
        if normalisation is None:
            normalisation = channel_statistics(made["train"].arrays, made["train"].rows)
        contents: dict[str, NDArray[np.generic]] = {}
        for part, clips in made.items():
            contents |= {f"{part} {m}": array for m, array in clips.arrays.items()} | {f"{part} labels": clips.labels}
        splits = {part: replace(clips, normalisation=normalisation) for part, clips in made.items()}
        digest = fingerprint(self.spec, contents)
        return assemble(
            self.spec, splits, f"synthetic seed {self.seed}", digest, augment=self.augment, kinds=self._kinds
        )

    def reader(self, spec: DataSpec) -> StorageReader:
        """Reader of clips that `export` writes: a sound, an image or video, or both of one stem."""
        visual = Frames(size=spec.size("visual"), channels=1, steps=spec.steps.get("visual"))
        return StorageReader({"audio": Sound(spectrogram=self.spectrogram, duration_s=None), "visual": visual})

    def export(self, folder: Path, *, count: int = 6) -> list[Path]:
        """Write the first test clips as files: the sound as .wav, the images as .gif (or .png, where they are static).

        Args:
            folder: folder for the files; created if it does not exist.
            count: number of clips, or all if there are fewer.

        Returns:
            The files, named by number and class: 000-disc-tone.wav, 000-disc-tone.gif, ...

        Raises:
            ColliculusError: the folder or a file cannot be written.
        """
        (clips, waveforms), names = self._make(SPLITS.index("test")), self.spec.names
        stems = [folder / f"{number:03d}-{names[k]}" for number, k in enumerate(clips.labels[:count])]
        made = zip(stems, waveforms, clips.arrays["visual"], strict=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return [file for clip in made for file in self._write(*clip)]
        except OSError as error:
            raise ColliculusError(
                f"{folder} cannot be written ({error.strerror}): free some space or choose another folder"
            ) from error

    def _write(self, stem: Path, waveform: NDArray[np.int16], images: NDArray[np.uint8]) -> tuple[Path, Path]:
        sound, visual = stem.with_suffix(".wav"), stem.with_suffix(".gif" if self._moves else ".png")
        write_wav(sound, waveform, rate_hz=_RATE_HZ)
        if self._moves:
            write_gif(visual, images[:, 0], rate_hz=_RATE_HZ // _STEP_SAMPLES)
        else:
            write_png(visual, images[0])
        return sound, visual

    @property
    def _kinds(self) -> dict[str, ModalityKind]:
        known: dict[str, ModalityKind] = {"audio": "spectrograms", "visual": "pictures", "tactile": "maps"}
        return {m: known[m] for m in self.spec.modalities}

    @property
    def _moves(self) -> bool:
        return self.motion == "moving"

    @property
    def _event_steps(self) -> int:
        return max(1, self.steps // 2)

    def _make(self, part: int) -> tuple[ArraySplit, NDArray[np.int16]]:
        """All clips of a part, not standardised, and their sounds (n, samples).

        Each modality has random numbers of its own, which its settings alone change.
        """
        about, audio, visual, touch = (np.random.default_rng([self.seed, part, stream]) for stream in range(4))
        count = (self.num_train, self.num_validation, self.num_test)[part]
        labels = about.permutation(np.arange(count) % self.num_classes)
        kinds = self.kinds(labels)
        onsets = self.onsets or self.steps - self._event_steps - abs(self.lag) + 1
        onset = about.integers(0, onsets, (count, 1)) + max(0, -self.lag)
        sound_kinds = self._shown(kinds["audio"], self.audio_informative, audio)
        shape_kinds = self._shown(kinds["visual"], self.visual_informative, visual)
        waveforms = self._sounds(sound_kinds, onset + self.lag, audio)
        spectrogram = self.spectrogram
        arrays: dict[str, NDArray[np.generic]] = {
            "audio": np.stack([spectrogram(waveform / np.float32(_FULL_SCALE)) for waveform in waveforms]),
            "visual": _grey_levels(self._maps(shapes, shape_kinds, onset, self.visual_snr_db, visual)),
        }
        if self.tactile:
            touch_kinds = self._shown(kinds["tactile"], self.tactile_informative, touch)
            maps = self._maps(pressure, touch_kinds, onset + self.lag, self.tactile_snr_db, touch)
            arrays["tactile"] = maps.astype(np.float32)
        return ArraySplit(arrays, labels, np.arange(count), Normalisation({}, {})), waveforms

    def _shown(self, kinds: NDArray[np.int64], informative: float, rng: np.random.Generator) -> NDArray[np.int64]:
        anything = rng.integers(0, self.num_kinds, len(kinds))
        return np.where(rng.random(len(kinds)) < informative, kinds, anything)

    def _active(self, onset: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, T): steps during which the events that begin at `onset` (n, 1) last."""
        step = np.arange(self.steps)
        return (onset <= step) & (step < onset + self._event_steps)

    def _sounds(
        self, kinds: NDArray[np.int64], onset: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int16]:
        """(n, samples), clipped at full scale."""
        clean = sounds(kinds, self._active(onset), step_samples=_STEP_SAMPLES, rate_hz=_RATE_HZ, rng=rng)
        noisy = add_noise(clean, self.audio_snr_db, rng) * _FULL_SCALE
        return np.clip(np.rint(noisy), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)

    def _maps(
        self,
        draw: Callable[..., Floats],
        kinds: NDArray[np.int64],
        onset: NDArray[np.int64],
        snr_db: float,
        rng: np.random.Generator,
    ) -> Floats:
        """(n, T, 1, S, S) of shapes or pressure, or (n, 1, S, S) of static ones."""
        active = self._active(onset) if self._moves else np.ones((len(kinds), 1), dtype=bool)
        clean = draw(kinds, active, num_kinds=self.num_kinds, size=self.size, rng=rng)
        noisy = add_noise(clean, snr_db, rng)
        return noisy[:, :, None] if self._moves else noisy


def _grey_levels(brightness: Floats) -> NDArray[np.uint8]:
    """Grey levels with black at 64 and white at 192, which leaves room for noise on either side."""
    return np.clip(np.rint(64 + 128 * brightness), 0, 255).astype(np.uint8)
