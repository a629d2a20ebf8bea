"""The options of a neuron as plain values, for presets, run files and the command line."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf

from colliculus.neurons.dynamics import TAU, Dynamics, Options
from colliculus.neurons.lif import LIF, PLIF, SpikingNeuron
from colliculus.neurons.surrogate import SURROGATES, SurrogateName
from colliculus.types import ColliculusError, refuse_unread


@dataclass(frozen=True, kw_only=True)
class NeuronSettings(Options):
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
    surrogate: SurrogateName = "sigmoid"
    """Shape of the surrogate gradient."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 < self.tau < inf:
            raise ColliculusError(f"tau must be above 1 step, not {self.tau}")
        if not self.temporal_gradient:
            refuse_unread(self, ["detach_reset"], "without `temporal_gradient`")

    def dynamics(self) -> Dynamics:
        """The options that the neuron itself takes."""
        shared = {each.name: getattr(self, each.name) for each in fields(Options)}
        return Dynamics(**shared, surrogate=SURROGATES[self.surrogate]())

    def __call__(self) -> SpikingNeuron:
        """A new neuron."""
        return (PLIF if self.learned_tau else LIF)(tau=self.tau, dynamics=self.dynamics())
