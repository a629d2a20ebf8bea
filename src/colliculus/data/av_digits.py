"""AV-Digits: written digits (MNIST) with spoken ones (Free Spoken Digit Dataset), the small real benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.fetch_av_digits import default_root, prepare
from colliculus.corpus.splits import stratified_holdout
from colliculus.data.augment import Augment, Kind, augmented
from colliculus.data.augment.settings import MEDIA_KINDS
from colliculus.data.dataset import ClipReader, Dataset, Normalisation
from colliculus.data.fingerprint import fingerprint
from colliculus.data.loading import ArraySplit, collate
from colliculus.data.pairing import draw_pairs
from colliculus.data.standardise import channel_statistics
from colliculus.media.clips import MediaReader, VisualSettings
from colliculus.media.delta import SpectralDelta
from colliculus.media.digit_files import NUM_DIGITS, SAMPLE_RATE_HZ, Pictures, Speech, read_pictures, read_speech
from colliculus.media.resize import resize
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import Batch, ColliculusError, DataSpec

_NUM_TEST_INDICES = 5  # standard protocol: recordings 0..4 of each digit and speaker

_Parts: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # training, validation, test


@dataclass(frozen=True, kw_only=True)
class AVDigits:
    """Settings of AV-Digits.

    An utterance is paired with a picture of the same digit. Sound: log spectrogram of the whole utterance. Picture:
    white on black, as in MNIST. In training a picture is drawn anew for each utterance and epoch, without repetition as
    far as the pictures of the digit last; validation and test pairs are fixed by `seed`. Validation takes recordings of
    each digit and speaker from the training part (in "speaker-out" too, so there its speakers are known ones and only
    the test tells of a new voice), and pictures that training never shows. Test pictures are MNIST's test pictures.

    With `delta` the modalities are audio, visual and delta. The third is made of the utterance too, before its
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
    """The test part: recordings 0..4 of each digit and speaker (standard), or all of one speaker (speaker-out)."""
    fold: int = 0
    """Speaker left out by "speaker-out", counted from 0 in the order of their names."""
    validation_fraction: float = 0.1
    """Share of the training part (recordings and pictures) that becomes the validation part."""
    seed: int = 0
    """Decides the validation part and the pairs."""
    size: int = 32
    """Height and width of every modality."""
    scale: Literal["stft", "mel"] = "stft"
    """Scale of the spectrogram: log(|STFT| + 1e-7), or log(mel power + 1e-7)."""
    delta: bool = False
    """Add the third modality "delta": how the spectrum changes from window to window."""
    augment: Augment = field(default_factory=Augment)
    """How training samples are varied; off unless set."""

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
        """What `load` gives."""
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
        """What the modality "delta" is made by; None where it is not wanted."""
        return SpectralDelta(spectrogram=self.spectrogram) if self.delta else None

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Read everything into memory; standardise by `normalisation`, or by the training part.

        Without a given one, the statistics are those of all training utterances and of the pictures of epoch 0.

        Raises:
            ColliculusError: the data are missing, damaged, incomplete, or cannot be downloaded.
        """
        if self.root is None:
            prepare(default_root())
        root = self.root or default_root()
        speech, pictures = read_speech(root / "recordings"), read_pictures(root, "train")
        rows = self._split(speech)
        shown, hidden = stratified_holdout(pictures.digits, fraction=self.validation_fraction, seed=self.seed)
        heard = {m: np.stack([hear(wave) for wave in speech.waveforms]) for m, hear in self._heard.items()}
        pools = (pictures.take(shown), pictures.take(hidden), read_pictures(root, "t10k"))
        train, validation, test = (
            _Pairs(self.spec, {m: a[part] for m, a in heard.items()}, speech.digits[part], pool, self.seed)
            for part, pool in zip(rows, pools, strict=True)
        )
        if normalisation is None:
            normalisation = channel_statistics(train.values(np.arange(len(train)), epoch=0), np.arange(len(train)))
        return Dataset(
            spec=self.spec,
            train=augmented(_DrawnSplit(train, normalisation), self.augment, self._kinds, self.spec),
            validation=_fixed(validation, normalisation),
            test=_fixed(test, normalisation),
            normalisation=normalisation,
            protocol=self.protocol_name,
            fingerprint=fingerprint(self.spec, self._contents(speech, rows, pools)),
        )

    def reader(self, spec: DataSpec) -> ClipReader:
        """Reads a recording, a picture (one digit that fills it, white on black as in MNIST), or both of one stem."""
        visual = VisualSettings(size=spec.size("visual"), channels=1)
        return MediaReader(audio=self.spectrogram, visual=visual, delta=self.spectral_delta)

    @property
    def _heard(self) -> dict[str, Spectrogram | SpectralDelta]:
        """What is made of an utterance, by modality."""
        return {"audio": self.spectrogram, **({"delta": self.spectral_delta} if self.spectral_delta else {})}

    @property
    def _kinds(self) -> dict[str, Kind]:
        return {m: MEDIA_KINDS[m] for m in self.spec.modalities}

    def _contents(self, speech: Speech, rows: _Parts, pools: Sequence[Pictures]) -> dict[str, NDArray[np.generic]]:
        """Whatever decides the samples, for the fingerprint."""
        settings = repr((*self._heard.values(), self.protocol_name, self.seed)).encode()
        contents: dict[str, NDArray[np.generic]] = {
            "settings": np.frombuffer(settings, np.uint8),
            "speech": np.concatenate(speech.waveforms),
            "speech digits": speech.digits,
        }
        for part, chosen, pool in zip(("train", "validation", "test"), rows, pools, strict=True):
            contents |= {f"{part} rows": chosen, f"{part} pictures": pool.images, f"{part} digits": pool.digits}
        return contents

    def _split(self, speech: Speech) -> _Parts:
        """Rows of the recordings for training, validation and test."""
        names = np.unique(speech.speakers)
        if self.protocol == "standard":
            tested = speech.indices < _NUM_TEST_INDICES
        elif self.fold < len(names):
            tested = speech.speakers == names[self.fold]
        else:
            raise ColliculusError(
                f"there is no fold {self.fold}: the recordings have {len(names)} speakers, counted from 0"
            )
        if tested.all() or not tested.any():
            raise ColliculusError(
                f"protocol {self.protocol_name!r} leaves no recordings to train on or none to test on"
            )
        rest = np.flatnonzero(~tested)
        strata = np.char.add(speech.digits[rest].astype(str), speech.speakers[rest])
        kept, held = stratified_holdout(strata, fraction=self.validation_fraction, seed=self.seed)
        return rest[kept], rest[held], np.flatnonzero(tested)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Utterances with their digits and the pictures they are paired with; `heard` is what was made of the sound."""

    spec: DataSpec
    heard: Mapping[str, NDArray[np.float32]]  # (n, 1, H, W) each
    labels: NDArray[np.int64]
    pictures: Pictures
    seed: int

    def __len__(self) -> int:
        return len(self.labels)

    def values(self, indices: NDArray[np.int64], *, epoch: int) -> dict[str, NDArray[np.float32]]:
        """Raw samples: a pure function of (seed, epoch), whichever are asked for and in which order."""
        drawn = draw_pairs(self.labels, self.pictures.digits, seed=self.seed, epoch=epoch)[indices]
        pictures = resize(self.pictures.images[drawn], self.spec.size("visual"))
        visual = np.rint(pictures)  # whole levels, as a reader gives
        return {m: visual if m == "visual" else self.heard[m][indices] for m in self.spec.modalities}


@dataclass(frozen=True, eq=False)
class _DrawnSplit:
    """The training part: pictures are drawn anew in each epoch."""

    pairs: _Pairs
    normalisation: Normalisation

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.pairs.labels

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:
        return self.collate(self.values(indices, epoch=epoch), indices)

    def values(self, indices: NDArray[np.int64], *, epoch: int) -> dict[str, NDArray[np.generic]]:
        return dict(self.pairs.values(indices, epoch=epoch))

    def inputs(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        return dict(values)

    def collate(self, inputs: Mapping[str, NDArray[np.generic]], indices: NDArray[np.int64]) -> Batch:
        return collate(inputs, self.labels[indices], self.normalisation)


def _fixed(pairs: _Pairs, normalisation: Normalisation) -> ArraySplit:
    rows = np.arange(len(pairs))
    return ArraySplit(pairs.values(rows, epoch=0), pairs.labels, rows, normalisation)
