"""AV-Digits: written digits (MNIST) with spoken ones (Free Spoken Digit Dataset), the small real benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.fetch_av_digits import default_root, prepare
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.sample import Sample
from colliculus.corpus.splits import stratified_holdout
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.assemble import assemble
from colliculus.data.augment import Augment, ModalityKind
from colliculus.data.dataset import Dataset, Normalisation, RawSplit
from colliculus.data.loading import ArraySplit, standard_batch
from colliculus.data.standardise import channel_statistics
from colliculus.files.checks import SPLITS
from colliculus.media.container import AUDIO_SUFFIXES, VIDEO_SUFFIXES, Track
from colliculus.media.delta import SpectralDelta
from colliculus.media.digit_files import (
    NUM_DIGITS,
    SAMPLE_RATE_HZ,
    DigitImages,
    Speech,
    read_digit_images,
    read_speech,
)
from colliculus.media.resize import resize
from colliculus.media.sound import read_sound
from colliculus.media.spectrogram import Spectrogram
from colliculus.media.window import Window
from colliculus.types import Batch, ColliculusError, DataSpec

_NUM_TEST_INDICES = 5  # standard protocol: recordings 0..4 of each digit and speaker
_KINDS: Mapping[str, ModalityKind] = {"audio": "spectrograms", "visual": "pictures", "delta": "spectrograms"}

_Parts: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # training, validation, test


@dataclass(frozen=True, kw_only=True)
class AVDigits:
    """Settings of AV-Digits.

    An utterance is paired with an image of the same digit. Sound: log spectrogram of the whole utterance. Image: white
    on black, as in MNIST. In training an image is drawn anew for each utterance and epoch, and repeats only when the
    images of the digit run out; validation and test pairs are fixed by `seed`. The validation part takes recordings of
    each digit and speaker from the training part, and images that training never shows. In "speaker-out" its speakers
    are therefore known, and only the test has a new voice. Test images are MNIST's test images.

    With `delta` the modalities are audio, visual and delta. The third is computed from the utterance too, before its
    spectrogram is resized: a clip without sound lacks both audio and delta.

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> AVDigits(protocol="speaker-out", fold=2).protocol_name
        'speaker-out fold 2'
    """

    name: ClassVar[str] = "av-digits"

    root: Path | None = None
    """Folder with `recordings/` and the four MNIST files; None: a cache folder, downloaded on first use (30 MB)."""
    protocol: Literal["standard", "speaker-out"] = "standard"
    """Test part: recordings 0..4 of each digit and speaker (standard), or all of one speaker (speaker-out)."""
    fold: int = 0
    """Speaker left out by "speaker-out", counted from 0 in the order of their names."""
    validation_fraction: float = 0.1
    """Share of the training part (recordings and images) that becomes the validation part."""
    seed: int = 0
    """Seed of the validation part and of the pairs."""
    size: int = 32
    """Height and width of every modality."""
    scale: Literal["stft", "mel"] = "stft"
    """Scale of the spectrogram: log(|STFT| + 1e-7), or log(mel power + 1e-7)."""
    delta: bool = False
    """Add the third modality "delta": the change of the spectrum from window to window."""
    augment: Augment = field(default_factory=Augment)
    """Augmentation of the training samples; off unless set."""

    def __post_init__(self) -> None:
        if self.size < 1 or self.fold < 0 or self.seed < 0:
            raise ColliculusError("`size` must be at least 1, `fold` and `seed` at least 0")
        if not 0 < self.validation_fraction < 1:
            raise ColliculusError("`validation_fraction` must lie between 0 and 1")

    @property
    def protocol_name(self) -> str:
        """Protocol and fold, for the record."""
        return self.protocol if self.protocol == "standard" else f"{self.protocol} fold {self.fold}"

    @property
    def spec(self) -> DataSpec:
        """Modalities, sizes and classes of the dataset."""
        names = ("audio", "visual", *(["delta"] if self.delta else []))
        sizes = dict.fromkeys(names, (self.size, self.size))
        return DataSpec(channels=dict.fromkeys(names, 1), sizes=sizes, num_classes=NUM_DIGITS)

    @property
    def spectrogram(self) -> Spectrogram:
        """32 ms windows every 8 ms, so that the median utterance (0.42 s) has about as many windows as `size`."""
        size = (self.size, self.size)
        return Spectrogram(
            sample_rate_hz=SAMPLE_RATE_HZ, n_fft=256, hop=64, scale=self.scale, num_mels=self.size, size=size
        )

    @property
    def spectral_delta(self) -> SpectralDelta | None:
        """Computation of the modality "delta"; None without it."""
        return SpectralDelta(spectrogram=self.spectrogram) if self.delta else None

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Read everything into memory; standardise by `normalisation`, or by the training part.

        The statistics of the training part are those of all its utterances and of the images of epoch 0.

        Raises:
            ColliculusError: the data are missing, damaged, incomplete, or cannot be downloaded.
        """
        if self.root is None:
            prepare(default_root())
        root = self.root or default_root()
        speech, images = read_speech(root / "recordings"), read_digit_images(root, "train")
        rows = self._split(speech)
        shown, hidden = stratified_holdout(images.digits, fraction=self.validation_fraction, seed=self.seed)
        sounds = {m: np.stack([made(wave) for wave in speech.waveforms]) for m, made in self._of_sound.items()}
        pools = (images.take(shown), images.take(hidden), read_digit_images(root, "t10k"))
        raw = Normalisation({}, {})
        pairs = {
            name: _Pairs(self.spec, {m: a[part] for m, a in sounds.items()}, speech.digits[part], pool, self.seed, raw)
            for name, part, pool in zip(SPLITS, rows, pools, strict=True)
        }
        if normalisation is None:
            every = np.arange(len(pairs["train"]))
            normalisation = channel_statistics(pairs["train"].values(every, epoch=0), every)
        splits = {
            "train": replace(pairs["train"], normalisation=normalisation),
            **{name: _fixed(pairs[name], normalisation) for name in ("validation", "test")},
        }
        kinds: dict[str, ModalityKind] = {m: _KINDS[m] for m in self.spec.modalities}
        contents = self._contents(speech, rows, pools)
        return assemble(self.spec, splits, self.protocol_name, contents, augment=self.augment, kinds=kinds)

    def reader(self, spec: DataSpec) -> StorageReader:
        """Reader of a recording, an image (one digit that fills it, white on black), or both of one stem."""
        storages: dict[str, Storage] = {
            "audio": Sound(spectrogram=self.spectrogram, duration_s=None),
            "visual": Frames(size=spec.size("visual"), channels=1),
        }
        if self.spectral_delta:
            storages["delta"] = _DeltaOfSound(delta=self.spectral_delta)
        return StorageReader(storages)

    @property
    def _of_sound(self) -> dict[str, Spectrogram | SpectralDelta]:
        """Computation of each modality that comes from an utterance."""
        return {"audio": self.spectrogram, **({"delta": self.spectral_delta} if self.spectral_delta else {})}

    def _contents(self, speech: Speech, rows: _Parts, pools: Sequence[DigitImages]) -> dict[str, NDArray[np.generic]]:
        """Arrays that decide the samples."""
        settings = repr((*self._of_sound.values(), self.protocol_name, self.seed)).encode()
        contents: dict[str, NDArray[np.generic]] = {
            "settings": np.frombuffer(settings, np.uint8),
            "speech": np.concatenate(speech.waveforms),
            "speech digits": speech.digits,
        }
        for part, chosen, pool in zip(("train", "validation", "test"), rows, pools, strict=True):
            contents |= {f"{part} rows": chosen, f"{part} pictures": pool.images, f"{part} digits": pool.digits}
        return contents

    def _split(self, speech: Speech) -> _Parts:
        """Rows of the recordings in training, validation and test."""
        names = np.unique(speech.speakers)
        if self.protocol == "standard":
            tested = speech.indices < _NUM_TEST_INDICES
        elif self.fold < len(names):
            tested = speech.speakers == names[self.fold]
        else:
            raise ColliculusError(
                f"`fold` is {self.fold}, and the recordings have {len(names)} speakers: choose 0 to {len(names) - 1}"
            )
        if tested.all() or not tested.any():
            raise ColliculusError(f"{self.protocol_name!r} leaves no recordings for training or for the test: add some")
        rest = np.flatnonzero(~tested)
        strata = np.char.add(speech.digits[rest].astype(str), speech.speakers[rest])
        kept, held = stratified_holdout(strata, fraction=self.validation_fraction, seed=self.seed)
        return rest[kept], rest[held], np.flatnonzero(tested)


