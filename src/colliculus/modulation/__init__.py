"""Balance of the modalities in training: changes of losses, gradients and learning rates.

Settings out of range raise `ColliculusError`.
"""

from __future__ import annotations

from colliculus.modulation.agm import AGM, AGMSettings
from colliculus.modulation.balance import BALANCES, Balance, BalanceName, PlugInBalance
from colliculus.modulation.base import Modulator, NoModulation, PreparedLosses, Validation
from colliculus.modulation.g_blending import GBlending, GBlendingSettings
from colliculus.modulation.iemf import IEMF, IEMFSettings
from colliculus.modulation.lfm import LFM, LFMSettings
from colliculus.modulation.mm_pareto import MMPareto, MMParetoSettings
from colliculus.modulation.mslr import MSLR, MSLRSettings
from colliculus.modulation.ogm_ge import OGMGE, OGMGESettings
from colliculus.modulation.opm import OPM, OPMSettings
from colliculus.modulation.pmr import PMR, PMRSettings
from colliculus.modulation.taaf import ScoreBalance, ScoreBalanceName

__all__ = [
    "AGM",
    "BALANCES",
    "IEMF",
    "LFM",
    "MSLR",
    "OGMGE",
    "OPM",
    "PMR",
    "AGMSettings",
    "Balance",
    "BalanceName",
    "GBlending",
    "GBlendingSettings",
    "IEMFSettings",
    "LFMSettings",
    "MMPareto",
    "MMParetoSettings",
    "MSLRSettings",
    "Modulator",
    "NoModulation",
    "OGMGESettings",
    "OPMSettings",
    "PMRSettings",
    "PlugInBalance",
    "PreparedLosses",
    "ScoreBalance",
    "ScoreBalanceName",
    "Validation",
]
