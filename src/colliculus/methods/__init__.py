"""Methods: one paper, one file. Adding one is a file here and a line in `METHODS`."""

from __future__ import annotations

from colliculus.methods.late_fusion import LateFusion
from colliculus.methods.scmrl import SCMRL
from colliculus.methods.taaf import TAAF
from colliculus.methods.unimodal import Unimodal

METHODS: dict[str, type[SCMRL | TAAF | LateFusion | Unimodal]] = {
    m.name: m for m in (SCMRL, TAAF, LateFusion, Unimodal)
}

__all__ = ["METHODS", "SCMRL", "TAAF", "LateFusion", "Unimodal"]
