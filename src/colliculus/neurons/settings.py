"""Every option of a neuron as plain values, for presets, run files and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from colliculus.neurons.dynamics import TAU, Dynamics, Reset
from colliculus.neurons.lif import LIF, SpikingNeuron
from colliculus.neurons.plif import PLIF
from colliculus.neurons.surrogate import SURROGATES, SurrogateName
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class NeuronSettings:
    """The neuron of a method; calling the settings makes one.

    Raises:
        ColliculusError: `tau` does not leak or `threshold` is not positive.

    Example:
        >>> NeuronSettings(threshold=0.5)().dynamics.threshold
        0.5
    """

    tau: float = TAU
    """Time constant in steps, above 1."""
    learned_tau: bool = False
    """Learn the time constant (PLIF), one per layer."""
    threshold: float = Dynamics.threshold
    """Membrane at which the neuron fires; equality fires."""
    reset: Reset = Dynamics.reset
    """After a spike: to 0 ("hard") or minus the threshold ("soft")."""
    detach_reset: bool = Dynamics.detach_reset
    """Keep the reset out of the gradient."""
    temporal_gradient: bool = False
    """Let the gradient flow through time; S-CMRL does not."""
    surrogate: SurrogateName = "sigmoid"
    """Shape that stands in for the spike's derivative."""

    def __post_init__(self) -> None:
        if not 1 < self.tau < inf:
            raise ColliculusError(f"tau must be above 1 step, not {self.tau}")
        self.dynamics()

    def dynamics(self) -> Dynamics:
        """The options as the neuron itself takes them."""
        return Dynamics(
            threshold=self.threshold,
            reset=self.reset,
            detach_reset=self.detach_reset,
            temporal_gradient=self.temporal_gradient,
            surrogate=SURROGATES[self.surrogate](),
        )

    def __call__(self) -> SpikingNeuron:
        """A new neuron."""
        return (PLIF if self.learned_tau else LIF)(tau=self.tau, dynamics=self.dynamics())
