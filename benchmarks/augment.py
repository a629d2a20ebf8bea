"""What augmentation costs: training samples per second, by augmentation.

    python benchmarks/augment.py

draws batches of a split in memory, images (3, 128, 128) in bytes with log spectrograms (1, 128, 128), as they are and
under each augmentation alone and all of them, in turns, on one thread; prints medians as a table in Markdown. Processor
time is what counts, so that other programs on the machine matter little. Sounds stored as waveforms are measured by
themselves, up to the spectrogram that is made of them anyway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import torch
import tyro

from colliculus.data.augment import Augment, augmented
from colliculus.data.augment.draws import Draws
from colliculus.data.augment.events import EventDrop
from colliculus.data.augment.images import ColourJitter, Flip, ImageAugment, RandomErasing, RandomResizedCrop
from colliculus.data.augment.mix import CutMix, Mixup
from colliculus.data.augment.sound import BackgroundNoise, Gain, Masks, SoundShift, SpectrogramAugment
from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.types import DataSpec

SIZE = 128
CROP, FLIP, ERASE = RandomResizedCrop(probability=1), Flip(probability=0.5), RandomErasing(probability=0.25)
COLOUR = ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4)
SHIFT, MASKS = SoundShift(most=0.1), Masks(num=2)
HEARD = SpectrogramAugment(shift=SHIFT, time_masks=MASKS, frequency_masks=MASKS)
SEEN = ImageAugment(crop=CROP, flip=FLIP)
SEEN_ALL = ImageAugment(crop=CROP, flip=FLIP, colour=COLOUR, erase=ERASE)

VARIANTS: Mapping[str, Augment] = {
    "none": Augment(),
    "flip": Augment(pictures=ImageAugment(flip=FLIP)),
    "random resized crop": Augment(pictures=ImageAugment(crop=CROP)),
    "colour jitter": Augment(pictures=ImageAugment(colour=COLOUR)),
    "random erasing": Augment(pictures=ImageAugment(erase=ERASE)),
    "masks and time shift": Augment(spectrograms=HEARD),
    "crop, flip, masks, time shift": Augment(pictures=SEEN, spectrograms=HEARD),
    "all of these": Augment(pictures=SEEN_ALL, spectrograms=HEARD),
    "mixup": Augment(mixup=Mixup(probability=1)),
    "all of these, half mixup, half cutmix": Augment(
        pictures=SEEN_ALL, spectrograms=HEARD, mixup=Mixup(probability=0.5), cutmix=CutMix(probability=0.5)
    ),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Measure what augmentation costs."""

    batch_size: int = 64
    """Samples of a batch."""
    samples: int = 512
    """Of the split."""
    rounds: int = 15
    """Batches measured of each variant."""
    out: Path | None = None
    """File for the figures, JSON."""


def split_of(count: int) -> ArraySplit:
    """ImageAugment and spectrograms as a prepared folder holds them."""
    rng = np.random.default_rng(0)
    arrays = {
        "audio": rng.normal(-5, 3, (count, 1, SIZE, SIZE)).astype(np.float32),
        "visual": rng.integers(0, 256, (count, 3, SIZE, SIZE), dtype=np.uint8),
    }
    normalisation = Normalisation({"audio": (-5.0,), "visual": (127.5,) * 3}, {"audio": (3.0,), "visual": (74.0,) * 3})
    return ArraySplit(arrays, np.arange(count) % 6, np.arange(count), normalisation)


def batches(settings: Settings) -> dict[str, float]:
    """Samples per second of whole batches, by variant."""
    spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
    kinds = {"audio": "spectrograms", "visual": "pictures"}
    plain = split_of(settings.samples)
    splits = {name: augmented(plain, augment, kinds, spec) for name, augment in VARIANTS.items()}
    order = np.random.default_rng(1)
    seconds: dict[str, list[float]] = {name: [] for name in splits}
    for epoch in range(settings.rounds + 1):
        indices = order.permutation(settings.samples)[: settings.batch_size]
        for name, split in splits.items():
            start = process_time()
            split.batch(indices, epoch=epoch)
            seconds[name].append(process_time() - start)
    return {name: settings.batch_size / median(found[1:]) for name, found in seconds.items()}


def stored(settings: Settings) -> dict[str, float]:
    """Samples per second of what is done to 3 s of sound at 22.05 kHz, and to 10 bins of 28 x 28 events."""
    rng = np.random.default_rng(0)
    waves = rng.integers(-9000, 9000, (settings.batch_size, 66_150), dtype=np.int16)
    counts = rng.poisson(0.2, (settings.batch_size, 10, 2, 28, 28)).astype(np.uint8)
    draws = Draws.of(0, 0, np.arange(settings.batch_size))
    drop = EventDrop(probability=1, time_probability=1, area_probability=1)
    work = {
        "waveform: time shift": lambda: SHIFT(waves, draws),
        "waveform: gain": lambda: Gain(most_db=6)(waves, draws),
        "waveform: white noise": lambda: BackgroundNoise(probability=1)(waves, draws, None),
        "waveform: pink noise": lambda: BackgroundNoise(probability=1, kind="pink")(waves, draws, None),
        "waveform: another sample": lambda: BackgroundNoise(probability=1, kind="other")(waves, draws, waves[::-1]),
        "events: drop in all three ways": lambda: drop(counts, draws),
    }
    found: dict[str, float] = {}
    for name, run in work.items():
        seconds: list[float] = []
        for _ in range(settings.rounds + 1):
            start = process_time()
            run()
            seconds.append(process_time() - start)
        found[name] = settings.batch_size / median(seconds[1:])
    return found


def main() -> None:
    """Measure, print and keep."""
    settings = tyro.cli(Settings)
    torch.set_num_threads(1)
    figures = batches(settings) | stored(settings)
    print("| augmentation | samples/s | ms a batch |")
    print("|---|---|---|")
    for name, rate in figures.items():
        print(f"| {name} | {rate:,.0f} | {1e3 * settings.batch_size / rate:.1f} |")
    if settings.out:
        settings.out.write_text(
            json.dumps({"batch_size": settings.batch_size, "samples_per_second": figures}, indent=1)
        )


if __name__ == "__main__":
    main()
