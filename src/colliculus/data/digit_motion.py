"""Moving pictures and delayed sounds of AV-Digits' task `lag`.

A clip has T steps, and its event lasts the first T/2 of them. While it lasts, the picture moves at one speed along a
straight line and turns at one speed; halfway it stands upright in the middle. The spectrogram of the utterance is cut
into T/2 windows of consecutive columns, one a step, each stretched to the width of the whole. They begin `lag` steps
after the picture. At all other steps the picture is black and the sound silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from colliculus.data.augment.draws import Draws

SPEED = 1 / 16
"""Shift per step, in widths of the picture."""
MOST_TURN = np.pi / 18
"""Largest turn per step, in radians (10 degrees)."""


@dataclass(frozen=True, kw_only=True)
class LaggedMotion:
    """Conversion of pictures and spectrograms to clips.

    Args:
        steps: T, even.
        lag: steps from the picture to the sound, 0 to T/2.
        silence: for each modality of sound, the value of a silent frame.
    """

    steps: int
    lag: int
    silence: Mapping[str, float]

    def pictures(self, images: NDArray[np.float32], draws: Draws) -> NDArray[np.float32]:
        """Clips (B, T, 1, S, S) of grey levels (B, 1, S, S); direction and turn are drawn, the turn either way."""
        clips = np.zeros((len(images), self.steps, *images.shape[1:]), dtype=np.float32)
        direction = 2 * np.pi * draws.uniform("direction", 1)[:, 0]
        turn = draws.between("turn", -MOST_TURN, MOST_TURN)
        event = self.steps // 2
        for step in range(event):
            passed = step - (event - 1) / 2
            shift = SPEED * passed * np.stack([np.cos(direction), np.sin(direction)], axis=1)
            clips[:, step] = moved(images, shift, turn * passed)
        return clips

    def sounds(self, modality: str, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Clips (B, T, 1, H, W) of the spectrograms (B, 1, H, W) of one modality."""
        event, width = self.steps // 2, spectra.shape[-1]
        shape = (len(spectra), self.steps, *spectra.shape[1:])
        clips = np.full(shape, self.silence[modality], dtype=np.float32)
        for step in range(event):
            clips[:, self.lag + step] = spectra[..., (step * width + np.arange(width)) // event]
        return clips


def moved(images: NDArray[np.float32], shift: NDArray[np.float64], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """Grey levels (B, 1, S, S) turned about the middle and then shifted; bilinear, black beyond the edge, rounded.

    Args:
        images: the images.
        shift: right and down, in widths, (B, 2).
        turn: angle in radians, clockwise, (B,).

    Example:
        >>> image = np.array([[[[0, 0], [8, 0]]]], dtype=np.float32)
        >>> moved(image, np.array([[0.5, 0.0]]), np.array([0.0])).tolist()
        [[[[0.0, 0.0], [0.0, 8.0]]]]
        >>> moved(image, np.array([[0.0, 0.0]]), np.array([np.pi / 2])).tolist()
        [[[[8.0, 0.0], [0.0, 0.0]]]]
    """
    if not len(images):
        return images
    cos, sin = np.cos(turn), np.sin(turn)
    back = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)  # from target to source
    origin = -2 * back @ shift[:, :, None]  # coordinates go from -1 to 1
    theta = torch.from_numpy(np.concatenate([back, origin], axis=2)).float()
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    sampled = functional.grid_sample(torch.from_numpy(images), grid, padding_mode="zeros", align_corners=False)
    return np.rint(sampled.numpy())
