"""Moving shapes, pressure maps and sounds of the synthetic set, drawn with NumPy.

Each function makes a whole set at once: n clips, T steps, S x S pixels. The kind of a clip, `kinds` (n,) from 0 to
`num_kinds` - 1, decides what a modality shows. `active` (n, T) marks the steps during which the event of a clip lasts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kinds = NDArray[np.int64]

SHAPES = ("disc", "square", "plus", "ring", "diamond", "saltire")
"""Kinds of shape."""
SOUNDS = ("tone", "rise", "burst", "fall", "clicks", "warble")
"""Kinds of sound: tone, rising chirp, noise burst, falling chirp, train of clicks, warble."""


def shapes(kinds: Kinds, active: NDArray[np.bool_], *, num_kinds: int, size: int, rng: np.random.Generator) -> Floats:
    """Bright shapes on black, (n, T, S, S) in 0..1, that move through the image while their event lasts.

    The kind decides the shape (`SHAPES`) and the direction of motion (full circle divided by `num_kinds`); position and
    size vary at random.
    """
    num_clips, steps = active.shape
    angle = 2 * np.pi * kinds / num_kinds
    travel = np.linspace(-0.2, 0.2, steps) if steps > 1 else np.zeros(1)
    start = rng.uniform(0.4, 0.6, (num_clips, 2))
    radius = rng.uniform(0.18, 0.26, (num_clips, 1, 1, 1)) * size
    pixels = np.arange(size) + 0.5
    x = pixels - size * (start[:, :1] + travel * np.cos(angle)[:, None])[..., None, None]
    y = pixels[:, None] - size * (start[:, 1:] + travel * np.sin(angle)[:, None])[..., None, None]
    image = np.empty((num_clips, steps, size, size))
    for kind in range(num_kinds):
        chosen = kinds == kind
        distance = _outline(kind, np.abs(x[chosen]), np.abs(y[chosen]), radius[chosen])
        image[chosen] = np.clip(0.5 - distance, 0.0, 1.0)  # an edge one pixel wide
    return image * active[:, :, None, None]


def _outline(kind: int, x: Floats, y: Floats, radius: Floats) -> Floats:
    """Distance in pixels from the outline of a shape, negative inside; `x` and `y` are distances from its centre."""
    match kind:
        case 0:
            return np.hypot(x, y) - radius
        case 1:
            return np.maximum(x, y) - 0.85 * radius
        case 2:
            return np.maximum(np.minimum(x, y) - radius / 3, np.maximum(x, y) - 1.1 * radius)
        case 3:
            return np.abs(np.hypot(x, y) - 0.85 * radius) - radius / 4
        case 4:
            return (x + y) / np.sqrt(2) - 0.85 * radius
        case _:
            return np.maximum(np.abs(x - y) / np.sqrt(2) - radius / 3, np.maximum(x, y) - radius)


def pressure(kinds: Kinds, active: NDArray[np.bool_], *, num_kinds: int, size: int, rng: np.random.Generator) -> Floats:
    """Pressure maps of an elongated finger, (n, T, S, S) in 0..1; position and strength vary at random.

    The kind decides the direction of the finger (half a circle divided by `num_kinds`).
    """
    num_clips = len(kinds)
    angle = (np.pi * kinds / num_kinds)[:, None, None]
    middle = rng.uniform(0.35, 0.65, (2, num_clips, 1, 1))
    strength = rng.uniform(0.7, 1.0, (num_clips, 1, 1))
    pixels = (np.arange(size) + 0.5) / size
    x, y = pixels - middle[0], pixels[:, None] - middle[1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    finger = strength * np.exp(-0.5 * ((along / 0.2) ** 2 + (across / 0.06) ** 2))
    return finger[:, None] * active[:, :, None, None]


def sounds(
    kinds: Kinds, active: NDArray[np.bool_], *, step_samples: int, rate_hz: int, rng: np.random.Generator
) -> Floats:
    """Sounds (`SOUNDS`) during their event, with soft edges, (n, T * step_samples) in -1..1.

    The active steps of a clip are consecutive. Pitch, phase and loudness vary at random.
    """
    num_clips, steps = active.shape
    duration: Floats = active.sum(axis=1, keepdims=True, dtype=np.float64) * step_samples
    onset = active.argmax(axis=1)[:, None] * step_samples
    sample = np.arange(steps * step_samples, dtype=np.float64)
    position = (sample - onset) / duration  # 0..1 during the event
    inside = np.clip(10 * np.minimum(position, 1 - position), 0.0, 1.0)
    pitch_hz = 900 * 2 ** rng.uniform(-0.25, 0.25, (num_clips, 1))
    phase = rng.uniform(0, 2 * np.pi, (num_clips, 1))
    loudness = rng.uniform(0.1, 0.2, (num_clips, 1))
    wave = np.empty(position.shape)
    for kind in range(len(SOUNDS)):
        of = kinds == kind
        wave[of] = _wave(kind, pitch_hz[of], position[of].clip(0, 1), duration[of] / rate_hz, phase[of], rng)
    return loudness * inside * wave


def _wave(
    kind: int, pitch_hz: Floats, position: Floats, duration_s: Floats, phase: Floats, rng: np.random.Generator
) -> Floats:
    """Samples in -1..1 at each `position` of the event; a chirp covers two octaves around its pitch."""
    periods = pitch_hz * duration_s * position
    swept = pitch_hz * duration_s * (0.5 * position + 0.75 * position**2)  # integral of 0.5 + 1.5 * position
    match kind:
        case 0:
            return np.sin(2 * np.pi * periods + phase)
        case 1:
            return np.sin(2 * np.pi * swept + phase)
        case 2:
            return rng.uniform(-1, 1, position.shape)
        case 3:
            return np.sin(2 * np.pi * (2.5 * periods - swept) + phase)
        case 4:
            return np.cos(np.pi * periods / 16 + phase) ** 64
        case _:
            return np.sin(2 * np.pi * periods + 4 * np.sin(2 * np.pi * 30 * duration_s * position) + phase)


def add_noise(signal: Floats, snr_db: float, rng: np.random.Generator) -> Floats:
    """Add Gaussian noise to each clip (n, ...), by the power of the clip over that of the noise; infinity adds none."""
    power = np.square(signal).mean(axis=tuple(range(1, signal.ndim)), keepdims=True)
    return signal + rng.standard_normal(signal.shape) * np.sqrt(power) * 10 ** (-snr_db / 20)
