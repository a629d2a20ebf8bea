"""A small AV-Digits folder: noise for recordings, and images of one grey each."""

from __future__ import annotations

import gzip
import wave

import numpy as np

from colliculus.media.digit_files import NUM_DIGITS

SPEAKERS = ("george", "jackson", "theo")
NUM_INDICES = 8


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, len(samples), "NONE", ""))
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())


def write_root(root):
    """Three speakers with 8 recordings of each digit; 20 training and 10 test pictures of each.

    Every picture is of one grey of its own part: training from 1, test from 201. Where the digit stands in the grey,
    the pairing can be read from the batches.
    """
    rng = np.random.default_rng(0)
    (root / "recordings").mkdir(parents=True)
    for digit in range(NUM_DIGITS):
        for speaker in SPEAKERS:
            for index in range(NUM_INDICES):
                samples = rng.integers(-9000, 9000, 400 + 40 * digit)
                write_wav(root / "recordings" / f"{digit}_{speaker}_{index}.wav", samples)
    for part, count, first in (("train", 20, 1), ("t10k", 5, 201)):
        digits = np.repeat(np.arange(NUM_DIGITS, dtype=np.uint8), count)
        greys = np.arange(len(digits), dtype=np.uint8) + first
        write_idx(root / f"{part}-images-idx3-ubyte.gz", np.broadcast_to(greys[:, None, None], (len(digits), 28, 28)))
        write_idx(root / f"{part}-labels-idx1-ubyte.gz", digits)
