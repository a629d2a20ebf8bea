"""The options of a neuron as plain values, for presets, run files and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from colliculus.neurons.dynamics import TAU, Dynamics, Reset
from colliculus.neurons.lif import LIF, PLIF, SpikingNeuron
from colliculus.neurons.surrogate import SURROGATES, SurrogateName
from colliculus.types import ColliculusError, refuse_unread


@dataclass(frozen=True, kw_only=True)
class NeuronSettings:
    """The neuron of a method; calling the settings makes one. The defaults are those of `LIF` and `Dynamics`.

    Raises:
        ColliculusError: a setting is out of range, or has no effect.

    Example:
        >>> NeuronSettings(threshold=0.5)().dynamics.threshold
        0.5
    """

    tau: float = TAU
    """Time constant in steps, above 1."""
    learned_tau: bool = False
    """Learn the time constant (PLIF), one for each layer."""
    threshold: float = Dynamics.threshold
    """Membrane potential at which the neuron fires; equality fires."""
    reset: Reset = Dynamics.reset
    """After a spike: to 0 ("hard") or minus the threshold ("soft")."""
    detach_reset: bool = Dynamics.detach_reset
    """Keep the reset out of the gradient."""
    temporal_gradient: bool = Dynamics.temporal_gradient
    """Let the gradient flow through time; the published S-CMRL does not."""
    surrogate: SurrogateName = "sigmoid"
    """Shape of the surrogate gradient."""

    def __post_init__(self) -> None:
        if not 1 < self.tau < inf:
            raise ColliculusError(f"tau must be above 1 step, not {self.tau}")
        if not self.temporal_gradient:
            refuse_unread(self, ["detach_reset"], "without `temporal_gradient`")
        self.dynamics()

    def dynamics(self) -> Dynamics:
        """The options that the neuron itself takes."""
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
