"""IEMF: inverse effectiveness driven multimodal fusion."""

from __future__ import annotations

from math import tanh

from torch import Tensor

from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses
from colliculus.modulation.scores import TINY, mean_score, own_logits
from colliculus.types import Collective, ColliculusError, Output


def inverse_effectiveness(ratio: float) -> float:
    """c = 1 + tanh(1 - rho): the weaker the modalities are alone, the faster their fusion learns.

    Example:
        >>> inverse_effectiveness(1.0), round(inverse_effectiveness(0.5), 4)
        (1.0, 1.4621)
    """
    return 1 + tanh(1 - ratio)


class IEMF(Modulator):
    """Let the fusion learn faster while the modalities are weak alone (He et al., arXiv 2505.10176).

    rho = (mean_m s_m) / s, where s_m is the score of modality m's own head and s that of the fused one. The gradients
    of the fusion and of the head of the joint feature are multiplied by c = 1 + tanh(1 - rho). The own heads learn from
    the unimodal losses (`unimodal_loss`), which belong to the method.
    """

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Scale the gradients of the fusion."""
        logits = own_logits(output)
        if not logits:
            raise ColliculusError("balance iemf compares the modalities' own heads: set unimodal_loss above 0")
        *own, fused = mean_score(logits | {"": output.logits}, labels, collective).values()
        factor = inverse_effectiveness(sum(own) / len(own) / max(fused, TINY))
        for parameter in model.fusion_parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(factor)
        return {"coefficient_fusion": factor}
