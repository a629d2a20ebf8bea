"""MLIF: a neuron with a membrane for each modality and one threshold (MISNet, ACM TOMM 2025, 10.1145/3721981)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from colliculus.neurons.dynamics import TAU, Dynamics
from colliculus.neurons.kernels.multi_step import NARROW, check_membrane, num_steps
from colliculus.neurons.levels import GradedDynamics, graded_spike
from colliculus.neurons.membranes import carrying
from colliculus.neurons.neuron import Neuron, SpikingNeuron
from colliculus.neurons.settings import NeuronSettings
from colliculus.neurons.surrogate import spike

Firing = Literal["apart", "together"]


def mlif_step(
    membranes: Tensor,
    currents: Tensor,
    leak: float | Tensor = 1 / TAU,
    dynamics: Dynamics | GradedDynamics = Dynamics(),
    *,
    firing: Firing = "apart",
    count: int,
) -> tuple[Tensor, Tensor]:
    """One step: every membrane is charged by its own modality, one threshold decides, every membrane is reset.

    v_m <- v_m + (I_m - v_m) * leak;
    "apart": s_m = 1 if v_m / M >= threshold; v_m <- v_m - threshold * s_m;
    "together": s = 1 if the mean of the v_m >= threshold; v_m <- v_m - threshold * s for every m.

    With a hard reset v_m <- v_m (1 - s). A graded neuron charges by decay * v_m + I_m, sends the level of the same sum,
    and loses what it sends.

    Args:
        membranes: v before the step, (B, M', *), a membrane for each of the M' modalities present.
        currents: I, the same shape.
        leak: 1 / tau, or the decay of a graded neuron.
        dynamics: threshold, reset and gradient, or levels and gradient.
        firing: whether each membrane decides for itself, or their mean for all.
        count: M, all modalities; with "apart" an absent one changes nothing for the others.

    Returns:
        The membranes after the reset, and the spikes (B, M', *), or (B, 1, *) with "together".

    Example:
        >>> v, s = mlif_step(torch.zeros(1, 2), torch.tensor([[6.0, 2.0]]), count=2)
        >>> v, s  # the membranes are 3 and 1, their halves 1.5 and 0.5; the reset is hard
        (tensor([[0., 1.]]), tensor([[1., 0.]]))
        >>> mlif_step(torch.zeros(1, 2), torch.tensor([[3.0, 2.0]]), count=2, firing="together")[1]
        tensor([[1.]])
    """
    before = membranes if dynamics.temporal_gradient else membranes.detach()
    graded = isinstance(dynamics, GradedDynamics)
    charged = before * leak + currents if graded else before + (currents - before) * leak
    deciding = charged / count if firing == "apart" else charged.mean(1, keepdim=True)
    if graded:
        spikes = graded_spike(deciding, dynamics)
        return charged - (spikes.detach() if dynamics.detach_reset else spikes), spikes
    spikes = spike(deciding - dynamics.threshold, dynamics.surrogate)
    reset = spikes.detach() if dynamics.detach_reset else spikes
    return charged * (1 - reset) if dynamics.reset == "hard" else charged - dynamics.threshold * reset, spikes


class MLIF(SpikingNeuron):
    """Integrates the currents of all modalities, each in a membrane of its own; `mlif_step` defines one step.

    The paper writes the deciding potential of two modalities as H = [v_1 / 2; v_2 / 2], with one threshold and a soft
    reset of each membrane. "apart" reads the brackets as they are written, side by side. "together" reads a sum.

    Deviation: with "together" and equal time constants the mean of the membranes is the membrane of one LIF neuron with
    the mean of the currents, so that nothing but a mean remains of the neuron; therefore "apart" is the default.

    Args:
        count: M, modalities.
        firing: "apart" or "together".
        leak: 1 / tau, or the decay of a graded neuron.
        learned: learn the leak, 0 to 1, one for all modalities.
        dynamics: threshold, reset and gradient, or levels and gradient.

    Example:
        >>> currents = torch.tensor([6.0, 2.0]).expand(4, 1, 2)  # T = 4 steps of two modalities
        >>> MLIF(2, dynamics=Dynamics(reset="soft"))(currents)[:, 0].T
        tensor([[1., 1., 1., 1.],
                [0., 0., 0., 0.]])
    """

    resumes: ClassVar[bool] = True

    def __init__(
        self,
        count: int,
        *,
        firing: Firing = "apart",
        leak: float = 1 / TAU,
        learned: bool = False,
        dynamics: Dynamics | GradedDynamics = Dynamics(),
    ) -> None:
        super().__init__()
        self.count, self.dynamics = count, dynamics
        self.firing: Firing = firing
        self.fixed = leak
        self.leak_logit = nn.Parameter(torch.tensor(-math.log(1 / leak - 1))) if learned else None
        if isinstance(dynamics, GradedDynamics):
            self.unit, self.levels = dynamics.step, dynamics.levels

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, M', *) -> (T, B, M', *), or (T, B, 1, *) with "together"; currents of one step may serve all."""
        if (carry := carrying()) is None:
            return self._run(currents, None, steps)[0]
        with torch.no_grad():
            return carry.through(self, lambda membranes: self._run(currents, membranes, steps))

    def _run(self, currents: Tensor, membranes: Tensor | None, steps: int | None) -> tuple[Tensor, Tensor]:
        """Spikes, and the membranes (B, M', *) after the last step; None starts from 0."""
        total = num_steps(currents, steps)
        check_membrane(membranes, currents.shape[1:])
        wide = currents.float() if currents.dtype in NARROW else currents
        leak = self.fixed if self.leak_logit is None else self.leak_logit.sigmoid()
        membranes = torch.zeros_like(wide[0]) if membranes is None else membranes
        found: list[Tensor] = []
        for current in wide.expand(total, *wide.shape[1:]):
            membranes, spikes = mlif_step(membranes, current, leak, self.dynamics, firing=self.firing, count=self.count)
            found.append(spikes)
        return torch.stack(found).to(currents.dtype), membranes

    def extra_repr(self) -> str:
        """Settings shown by `print(model)`."""
        return f"count={self.count}, firing={self.firing}, {self.dynamics}"


class MeanReLU(nn.Module):
    """The counterpart of MLIF in an ANN: a ReLU of each modality's share, or of the mean.

    It is not a neuron itself: what counts neurons counts the ReLU inside.

    Args:
        count: M, modalities.
        firing: "apart" or "together".
        relu: the ReLU.

    Example:
        >>> from colliculus.neurons.relu import ReLUNeuron
        >>> MeanReLU(2, "apart", ReLUNeuron())(torch.tensor([[[6.0, -2.0]]])).flatten()
        tensor([3., 0.])
    """

    def __init__(self, count: int, firing: Firing, relu: Neuron) -> None:
        super().__init__()
        self.count, self.relu = count, relu
        self.firing: Firing = firing

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, M', *) -> (T, B, M', *), or (T, B, 1, *) with "together"."""
        deciding = currents / self.count if self.firing == "apart" else currents.mean(2, keepdim=True)
        values: Tensor = self.relu(deciding, steps)
        return values


def multimodal_neuron(settings: NeuronSettings, count: int, firing: Firing) -> MLIF | MeanReLU:
    """The neuron of these settings with a membrane for each of `count` modalities.

    Example:
        >>> multimodal_neuron(NeuronSettings(reset="soft"), 2, "apart")  # doctest: +ELLIPSIS
        MLIF(count=2, firing=apart, Dynamics(...))
    """
    if settings.kind == "relu":
        return MeanReLU(count, firing, settings())
    dynamics = settings.dynamics()
    leak = settings.decay if isinstance(dynamics, GradedDynamics) else 1 / settings.tau
    return MLIF(count, firing=firing, leak=leak, learned=settings.kind == "plif", dynamics=dynamics)
