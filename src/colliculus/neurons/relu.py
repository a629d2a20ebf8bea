"""The neurons of the ANN counterpart: ReLUs, which have no state and send numbers, of any precision or of few bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colliculus.neurons.kernels.multi_step import num_steps
from colliculus.neurons.neuron import Neuron

MOST_BITS = 16
RANGE = 2.0
"""Initial largest value of a quantised ReLU: the static current from which a LIF neuron fires at every step."""


class ReLUNeuron(Neuron):
    """max(x, 0) at every step: what a trained ANN counterpart has in the place of a spiking neuron. No spikes.

    Example:
        >>> import torch
        >>> ReLUNeuron()(torch.tensor([[-1.0], [0.3]])).flatten()
        tensor([0.0000, 0.3000])
    """

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, *) -> (T, B, *), or (1, B, *) -> (steps, B, *), whose steps share their memory."""
        return currents.relu().expand(num_steps(currents, steps), *currents.shape[1:])

    def keeps_order(self, steps: int) -> bool:  # noqa: ARG002
        """True for any number of steps."""
        return True


def bits_of(steps: int) -> int:
    """Bits that hold the number of spikes of T steps: ceil(log2(T + 1)), because it is one of T + 1 numbers.

    Example:
        >>> [bits_of(steps) for steps in (1, 3, 4, 16)]
        [1, 2, 3, 5]
    """
    return steps.bit_length()


def quantised_relu(x: Tensor, scale: Tensor, top: int) -> Tensor:
    """s * round(clip(x / s, 0, top)), where rounding has the gradient 1 (straight through).

    The gradient of s is round(u) - u for u = x / s inside the range, `top` above it and 0 below (LSQ, Esser et al.,
    ICLR 2020, arXiv 1902.08153).

    Args:
        x: currents, any shape.
        scale: s, a positive scalar.
        top: largest whole number.

    Example:
        >>> quantised_relu(torch.tensor([-1.0, 0.3, 0.8, 9.0]), torch.tensor(0.5), top=3)
        tensor([0.0000, 0.5000, 1.0000, 1.5000])
    """
    clipped = (x / scale).clamp(0, top)
    return (clipped + (clipped.round() - clipped).detach()) * scale


class QuantisedReLU(Neuron):
    """A ReLU with one of 2^bits values, 0 to a learned largest one, evenly spaced (see `quantised_relu`).

    Args:
        bits: bits of a value.

    Example:
        >>> QuantisedReLU(bits=2)(torch.tensor([[-1.0], [0.3], [0.5], [7.0]])).flatten().tolist()  # thirds of 2
        [0.0, 0.0, 0.6666666865348816, 2.0]
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.top = 2**bits - 1
        self.scale_log = nn.Parameter(torch.tensor(RANGE / self.top).log())

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, *) -> (T, B, *), or (1, B, *) -> (steps, B, *), whose steps share their memory."""
        values = quantised_relu(currents, self.scale_log.exp(), self.top)
        return values.expand(num_steps(currents, steps), *currents.shape[1:])

    def keeps_order(self, steps: int) -> bool:  # noqa: ARG002
        """True for any number of steps."""
        return True

    def extra_repr(self) -> str:
        """Settings shown by `print(model)`."""
        return f"levels={self.top}"
