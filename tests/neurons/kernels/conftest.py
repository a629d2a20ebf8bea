"""What the tests of the kernels share: a call as plain values, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from colliculus.neurons import Dynamics
from colliculus.neurons.kernels.choice import KERNELS


@dataclass(frozen=True, kw_only=True)
class Call:
    """Currents and weights of the spikes, drawn by a seed, with all that decides what becomes of them."""

    shape: tuple[int, ...]
    steps: int = 4
    static: bool = False
    leak: float | Tensor = 0.5
    dynamics: Dynamics = field(default_factory=Dynamics)
    dtype: torch.dtype = torch.float64
    seed: int = 0
    arrange: Callable[[Tensor], Tensor] = lambda x: x

    def currents(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        shape = (1 if self.static else self.steps, *self.shape)
        return self.arrange(torch.randn(shape, generator=generator, dtype=torch.float64).mul(1.5).to(self.dtype))

    def outcome(self, kernel: str) -> tuple[Tensor, Tensor, Tensor | None]:
        """Spikes, gradient of the currents, gradient of the leak."""
        x = self.currents().requires_grad_()
        leak = self.leak.clone().requires_grad_() if isinstance(self.leak, Tensor) else self.leak
        spikes = KERNELS[kernel].run(x, leak, self.dynamics, self.steps)
        weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(self.seed + 1), dtype=torch.float64)
        spikes.backward(weights.to(spikes.dtype))
        return spikes.detach(), x.grad, leak.grad if isinstance(leak, Tensor) else None


@pytest.fixture(scope="session")
def make_call():
    return Call


@pytest.fixture(scope="session")
def agree():
    return assert_agree


def assert_agree(call: Call, kernel: str, tolerance: float) -> None:
    """Spikes equal those of the loop, gradients to `tolerance` of their length; that of the leak, a sum whose terms
    cancel, to 100 times it."""
    spikes, of_currents, of_leak = call.outcome("plain")
    found = call.outcome(kernel)
    assert torch.equal(found[0], spikes)
    assert found[1].shape == of_currents.shape
    assert (found[1] - of_currents).norm() <= tolerance * of_currents.norm()
    assert (found[2] is None) == (of_leak is None)
    if of_leak is not None and found[2] is not None:
        assert found[2].shape == of_leak.shape
        assert (found[2] - of_leak).norm() <= 100 * tolerance * of_leak.norm()
