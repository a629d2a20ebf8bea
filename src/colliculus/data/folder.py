"""Own clips: sound and pictures in one folder per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.class_folders import LabelledClip, find_clips
from colliculus.corpus.splits import stratified_holdout
from colliculus.data.assemble import assemble
from colliculus.data.augment import Augment, augmented
from colliculus.data.augment.settings import MEDIA_KINDS
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.decode import decode, stack
from colliculus.data.loading import ArraySplit
from colliculus.data.standardise import channel_statistics
from colliculus.files.checks import SPLITS, dataset_root
from colliculus.media.clips import MediaReader, VisualSettings
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Settings of own clips, `ROOT/{train,test}/<class>/<clip>` or `ROOT/<class>/<clip>`.

    A clip is a video, or a sound file and an image or video of the same stem. Without folders `train` and `test`, a
    part of each class becomes the test; without a folder `validation`, a part of train becomes the validation part. A
    modality that no clip of train holds is left out. A clip that lacks a modality the others hold is trained and
    evaluated with the training mean in its place (zeros, once standardised); `colliculus predict` instead leaves the
    modality out. Everything is decoded once and kept in memory.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "folder"

    root: Path | None = None
    """Folder with one folder per class, or with `train/`, `test/` and optionally `validation/` that hold these."""
    audio: Spectrogram = field(default_factory=lambda: Spectrogram(size=(64, 64)))
    """How sound becomes an input."""
    visual: VisualSettings = field(default_factory=VisualSettings)
    """How an image or a video becomes an input."""
    test_fraction: float = 0.2
    """Share of each class that becomes the test, where there are no folders `train` and `test`."""
    validation_fraction: float = 0.1
    """Share of each class of the training part that becomes the validation part, where there is no such folder."""
    standardise: bool = True
    """Bring every channel to mean 0 and deviation 1 of the training part."""
    on_error: Literal["stop", "skip"] = "stop"
    """What a damaged clip does: stop, naming the file, or be left out with a warning."""
    seed: int = 0
    """Decides which clips become test and validation."""
    augment: Augment = field(default_factory=Augment)
    """How training clips are varied; off unless set."""

    def __post_init__(self) -> None:
        if not (0 < self.test_fraction < 1 and 0 < self.validation_fraction < 1) or self.seed < 0:
            raise ColliculusError(
                "`test_fraction` and `validation_fraction` must lie between 0 and 1, `seed` at 0 or above"
            )

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Decode all clips; standardise by `normalisation`, or by the training part (if `standardise`).

        Raises:
            ColliculusError: the folders are not laid out as above, or a clip is damaged.
        """
        reader = MediaReader(self.audio, self.visual)
        clips, samples = decode(find_clips(dataset_root(self.root), reader), reader, self.on_error)
        classes = sorted({clip.class_name for clip in clips})
        labels = np.array([classes.index(clip.class_name) for clip in clips])
        rows = self._rows(clips, labels)
        _check_rows(rows, labels, classes)
        present = {m: np.array([m in sample for sample in samples]) for m in ("audio", "visual")}
        arrays = {m: stack(m, samples) for m in present if present[m][rows["train"]].any()}
        if normalisation is None:
            normalisation = _learn(arrays if self.standardise else {}, present, rows["train"])
        splits = {
            name: ArraySplit(arrays, labels[part], part, normalisation, present=present) for name, part in rows.items()
        }
        protocol = "given" if clips[0].split else "random test of each class"
        dataset = assemble(_spec(arrays, classes), splits, protocol)
        train = augmented(splits["train"], self.augment, {m: MEDIA_KINDS[m] for m in arrays}, dataset.spec)
        return replace(dataset, train=train)

    def reader(self, spec: DataSpec) -> MediaReader:
        """The reader of clips like these; what no training clip held is not read."""
        wanted = spec.modalities
        return MediaReader(self.audio if "audio" in wanted else None, self.visual if "visual" in wanted else None)

    def _rows(self, clips: Sequence[LabelledClip], labels: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Which clips are train, validation and test."""
        given = np.array([str(clip.split) for clip in clips])
        rows = {name: np.flatnonzero(given == name) for name in SPLITS}
        if clips[0].split is None:
            rows["train"], rows["test"] = stratified_holdout(labels, fraction=self.test_fraction, seed=self.seed)
        if not len(rows["validation"]):
            train = rows["train"]
            kept, held = stratified_holdout(labels[train], fraction=self.validation_fraction, seed=self.seed)
            rows["train"], rows["validation"] = train[kept], train[held]
        return rows


def _check_rows(rows: Mapping[str, NDArray[np.int64]], labels: NDArray[np.int64], classes: Sequence[str]) -> None:
    """Skipped clips may leave too little behind."""
    if missing := set(range(len(classes))) - set(labels[rows["train"]].tolist()):
        raise ColliculusError(
            f"no clip of the class {classes[min(missing)]!r} is left to train on: add some that can be read"
        )
    if len(classes) < 2 or not len(rows["test"]):
        raise ColliculusError("too few clips can be read to train and test on: add some to each class")


def _learn(
    arrays: Mapping[str, NDArray[np.generic]], present: Mapping[str, NDArray[np.bool_]], train: NDArray[np.int64]
) -> Normalisation:
    """Statistics of each modality over the training clips that hold it."""
    learned = {m: channel_statistics({m: array}, train[present[m][train]]) for m, array in arrays.items()}
    return Normalisation(
        {m: part.mean[m] for m, part in learned.items()}, {m: part.std[m] for m, part in learned.items()}
    )


def _spec(arrays: Mapping[str, NDArray[np.generic]], classes: Sequence[str]) -> DataSpec:
    return DataSpec(
        channels={m: array.shape[-3] for m, array in arrays.items()},
        sizes={m: (array.shape[-2], array.shape[-1]) for m, array in arrays.items()},
        steps={m: array.shape[1] for m, array in arrays.items() if array.ndim == 5},
        num_classes=len(classes),
        class_names=tuple(classes),
    )
