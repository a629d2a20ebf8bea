"""A method: patch splitting of each modality, a gated sum, a linear readout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import colliculus as cl
from gated_colliculus.fusion import GatedSum


@dataclass(frozen=True, kw_only=True)
class Gated(cl.Method):
    """Gated sum of the modalities."""

    name: ClassVar[str] = "gated"

    dim: int = 32
    """width of a token; a multiple of 2"""
    steps: int = 4
    """time steps"""

    def model(self, spec: cl.DataSpec) -> cl.MultimodalSNN:
        """A fresh network for data of that shape."""
        return cl.MultimodalSNN(
            spec,
            coding={m: cl.coding.Direct(self.steps) for m in spec.modalities},
            encoders={
                m: cl.encoders.SpikingPatchSplitting(spec.channels[m], spec.sizes.get(m), self.dim, "shallow")
                for m in spec.modalities
            },
            fusion=GatedSum(spec, self.dim),
            head=cl.heads.LinearReadout(self.dim, spec.num_classes),
        )
