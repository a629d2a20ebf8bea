"""OPM: on-the-fly prediction modulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, tanh

import torch
from torch import Tensor

from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms
from colliculus.modulation.epochs import EpochRange
from colliculus.modulation.ogm_ge import shared_generator
from colliculus.modulation.scores import mean_score, ratios, shares
from colliculus.types import Collective, ColliculusError, Output

_ROUNDING = 1e-9  # equal modalities must not differ by the last digit of a mean


@dataclass(frozen=True, kw_only=True)
class OPMSettings(EpochRange):
    """Settings of OPM. The authors' program lets it act from the seventh epoch on."""

    base: float = 0.5
    """Probability that a sample loses the modality that is ahead, however little: q_base in the paper."""
    slope: float = 0.5
    """Growth of that probability with the lead, lambda in the paper."""
    execution: float = 0.7
    """Fraction of the steps in which it acts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 < self.base < 1 and 0 < self.execution <= 1):
            raise ColliculusError(
                f"`base` of opm is {self.base} and `execution` {self.execution}: choose probabilities above 0, and "
                "`base` below 1"
            )
        if not 0 <= self.slope < inf:
            raise ColliculusError(f"`slope` of opm is {self.slope}: choose 0 or a positive number")


def drop_probability(ratio: float, base: float, slope: float) -> float:
    """q = base (1 + slope tanh(rho - 1)), at most 1, if rho > 1, else 0.

    Example:
        >>> drop_probability(1.0, base=0.5, slope=0.5), round(drop_probability(2.0, base=0.5, slope=0.5), 4)
        (0.0, 0.6904)
    """
    return min(base * (1 + slope * tanh(ratio - 1)), 1.0) if ratio > 1 + _ROUNDING else 0.0


def without_shares(output: Output, kept: Mapping[str, Tensor], scale: float) -> Output:
    """The output whose logits are `scale` times the sum of the shares that a sample keeps.

    Args:
        output: output with additive shares.
        kept: (B,) 1 or 0 by modality.
        scale: factor of all logits.

    Example:
        >>> audio, visual = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0, 5.0]]])
        >>> output = Output((audio + visual)[0], audio + visual, {"audio": audio, "visual": visual})
        >>> without_shares(output, {"audio": torch.tensor([1.0]), "visual": torch.tensor([0.0])}, 2.0).logits
        tensor([[2., 4.]])
    """
    evidence = {m: scale * kept[m][:, None] * x for m, x in output.evidence.items()}
    steps = torch.stack([*evidence.values()]).sum(0)
    return replace(output, logits=steps.mean(0), step_logits=steps, evidence=evidence)


class OPM(Modulator):
    """Drop the modality that is ahead from the prediction of some samples (Wei et al., TPAMI 2024, arXiv 2410.11582).

    s_m = sum_i softmax(out_m)_i[y_i] and rho_m as in `OGMGE`;  q_m = base (1 + slope tanh(rho_m - 1)) if rho_m > 1 else
    0. With the probability `execution` for a step, each sample loses modality m with the probability q_m, and all
    logits are divided by 1 - mean_m q_m, to keep their scale, as in the authors' program. Scores come from all samples,
    before anything is dropped.

    out_m is the modality's additive share of the fused logits; a fusion without them is refused.

    Deviation: a share contains its part of the bias, which the authors keep and do not scale. If streams exchange
    before they are joined (S-CMRL), the other modality's stream still knows what it received.
    """

    def __init__(self, settings: OPMSettings) -> None:
        self._settings = settings
        self._acts = False
        self._steps: torch.Generator | None = None

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether to act in this epoch, and start the draws of its steps, which are the same on every rank."""
        self._acts = self._settings.acts_in(epoch, epochs=epochs)
        self._steps = shared_generator(seed, epoch, torch.device("cpu"))

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Compute the losses of an output that misses shares."""
        if not output.evidence:
            raise ColliculusError(
                "balance opm drops a modality's share of the logits, and this fusion has none: choose a fusion "
                "that adds or concatenates, or another balance"
            )
        chances = dict.fromkeys(output.evidence, 0.0)
        if self._acts:
            s = self._settings
            rho = ratios(mean_score(shares(output), labels, collective))
            chances = {m: drop_probability(ratio, s.base, s.slope) for m, ratio in rho.items()}
            if torch.rand((), generator=self._steps).item() < s.execution:
                output = self._dropped(output, chances)
        return PreparedLosses(objective(output, labels), report={f"drop_{m}": q for m, q in chances.items()})

    def _dropped(self, output: Output, chances: Mapping[str, float]) -> Output:
        """Draw what each sample loses; ranks hold other samples and draw on their own."""
        like = output.logits.new_empty(len(output.logits))
        kept = {m: (torch.rand_like(like) >= q).to(like.dtype) for m, q in chances.items()}
        mean = sum(chances.values()) / len(chances)
        return without_shares(output, kept, 1 / (1 - mean))
