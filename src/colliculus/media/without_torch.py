"""Resizing and spectra in NumPy, for a process that answers before PyTorch would have been imported.

Data are prepared and networks trained with PyTorch's arithmetic; NumPy's differs from it in the last digits. So it is
used only where it is asked for.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_ASKED = ContextVar("without_torch", default=False)


@contextmanager
def without_torch() -> Generator[None]:
    """Within this context, frames are resized and spectra computed without PyTorch.

    Example:
        >>> from colliculus.media.resize import resize
        >>> with without_torch():
        ...     resize(np.array([[[0, 4], [8, 12]]], dtype=np.uint8), (1, 1)).tolist()
        [[[6.0]]]
    """
    token = _ASKED.set(True)
    try:
        yield
    finally:
        _ASKED.reset(token)


def asked() -> bool:
    """True within `without_torch`."""
    return _ASKED.get()


def resized(values: Floats, size: tuple[int, int]) -> Floats:
    """Values (..., H, W) resized as `torch.nn.functional.interpolate` does (bilinear, antialiased), to (..., *size).

    Each new pixel is a mean of old ones, weighted by a triangle about its centre; sums are in float64.
    """
    down, across = (_weights(old, new) for old, new in zip(values.shape[-2:], size, strict=True))
    return (down @ values @ across.T).astype(np.float32)


@cache  # of the few sizes that a process meets
def _weights(old: int, new: int) -> NDArray[np.float64]:
    """Share of each old pixel in each new one, (new, old); positions in float32, as there."""
    scale = np.float32(old / new)
    centre = (scale * (np.arange(new) + 0.5)).astype(np.float32)[:, None]
    apart = np.abs(np.arange(old, dtype=np.float32) - centre + np.float32(0.5)) / max(scale, np.float32(1))
    triangle = np.maximum(1 - apart, 0)
    return (triangle / triangle.sum(axis=1, keepdims=True)).astype(np.float64)


def spectra(waveforms: Floats, n_fft: int, hop: int) -> NDArray[np.complex64]:
    """Short-time Fourier transforms (n, bins, windows) of waveforms (n, samples), as `torch.stft` gives them.

    Windows are periodic Hann windows, centred on multiples of `hop`, with silence before and behind the waveform.
    """
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
    padded = np.pad(waveforms, np.array([(0, 0), (n_fft // 2, n_fft // 2)]))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=1)[:, ::hop]
    return np.fft.rfft(frames * window).astype(np.complex64).swapaxes(1, 2)
