"""Methods: one paper, one file. Adding one is a file here and a line in `METHODS`."""

from __future__ import annotations

from colliculus.methods.late_fusion import LateFusion
from colliculus.methods.scmrl import SCMRL
from colliculus.methods.unimodal import Unimodal

METHODS: dict[str, type[SCMRL | LateFusion | Unimodal]] = {m.name: m for m in (SCMRL, LateFusion, Unimodal)}

__all__ = ["METHODS", "SCMRL", "LateFusion", "Unimodal"]
