"""One sweep over memory that normalises, integrates, fires and pools; its kernels are those in C and in Triton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.kernels.layout import layout_of


@dataclass(frozen=True, kw_only=True)
class OneSweep:
    """The work of one sweep.

    Args:
        kernel: computes it.
        leak: 1 / tau.
        dynamics: those of the neuron.
        steps: T.
        pooled: True if max-pooling of 3 by 3 with stride 2 follows.
        static: True if the values are one step that all steps share.
    """

    kernel: SweepKernel
    leak: float
    dynamics: Dynamics
    steps: int
    pooled: bool
    static: bool

    @property
    def rows(self) -> int:
        """Steps that the values have of their own."""
        return 1 if self.static else self.steps

    def empty(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """An empty (T * B, C, H', W') for the spikes of values (T * B or B, C, H, W), in their layout."""
        height, width = (-(-n // 2) if self.pooled else n for n in values.shape[2:])
        shape = (values.shape[0] // self.rows * self.steps, values.shape[1], height, width)
        return torch.empty(shape, dtype=dtype, device=values.device, memory_format=layout_of(values))


class SweepKernel(Protocol):
    """The four passes over memory, on images (T * B, C, H, W), or (B, C, H, W) if they are static."""

    def takes(self, values: Tensor, steps: int) -> bool:
        """True if the kernel can compute these values."""
        ...

    def forward(
        self, sweep: OneSweep, values: Tensor, scale: Tensor, shift: Tensor, membrane: Tensor | None, *, learns: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Spikes (T * B, C, H', W') of currents values * scale + shift, both (C,) in float32.

        The neurons start from `membrane` (B, C, H, W), which then holds their state after the last step, or from 0. The
        second tensor is what `backward` needs of the pooling, if anything.
        """
        ...

    def backward(
        self,
        sweep: OneSweep,
        values: Tensor,
        scale: Tensor,
        shift: Tensor,
        mean: Tensor,
        places: Tensor | None,
        grad: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Gradients of the currents, as `values`; of each channel their sum, and that of them * (value - mean), (2, C).

        The sums are float64; `places` is the second tensor of `forward`; `grad` has the layout of the spikes.
        """
        ...

    def moments(self, values: Tensor) -> Tensor:
        """Sums over each channel of (value - that of the first pixel), and of its square, (2, C) in float64."""
        ...

    def through_norm(self, values: Tensor, grad: Tensor, of_grad: Tensor, of_value: Tensor, constant: Tensor) -> None:
        """grad <- grad * of_grad + value * of_value + constant, the last three (C,) in float32."""
        ...
