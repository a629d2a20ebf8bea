"""The options of a neuron as plain values, for presets, run files and the command line."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any, Literal, Self

from colliculus.neurons.dynamics import TAU, Dynamics, GradientOptions, Options
from colliculus.neurons.graded import GradedNeuron
from colliculus.neurons.levels import DECAY, GradedDynamics
from colliculus.neurons.lif import LIF, PLIF
from colliculus.neurons.neuron import Neuron
from colliculus.neurons.relu import MOST_BITS, QuantisedReLU, ReLUNeuron
from colliculus.neurons.surrogate import SURROGATES, SurrogateName
from colliculus.types import ColliculusError, refuse_unread

NeuronKind = Literal["lif", "plif", "graded", "relu"]
_OF_THRESHOLD = ("threshold", "reset", "tau", "surrogate")
_OF_LEVELS = ("levels", "step", "decay")
_UNREAD: dict[NeuronKind, tuple[str, ...]] = {
    "lif": (*_OF_LEVELS, "bits"),
    "plif": (*_OF_LEVELS, "bits"),
    "graded": (*_OF_THRESHOLD, "bits"),
    "relu": (*_OF_THRESHOLD, *_OF_LEVELS),
}
"""Settings that a kind of neuron does not have."""


@dataclass(frozen=True, kw_only=True)
class NeuronSettings(Options, GradedDynamics):
    """The neuron of a method; calling the settings makes one. The defaults are those of the neurons themselves.

    `temporal_gradient` and `detach_reset` change nothing in a ReLU and in a graded neuron whose `decay` is 0; the first
    is accepted there, because methods have defaults of their own for it.

    Raises:
        ColliculusError: a setting is out of range, or has no effect.

    Example:
        >>> NeuronSettings(kind="graded", levels=4, step=1.0)()
        GradedNeuron(decay=0.0, GradedDynamics(detach_reset=True, temporal_gradient=True, levels=4, step=1.0))
    """

    kind: NeuronKind = "lif"
    """Leaky integrate-and-fire ("lif"), the same with a learned time constant for each layer ("plif"), spikes of many
    levels ("graded", I-LIF), or no spikes ("relu", for a trained ANN counterpart)."""
    tau: float = TAU
    """Time constant in steps, above 1."""
    surrogate: SurrogateName = "sigmoid"
    """Shape of the surrogate gradient."""
    decay: float = DECAY
    """Share of a graded neuron's membrane that is left after a step, 0 to 1."""
    bits: int | None = None
    """Bits of a ReLU's value; None does not round it. T binary spikes say as much as ceil(log2(T + 1)) bits, 3 for
    T = 4."""

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        GradedDynamics.__post_init__(self)
        if not 1 < self.tau < inf:
            raise ColliculusError(f"tau must be above 1 step, not {self.tau}")
        if not 0 <= self.decay <= 1:
            raise ColliculusError(f"`decay` is {self.decay}: choose a number from 0 to 1")
        if self.bits is not None and not 1 <= self.bits <= MOST_BITS:
            raise ColliculusError(
                f"`bits` is {self.bits}: choose 1 to {MOST_BITS}, or None for values of any precision"
            )
        if not self.temporal_gradient:
            refuse_unread(self, ["detach_reset"], "without `temporal_gradient`")
        refuse_unread(self, _UNREAD[self.kind], f'with `kind` "{self.kind}"')
        if self.kind == "graded" and not self.decay:
            refuse_unread(self, ["detach_reset"], "with `decay` 0")
        if self.kind == "relu":
            refuse_unread(self, ["detach_reset"], 'with `kind` "relu"')

    def ready_for(self, kind: str, own: NeuronSettings) -> Self:
        """The same settings, in which values that neurons of `kind` do not read are the common defaults.

        Args:
            kind: kind that they get next; for an unknown one nothing changes.
            own: defaults of the method. Only values that equal these change: another value was chosen by the user, who
                hears that it has no effect.

        Example:
            >>> own = NeuronSettings(reset="soft")
            >>> own.ready_for("relu", own).reset, own.ready_for("plif", own).reset
            ('hard', 'soft')
        """
        unread = [name for known, names in _UNREAD.items() if known == kind for name in names]
        common = {each.name: each.default for each in fields(self)}
        return replace(self, **{n: common[n] for n in unread if getattr(self, n) == getattr(own, n)})

    def with_threshold(self, threshold: float) -> Self:
        """The same neuron with another threshold, or itself if its kind has none."""
        return replace(self, threshold=threshold) if "threshold" not in _UNREAD[self.kind] else self

    def refuse_threshold(self, settings: Any, name: str) -> None:
        """Refuse a changed threshold `name` in the settings of some layers if this kind of neuron has none."""
        if "threshold" in _UNREAD[self.kind]:
            refuse_unread(settings, [name], f'with neurons of `kind` "{self.kind}"')

    def __call__(self) -> Neuron:
        """A new neuron."""
        match self.kind:
            case "lif":
                return LIF(tau=self.tau, dynamics=self._fires())
            case "plif":
                return PLIF(tau=self.tau, dynamics=self._fires())
            case "graded":
                return GradedNeuron(decay=self.decay, dynamics=self._graded())
            case "relu":
                return ReLUNeuron() if self.bits is None else QuantisedReLU(self.bits)

    def dynamics(self) -> Dynamics | GradedDynamics:
        """Threshold, reset and gradient of a spiking neuron; levels and gradient of a graded one."""
        return self._graded() if self.kind == "graded" else self._fires()

    def _graded(self) -> GradedDynamics:
        return GradedDynamics(**self._values(GradedDynamics))

    def _fires(self) -> Dynamics:
        return Dynamics(**self._values(Options), surrogate=SURROGATES[self.surrogate]())

    def _values(self, kind: type[GradientOptions]) -> dict[str, Any]:
        """The values of the settings that are fields of `kind`."""
        return {each.name: getattr(self, each.name) for each in fields(kind)}
