"""What may happen between backward and step."""

from __future__ import annotations

from colliculus.modulation.base import Modulator, NoModulation

__all__ = ["Modulator", "NoModulation"]
