"""Regulariser of the number of spikes, which sets what a decision costs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from colliculus.types import ColliculusError, Output


@dataclass(frozen=True)
class SpikeRate:
    """weight * log(spikes / target), where spikes is the mean number of a clip in the batch; 0 up to the target.

    The logarithm counts relative excess: log 2 for twice the target, however large. Gradients reach the neurons through
    their surrogates, or straight through.

    Args:
        target: binary spikes of a clip that all spiking neurons together may send.
        weight: weight of the term.

    Example:
        >>> import torch
        >>> logits = torch.zeros(2, 4)
        >>> output = Output(logits, logits[None], {}, spikes=torch.tensor([100.0, 300.0]))
        >>> SpikeRate(target=100.0)(output, torch.tensor([0, 1]))  # log 2
        tensor(0.6931)
        >>> SpikeRate(target=200.0)(output, torch.tensor([0, 1]))
        tensor(0.)
    """

    target: float
    weight: float = 1.0

    def __call__(self, output: Output, labels: Tensor) -> Tensor:  # noqa: ARG002 (a term of the objective gets both)
        """Scalar loss of the spikes (B,).

        Raises:
            ColliculusError: the output has no number of spikes.
        """
        if output.spikes is None:
            raise ColliculusError(
                "`rate_target` needs the number of spikes, and the model does not count them: call its count_spikes(), "
                "and use training mode"
            )
        return self.weight * (output.spikes.mean() / self.target).clamp(min=1).log()
