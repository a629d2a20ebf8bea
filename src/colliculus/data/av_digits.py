"""AV-Digits: written digits (MNIST) with spoken ones (Free Spoken Digit Dataset), the small real benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.fetch_av_digits import default_root, prepare
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.sample import Sample
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.assemble import assemble, fingerprint
from colliculus.data.augment import Augment, ModalityKind
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.digit_clips import DigitClips
from colliculus.data.digit_motion import LaggedMotion
from colliculus.data.digit_pairs import DigitPair, DigitPairing, named_pairs, samples_of
from colliculus.data.digit_parts import DigitParts, DigitProtocol, read_parts
from colliculus.data.digit_tasks import TaskName, class_names, num_classes, num_digits, num_pictures
from colliculus.data.standardise import channel_statistics
from colliculus.files.checks import SPLITS
from colliculus.files.tables import write_table
from colliculus.media.delta import SpectralDelta
from colliculus.media.digit_files import SAMPLE_RATE_HZ
from colliculus.media.kinds import AUDIO_SUFFIXES, VIDEO_SUFFIXES, Track
from colliculus.media.sound import read_sound
from colliculus.media.spectrogram import SILENCE, Spectrogram
from colliculus.media.window import Window
from colliculus.types import ColliculusError, DataSpec, refuse_unread, unknown_name

_KINDS: Mapping[str, ModalityKind] = {"audio": "recordings", "visual": "pictures", "delta": "recordings"}


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

    The tasks `same`, `xor`, `sum` and `which` bind the modalities: only both together decide the label, and a sum of
    the modalities' logits, trained to the minimum of the cross-entropy, is at chance (50, 50, 10 and 50 %); see
    `colliculus.data.digit_tasks`. `which` shows two digits side by side, in a picture of twice the width. In `lag` the
    label is the digit, the picture moves, and the sound comes later; see `colliculus.data.digit_motion`.

    Raises:
        ColliculusError: a setting is out of range or has no effect.

    Example:
        >>> AVDigits(protocol="speaker-out", fold=2).protocol_name
        'speaker-out fold 2'
        >>> AVDigits(task="which").spec.size("visual")
        (32, 64)
    """

    name: ClassVar[str] = "av-digits"

    root: Path | None = None
    """Folder with `recordings/` and the four MNIST files; None: a cache folder, downloaded on first use (30 MB)."""
    task: TaskName = "digits"
    """Label: the digit, seen and heard (digits); whether both are the same (same); written XOR spoken, of 0 and 1
    (xor); their sum modulo 10 (sum); the side of the spoken one of two written digits (which); the digit, seen moving
    and heard later (lag)."""
    steps: int = 8
    """T of the task `lag`, even."""
    lag: int = 2
    """Steps from the picture to the sound in the task `lag`, 0 to T/2."""
    protocol: DigitProtocol = "standard"
    """Test part: recordings 0..4 of each digit and speaker (standard), or all of one speaker (speaker-out)."""
    fold: int = 0
    """Speaker left out by "speaker-out", counted from 0 in the order of their names."""
    validation_fraction: float = 0.1
    """Share of the training part (recordings and images) that becomes the validation part; with 0 there is none."""
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
        if not 0 <= self.validation_fraction < 1:
            raise ColliculusError("`validation_fraction` must be at least 0 and below 1")
        if self.task not in get_args(TaskName):
            raise unknown_name("task", self.task, get_args(TaskName))
        if self.task != "lag":
            refuse_unread(self, ["steps", "lag"], f'with `task` "{self.task}"')
        if self.steps < 4 or self.steps % 2 or not 0 <= self.lag <= self.steps // 2:
            raise ColliculusError(
                f"`steps` is {self.steps} and `lag` {self.lag}: choose even `steps` from 4 and a `lag` up to their half"
            )
        pictures = self.augment.pictures
        turns = pictures.rotation.probability if pictures.rotation.most_deg >= 90 else 0.0
        if self.task == "which" and pictures.flip.probability + pictures.crop.probability + turns:
            raise ColliculusError(
                'flip, crop and rotation from 90 degrees on change sides, the label of `task` "which": leave them out'
            )

    @property
    def protocol_name(self) -> str:
        """Protocol and fold, for the record."""
        return self.protocol if self.protocol == "standard" else f"{self.protocol} fold {self.fold}"

    @property
    def spec(self) -> DataSpec:
        """Modalities, sizes and classes of the dataset."""
        names = ("audio", "visual", *(["delta"] if self.delta else []))
        sizes = {m: (self.size, self.size * (num_pictures(self.task) if m == "visual" else 1)) for m in names}
        return DataSpec(
            channels=dict.fromkeys(names, 1),
            sizes=sizes,
            num_classes=num_classes(self.task),
            steps=dict.fromkeys(names, self.steps) if self.task == "lag" else {},
            class_names=class_names(self.task),
        )

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

        The statistics of the training part are those of epoch 0, which has all its utterances.

        Raises:
            ColliculusError: the data are missing, damaged, incomplete, or cannot be downloaded.
        """
        parts = self._parts()
        sounds = {m: np.stack([made(wave) for wave in parts.speech.waveforms]) for m, made in self._of_sound.items()}
        clips = {
            part: DigitClips(
                spec=self.spec,
                waveforms=[parts.speech.waveforms[row] for row in parts.rows[part]],
                made=self._of_sound,
                sounds={m: spectra[parts.rows[part]] for m, spectra in sounds.items()},
                images=parts.images[part].images,
                pairing=self._pairing(parts, part),
                motion=self._motion,
                normalisation=normalisation or Normalisation({}, {}),
            )
            for part in SPLITS
        }
        if normalisation is None:
            every = np.arange(len(clips["train"]))
            normalisation = channel_statistics(clips["train"].values(every, epoch=0), every)
        splits = {
            "train": replace(clips["train"], normalisation=normalisation),
            **{part: clips[part].fixed(normalisation) for part in ("validation", "test")},
        }
        kinds: dict[str, ModalityKind] = {m: _KINDS[m] for m in self.spec.modalities}
        digest = fingerprint(self.spec, self._contents(parts))
        samples = {part: samples_of(self._named(parts, part, 0), part, self.spec) for part in ("validation", "test")}
        return assemble(
            self.spec, splits, self.protocol_name, digest, augment=self.augment, kinds=kinds, samples=samples
        )

    def pairs(self, part: str, *, epoch: int = 0) -> tuple[DigitPair, ...]:
        """Recording, images and label of each sample of a part ("train", "validation" or "test").

        Only the training pairs depend on `epoch`.

        Raises:
            ColliculusError: as `load`, or the part is unknown.
        """
        if part not in SPLITS:
            raise unknown_name("part", part, SPLITS)
        return self._named(self._parts(), part, epoch if part == "train" else 0)

    def write_pairs(self, path: Path) -> None:
        """Write the fixed pairs of validation and test to a table: part, recording, images, label.

        Images are counted from 0 in MNIST's training file (validation) or test file (test); two are separated by a
        space.

        Raises:
            ColliculusError: as `load`, or the file cannot be written.
        """
        parts = self._parts()
        rows = (
            (part, pair.recording, " ".join(map(str, pair.images)), str(pair.label))
            for part in ("validation", "test")
            for pair in self._named(parts, part, 0)
        )
        write_table(path, ("part", "recording", "images", "label"), rows)

    def reader(self, spec: DataSpec) -> StorageReader:
        """Reader of a recording, an image (digits that fill it, white on black), or both of one stem.

        Raises:
            ColliculusError: the task is `lag`, whose samples are not in files.
        """
        if self.task == "lag":
            raise ColliculusError('a recording and an image do not move, as samples of `task` "lag" do: use evaluate')
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

    @property
    def _motion(self) -> LaggedMotion | None:
        if self.task != "lag":
            return None
        return LaggedMotion(steps=self.steps, lag=self.lag, silence={"audio": SILENCE, "delta": 0.0})

    def _parts(self) -> DigitParts:
        if self.root is None:
            prepare(default_root())
        return read_parts(
            self.root or default_root(),
            protocol=self.protocol,
            fold=self.fold,
            validation_fraction=self.validation_fraction,
            seed=self.seed,
            num_digits=num_digits(self.task),
        )

    def _pairing(self, parts: DigitParts, part: str) -> DigitPairing:
        return DigitPairing(self.task, parts.speech.digits[parts.rows[part]], parts.images[part].digits, self.seed)

    def _named(self, parts: DigitParts, part: str, epoch: int) -> tuple[DigitPair, ...]:
        names = [parts.speech.file_name(row) for row in parts.rows[part].tolist()]
        return named_pairs(self._pairing(parts, part), epoch, names, parts.places[part])

    def _contents(self, parts: DigitParts) -> dict[str, NDArray[np.generic]]:
        """Arrays that decide the samples."""
        deciding = [*self._of_sound.values(), self.protocol_name, self.seed]
        if self.task != "digits":
            deciding += [self.task, self._motion]
        contents: dict[str, NDArray[np.generic]] = {
            "settings": np.frombuffer(repr(tuple(deciding)).encode(), np.uint8),
            "speech": np.concatenate(parts.speech.waveforms),
            "speech digits": parts.speech.digits,
        }
        for part in SPLITS:
            pool = parts.images[part]
            contents |= {f"{part} rows": parts.rows[part], f"{part} pictures": pool.images}
            contents |= {f"{part} digits": pool.digits}
        return contents


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

    @property
    def in_words(self) -> str:
        """See `Storage.in_words`."""
        return "changes of the spectrogram"

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:
        window = Window(sample.start_s, sample.end_s)
        return self.delta(read_sound(path, window, self.delta.sample_rate_hz))
