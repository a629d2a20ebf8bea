"""The training part, augmented anew in each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.draws import Draws, Values
from colliculus.data.augment.mix import Mixing
from colliculus.data.augment.settings import Augment, ModalityKind
from colliculus.data.augment.sound import WaveformAugment
from colliculus.data.dataset import DerivedSplit, RawSplit, Split
from colliculus.data.recordings import Floats, Recordings, babble
from colliculus.types import Batch, DataSpec


def augmented(split: RawSplit, augment: Augment, kinds: Mapping[str, ModalityKind], spec: DataSpec) -> Split:
    """`split`, augmented by settings of the `kinds` of its modalities; itself where nothing is set.

    A modality that is not named in `kinds` is only mixed and made noisy.

    Raises:
        ColliculusError: something is set for a kind that no modality is of.
    """
    if not augment.is_set:
        return split
    augment.check_kinds(kinds)
    return AugmentedSplit(split, augment, kinds, spec.num_classes)


@dataclass(frozen=True, eq=False)
class AugmentedSplit(DerivedSplit):
    """A split of augmented samples: a pure function of (seed, epoch, index).

    The partner of a mixed sample comes from the whole split, augmented as it is in that epoch; a sample that serves as
    noise is taken as it is stored.
    """

    split: RawSplit
    augment: Augment
    kinds: Mapping[str, ModalityKind]
    num_classes: int

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:
        """Samples at `indices`, augmented; labels are soft if any samples of the split may be mixed."""
        draws = Draws.of(self.augment.seed, epoch, indices)
        if self.augment.mixes:
            mixing = Mixing.draw(self.augment.mixup, self.augment.cutmix, draws, len(self))
            batch = mixing(self._alone(np.concatenate([indices, mixing.partners]), epoch), self.num_classes)
        else:
            batch = self._alone(indices, epoch)
        return replace(batch, inputs=self.augment.noise(batch.inputs, draws))

    def _alone(self, indices: NDArray[np.int64], epoch: int) -> Batch:
        """Augmented samples, neither mixed nor noisy yet."""
        draws = Draws.of(self.augment.seed, epoch, indices)
        others = self._others(draws, indices, epoch)
        stored = {
            m: self.augment.stored(self.kinds.get(m), x, draws, others.get(m))
            for m, x in self.split.values(indices, epoch=epoch).items()
        }
        inputs = self.split.inputs(stored) | self._of_recordings(draws, indices, epoch)
        made = {m: self.augment.made(m, self.kinds.get(m), x, draws, self._fill(m, x)) for m, x in inputs.items()}
        return self.split.collate(made, indices)

    def _others(self, draws: Draws, indices: NDArray[np.int64], epoch: int) -> dict[str, Values]:
        """Noise of each stored waveform that is made of other samples; empty if none is of that kind."""
        count = self.augment.waveforms.noise.num_voices
        if count == 1:
            partners = (draws.uniform("noise partner", 1)[:, 0] * len(self)).astype(np.int64)
            return self.split.values(partners, epoch=epoch)
        found = self.split.recordings(epoch=epoch) if count else {}
        return {
            m: np.stack([_voices(recordings, *one, count) for one in _each(draws, indices)])
            for m, recordings in found.items()
            if self.kinds.get(m) == "waveforms"
        }

    def _of_recordings(self, draws: Draws, indices: NDArray[np.int64], epoch: int) -> dict[str, Values]:
        """Inputs made from augmented waveforms, where these are at hand but are not what is stored; else none."""
        if self.augment.waveforms == WaveformAugment() or "recordings" not in self.kinds.values():
            return {}
        inputs: dict[str, Values] = {}
        for recordings in self.split.recordings(epoch=epoch).values():
            waves = [self._waveform(recordings, *one) for one in _each(draws, indices)]
            inputs |= recordings.inputs(waves)
        return inputs

    def _waveform(self, recordings: Recordings, index: int, draws: Draws) -> Floats:
        """Augmented waveform of one sample, (samples,)."""
        count = self.augment.waveforms.noise.num_voices
        noise = _voices(recordings, index, draws, count)[None] if count else None
        return self.augment.waveforms(recordings.waveform(index)[None], draws, noise)[0].astype(np.float32)

    def _fill(self, modality: str, values: Values) -> Values:
        """Training mean of each channel, (C,), in the units and the type of `values`; 0 where it is unknown."""
        mean = np.array(self.split.normalisation.mean.get(modality, (0.0,) * values.shape[-3]))
        return (np.rint(mean) if values.dtype.kind in "ui" else mean).astype(values.dtype)


def _each(draws: Draws, indices: NDArray[np.int64]) -> Iterator[tuple[int, Draws]]:
    """Index and random numbers of one sample after another."""
    return ((index, Draws(key)) for index, key in zip(indices.tolist(), draws.keys[:, None], strict=True))


def _voices(recordings: Recordings, index: int, draws: Draws, count: int) -> Floats:
    """Noise of one sample, as long as it is, from the sound of `count` others."""
    positions = draws.uniform("voices", count)[0].tolist()
    return babble(recordings.voices(index, positions), len(recordings.waveform(index)))
