"""Samples of AV-Digits: recordings and images put together by a pairing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.draws import Draws
from colliculus.data.dataset import Normalisation, RawSplit
from colliculus.data.digit_motion import LaggedMotion
from colliculus.data.digit_pairs import DigitPairing
from colliculus.data.loading import ArraySplit, standard_batch
from colliculus.data.recordings import Floats, Recordings
from colliculus.media.resize import resize
from colliculus.types import Batch, DataSpec


@dataclass(frozen=True, eq=False)
class DigitClips(RawSplit):
    """Utterances with images that are drawn anew in each epoch.

    Args:
        spec: spec of the data.
        waveforms: utterances, (samples,) of each.
        made: conversion of an utterance to each modality that comes from it, (1, H, W).
        sounds: (n, 1, H, W) of each of these modalities.
        images: (m, 1, 28, 28), grey levels.
        pairing: which of them form a sample.
        motion: conversion to clips; None: samples are static.
        normalisation: normalisation of the batches.
    """

    spec: DataSpec
    waveforms: Sequence[Floats]
    made: Mapping[str, Callable[[Floats], Floats]]
    sounds: Mapping[str, NDArray[np.float32]]
    images: NDArray[np.uint8]
    pairing: DigitPairing
    motion: LaggedMotion | None
    normalisation: Normalisation

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices, the same in all epochs."""
        return self.pairing.questions.labels

    def values(self, indices: NDArray[np.int64], *, epoch: int) -> dict[str, NDArray[np.generic]]:
        """Raw samples: a pure function of (seed, epoch) and the index of each sample."""
        pairs = self.pairing.at(epoch)
        recordings = pairs.recordings[indices]
        visual = self._pictures(pairs.images[indices])
        made = {m: visual if m == "visual" else self.sounds[m][recordings] for m in self.spec.modalities}
        if self.motion is None:
            return dict(made)
        draws = Draws.of(self.pairing.seed, epoch, indices)
        return {
            m: self.motion.pictures(x, draws) if m == "visual" else self.motion.sounds(m, x) for m, x in made.items()
        }

    def recordings(self, *, epoch: int) -> Mapping[str, Recordings]:
        """Utterances of the samples of an epoch."""
        spoken = self.pairing.at(epoch).recordings

        def waveform(index: int) -> Floats:
            return self.waveforms[spoken[index]]

        return {"audio": Recordings(len(self), waveform, {m: partial(self._sound, m) for m in self.made})}

    def collate(self, inputs: Mapping[str, NDArray[np.generic]], indices: NDArray[np.int64]) -> Batch:
        """Standardised batch."""
        return standard_batch(inputs, self.labels[indices], self.normalisation)

    def fixed(self, normalisation: Normalisation) -> ArraySplit:
        """The samples of epoch 0, in all epochs."""
        rows = np.arange(len(self))
        values, sounds = self.values(rows, epoch=0), self.recordings(epoch=0)
        return ArraySplit(values, self.labels, rows, normalisation, sounds=sounds)

    def _sound(self, modality: str, waveform: Floats) -> Floats:
        """Input of a modality that comes from an utterance, (1, H, W), or (T, 1, H, W) where samples move."""
        spectrum = self.made[modality](waveform)
        return spectrum if self.motion is None else self.motion.sounds(modality, spectrum[None])[0]

    def _pictures(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Images at (B, k) side by side, (B, 1, H, W), in whole levels, as a reader gives them."""
        height, width = self.spec.size("visual")
        size = (height, width // images.shape[1])
        return np.concatenate([np.rint(resize(self.images[rows], size)) for rows in images.T], axis=-1)
