"""What preparing costs and what it gains: clips a second while preparing, samples a second while training.

    python benchmarks/prepare.py

makes clips of half a second to two seconds with sound, prepares them with one and with two processes, and draws batches
from the memory-mapped result and, beside it, by decoding the files anew for every batch. Each figure is the best of
`--repeats`, because whatever else a machine does only ever slows it down.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import tyro

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.loading import standard_batch
from colliculus.data.prepared import Prepared
from colliculus.media.clips import Clip
from colliculus.media.spectrogram import Spectrogram

RATE_HZ = 48_000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Measure preparation and loading."""

    clips: int = 120
    """Clips to make."""
    size: tuple[int, int] = (240, 320)
    """Height and width of their images."""
    batch_size: int = 32
    """Samples of a batch."""
    repeats: int = 3
    """How often each measurement is made."""


def write_clip(path: Path, size: tuple[int, int], seed: int) -> None:
    """A clip of moving noise and a tone."""
    random = np.random.default_rng(seed)
    seconds = random.uniform(0.5, 2.0)
    coarse = random.integers(0, 256, (round(25 * seconds), size[0] // 16, size[1] // 16, 3), dtype=np.uint8)
    sound = 0.5 * np.sin(2 * np.pi * random.uniform(200, 2000) * np.arange(round(RATE_HZ * seconds)) / RATE_HZ)
    with av.open(str(path), "w") as container:
        images = container.add_stream("mpeg4", rate=25)
        images.height, images.width, images.pix_fmt = *size, "yuv420p"
        track = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for small in coarse:
            frame = av.VideoFrame.from_ndarray(small.repeat(16, axis=0).repeat(16, axis=1), format="rgb24")
            container.mux(images.encode(frame))
        frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        container.mux(track.encode(frame))
        container.mux(images.encode())
        container.mux(track.encode())


def best(seconds: Iterator[float]) -> float:
    """The shortest time."""
    return min(seconds)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def preparing(settings: Settings, recipe: FolderRecipe, raw: Path, out: Path, jobs: int) -> float:
    """Clips a second of a preparation, once its processes have started."""

    def anew() -> float:
        shutil.rmtree(out, ignore_errors=True)
        ends: list[float] = []
        prepare(recipe, raw, out, jobs=jobs, progress=lambda _done, _total: ends.append(time.perf_counter()))
        first = jobs + 1  # before it, one process may still be starting
        return (ends[-1] - ends[first]) / (len(ends) - 1 - first)

    return 1 / best(anew() for _ in range(settings.repeats))


def mapped(settings: Settings, root: Path) -> float:
    """Samples a second of batches of the training part, in random order."""
    split = Prepared(root=root).load().train

    def epoch() -> None:
        order = np.random.default_rng(0).permutation(len(split))
        for start in range(0, len(order), settings.batch_size):
            split.batch(order[start : start + settings.batch_size], epoch=0)

    rounds = 20
    return rounds * len(split) / best(timed(lambda: [epoch() for _ in range(rounds)]) for _ in range(settings.repeats))


def decoded(settings: Settings, root: Path, raw: Path) -> float:
    """Samples a second where every batch is decoded anew."""
    dataset = Prepared(root=root).load()
    reader = Prepared(root=root).reader(dataset.spec)
    files = itertools.islice(sorted(raw.rglob("*.mp4")), settings.batch_size)
    clips = [Clip((file,)) for file in files]
    labels = np.zeros(len(clips), dtype=np.int64)

    def batch(reader: StorageReader = reader) -> None:
        read = [reader.read(clip) for clip in clips]
        arrays = {m: np.stack([r[m] for r in read]) for m in dataset.spec.modalities}
        standard_batch(arrays, labels, dataset.normalisation)

    return len(clips) / best(timed(batch) for _ in range(settings.repeats))


def table(settings: Settings, folder: Path) -> Iterator[str]:
    """The figures in Markdown."""
    raw = folder / "raw"
    for number in range(settings.clips):
        path = raw / "ab"[number % 2] / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, settings.size, number)
    sound = Sound(duration_s=2.0, spectrogram=Spectrogram(size=(64, 64), steps=4))
    recipes = {
        "one image, one spectrogram": FolderRecipe(
            audio=replace(sound, spectrogram=Spectrogram(size=(64, 64))), visual=Frames(size=(64, 64))
        ),
        "4 frames, 4 spectrograms": FolderRecipe(audio=sound, visual=Frames(size=(64, 64), steps=4)),
        "4 frames, a waveform": FolderRecipe(
            audio=replace(sound, kind="waveform"), visual=Frames(size=(64, 64), steps=4)
        ),
    }
    yield "| stored | clips/s, 1 process | clips/s, 2 processes | samples/s, prepared | samples/s, decoded | ratio |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, recipe in recipes.items():
        out = folder / "out"
        one, two = (preparing(settings, recipe, raw, out, jobs) for jobs in (1, 2))
        fast, slow = mapped(settings, out), decoded(settings, out, raw)
        yield f"| {name} | {one:.0f} | {two:.0f} | {fast:,.0f} | {slow:.0f} | {fast / slow:,.0f} |"


def main(settings: Settings) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        for line in table(settings, Path(folder)):
            print(line, flush=True)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
