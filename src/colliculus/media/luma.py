"""How bright a colour looks."""

from __future__ import annotations

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Shares of red, green and blue in brightness: ITU-R BT.601, as in JPEG and Pillow."""
