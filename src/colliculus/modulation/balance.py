"""The balance that a method trains with, as plain values for presets, run files and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from colliculus.modulation.agm import AGM, AGMSettings
from colliculus.modulation.base import Modulator, NoModulation
from colliculus.modulation.g_blending import GBlending, GBlendingSettings
from colliculus.modulation.iemf import IEMF, IEMFSettings, WithIEMF
from colliculus.modulation.lfm import LFM, LFMSettings
from colliculus.modulation.mm_pareto import MMPareto, MMParetoSettings
from colliculus.modulation.mslr import MSLR, MSLRSettings
from colliculus.modulation.ogm_ge import OGMGE, OGMGESettings
from colliculus.modulation.opm import OPM, OPMSettings
from colliculus.modulation.pmr import PMR, PMRSettings
from colliculus.modulation.taaf import ScoreBalance
from colliculus.plugins import Parts
from colliculus.types import ColliculusError, refuse_unread, unknown_name

BalanceName = Literal["none", "scores", "ogm-ge", "agm", "pmr", "mslr", "iemf", "mm-pareto", "lfm", "g-blending", "opm"]


BALANCES: Parts[Callable[..., Modulator]] = Parts("balances", {})
"""Balances of other packages by name; each makes a modulator of its settings, which are numbers."""


@dataclass(frozen=True, kw_only=True)
class PlugInBalance:
    """A balance of another package (`colliculus.plugins`)."""

    name: str = ""
    """Name of its entry point in the group colliculus.balances; empty: none."""
    settings: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)
    """Its settings by name."""

    def __post_init__(self) -> None:
        if self.name and self.name not in BALANCES:
            raise unknown_name("balance of a plug-in", self.name, BALANCES)
        if self.settings and not self.name:
            raise ColliculusError("`settings` of a plug-in's balance have no effect without its `name`: give the name")

    def modulator(self) -> Modulator:
        """A new modulator."""
        return BALANCES[self.name](**self.settings)


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Balance of the modalities in training. The network is the same with every balance.

    The authors of most balances trained with SGD: `colliculus train PRESET --recipe KIND` trains as they did. AdamW
    divides gradients by their usual size, which undoes a constant factor: with it ogm-ge, agm, iemf and the factor of
    mm-pareto act less, and noise acts more. mslr scales the learning rate, and pmr, lfm, g-blending and opm change the
    loss, so they act as with SGD.

    Raises:
        ColliculusError: a setting of another kind is changed, which would have no effect, or iemf cannot be added.

    Example:
        >>> type(Balance(kind="ogm-ge", ogm_ge=OGMGESettings(alpha=0.3)).modulator()).__name__
        'OGMGE'
    """

    kind: BalanceName = "none"
    """Kind of balance; "scores" is TAAF's, for methods with temporal attention scores."""
    with_iemf: bool = False
    """Let iemf act beside a balance of another kind, as its authors do with ogm-ge and lfm."""
    scores: ScoreBalance = ScoreBalance()
    ogm_ge: OGMGESettings = OGMGESettings()
    agm: AGMSettings = AGMSettings()
    pmr: PMRSettings = PMRSettings()
    mslr: MSLRSettings = MSLRSettings()
    iemf: IEMFSettings = IEMFSettings()
    mm_pareto: MMParetoSettings = MMParetoSettings()
    lfm: LFMSettings = LFMSettings()
    g_blending: GBlendingSettings = GBlendingSettings()
    opm: OPMSettings = OPMSettings()
    plug_in: PlugInBalance = PlugInBalance()
    """A balance of another package, with kind "none"."""

    def __post_init__(self) -> None:
        if self.with_iemf and self.kind in ("none", "iemf", "scores"):
            advice = (
                "leave `with_iemf` off" if self.kind == "iemf" else 'set `kind` to "iemf", or to one such as "ogm-ge"'
            )
            raise ColliculusError(f'`with_iemf` adds iemf to another balance, and `kind` is "{self.kind}": {advice}')
        read = {"kind", "with_iemf", self.kind.replace("-", "_")}
        read |= {name for name, is_read in (("plug_in", self.kind == "none"), ("iemf", self.with_iemf)) if is_read}
        others = [each.name for each in fields(self) if each.name not in read]
        refuse_unread(self, others, f'with balance kind "{self.kind}"')

    @property
    def needs_own_heads(self) -> bool:
        """True if each modality must have its own head."""
        return self.with_iemf or self.kind in ("iemf", "mm-pareto", "g-blending")

    @property
    def needs_predictions(self) -> bool:
        """True if each modality must have predictions, by its share of the logits or by its own head."""
        return self.kind in ("ogm-ge", "mslr", "lfm")

    @property
    def needs_shares(self) -> bool:
        """True if the logits must be the sum of a share of each modality."""
        return self.kind in ("agm", "opm")

    def modulator(self) -> Modulator:
        """A new modulator of that kind."""
        if self.plug_in.name:
            return self.plug_in.modulator()
        modulators: dict[BalanceName, Modulator] = {
            "none": NoModulation(),
            "scores": self.scores.modulator(),
            "ogm-ge": OGMGE(self.ogm_ge),
            "agm": AGM(self.agm),
            "pmr": PMR(self.pmr),
            "mslr": MSLR(self.mslr),
            "iemf": IEMF(self.iemf),
            "mm-pareto": MMPareto(self.mm_pareto),
            "lfm": LFM(self.lfm),
            "g-blending": GBlending(self.g_blending),
            "opm": OPM(self.opm),
        }
        chosen = modulators[self.kind]
        return WithIEMF(chosen, self.iemf) if self.with_iemf else chosen
