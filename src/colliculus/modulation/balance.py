"""Which balance a method trains with, as plain values for presets, run files and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from colliculus.modulation.agm import AGM, AGMSettings
from colliculus.modulation.base import Modulator, NoModulation
from colliculus.modulation.iemf import IEMF
from colliculus.modulation.mm_pareto import MMPareto, MMParetoSettings
from colliculus.modulation.mslr import MSLR, MSLRSettings
from colliculus.modulation.ogm_ge import OGMGE, OGMGESettings
from colliculus.modulation.pmr import PMR, PMRSettings
from colliculus.modulation.taaf import ScoreBalance

BalanceName = Literal["none", "scores", "ogm-ge", "agm", "pmr", "mslr", "iemf", "mm-pareto"]


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How a method keeps its modalities in balance while it trains; the trained model is the same network.

    The authors of ogm-ge, agm, pmr and mm-pareto trained with SGD (`train.optimizer`). An optimiser that divides
    gradients by their usual size, as AdamW does, takes notice of how a factor changes, not of one that stays: there
    ogm-ge, agm, iemf and the factor of mm-pareto act less. mslr scales the learning rate and pmr adds a loss, so they
    act as with SGD.

    Example:
        >>> type(Balance(kind="ogm-ge", ogm_ge=OGMGESettings(alpha=0.3)).modulator()).__name__
        'OGMGE'
    """

    kind: BalanceName = "none"
    """Which one; "scores" is TAAF's, from temporal attention scores, for the methods that have them."""
    scores: ScoreBalance = field(default_factory=ScoreBalance)
    ogm_ge: OGMGESettings = field(default_factory=OGMGESettings)
    agm: AGMSettings = field(default_factory=AGMSettings)
    pmr: PMRSettings = field(default_factory=PMRSettings)
    mslr: MSLRSettings = field(default_factory=MSLRSettings)
    mm_pareto: MMParetoSettings = field(default_factory=MMParetoSettings)

    @property
    def needs_shares(self) -> bool:
        """Whether each modality must have a share of the joint logits."""
        return self.kind == "agm"

    @property
    def needs_answers(self) -> bool:
        """Whether each modality must have a share of the joint logits, or a head of its own."""
        return self.kind in ("ogm-ge", "mslr")

    @property
    def needs_own_heads(self) -> bool:
        """Whether each modality must have a head of its own."""
        return self.kind in ("iemf", "mm-pareto")

    def modulator(self) -> Modulator:
        """A fresh modulator of that kind."""
        makers: dict[BalanceName, Callable[[], Modulator]] = {
            "none": NoModulation,
            "scores": self.scores.modulator,
            "ogm-ge": lambda: OGMGE(self.ogm_ge),
            "agm": lambda: AGM(self.agm),
            "pmr": lambda: PMR(self.pmr),
            "mslr": lambda: MSLR(self.mslr),
            "iemf": IEMF,
            "mm-pareto": lambda: MMPareto(self.mm_pareto),
        }
        return makers[self.kind]()