@dataclass(frozen=True, eq=False)
class _Pairs(RawSplit):
    """Utterances, each paired with an image of its digit that is drawn anew in each epoch."""

    spec: DataSpec
    sounds: Mapping[str, NDArray[np.float32]]  # (n, 1, H, W) of each modality that comes from the utterances
    digits: NDArray[np.int64]
    images: DigitImages
    seed: int
    normalisation: Normalisation

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.digits

    def values(self, indices: NDArray[np.int64], *, epoch: int) -> dict[str, NDArray[np.generic]]:
        """Raw samples: a pure function of (seed, epoch) and the index of each sample."""
        drawn = draw_pairs(self.digits, self.images.digits, seed=self.seed, epoch=epoch)[indices]
        visual = np.rint(resize(self.images.images[drawn], self.spec.size("visual")))  # whole levels, as a reader gives
        return {m: visual if m == "visual" else self.sounds[m][indices] for m in self.spec.modalities}

    def collate(self, inputs: Mapping[str, NDArray[np.generic]], indices: NDArray[np.int64]) -> Batch:
        return standard_batch(inputs, self.digits[indices], self.normalisation)


def draw_pairs(labels: NDArray[np.int64], candidates: NDArray[np.int64], *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Position in `candidates` (m,) of one of the same class for each of `labels` (n,), drawn by (seed, epoch).

    None repeats before all candidates of its class were drawn.

    Raises:
        ColliculusError: a class has no candidate.

    Example:
        >>> draw_pairs(np.array([7, 3]), np.array([3, 7]), seed=0, epoch=0).tolist()
        [1, 0]
    """
    rng = np.random.default_rng([seed, epoch])
    drawn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        wanted, pool = np.flatnonzero(labels == label), np.flatnonzero(candidates == label)
        if not len(pool):
            raise ColliculusError(f"class {label} has samples of one modality and none of the other: add some")
        rounds = -(-len(wanted) // len(pool))
        drawn[wanted] = np.concatenate([rng.permutation(pool) for _ in range(rounds)])[: len(wanted)]
    return drawn


def _fixed(pairs: _Pairs, normalisation: Normalisation) -> ArraySplit:
    rows = np.arange(len(pairs))
    return ArraySplit(pairs.values(rows, epoch=0), pairs.digits, rows, normalisation)


@dataclass(frozen=True, kw_only=True)
class _DeltaOfSound:
    """`Storage` of the modality "delta", for reading."""

    suffixes: ClassVar[frozenset[str]] = AUDIO_SUFFIXES | VIDEO_SUFFIXES
    track: ClassVar[Track | None] = "audio"

    delta: SpectralDelta

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *self.delta.spectrogram.size)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(np.float32)

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:
        window = Window(sample.start_s, sample.end_s)
        return self.delta(read_sound(path, window, self.delta.sample_rate_hz))
