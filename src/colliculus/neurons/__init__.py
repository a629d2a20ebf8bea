"""Spiking neurons and their surrogate gradients."""

from __future__ import annotations

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.lif import LIF, PLIF, SpikingNeuron, lif
from colliculus.neurons.settings import NeuronSettings
from colliculus.neurons.surrogate import SURROGATES, ATan, Rectangle, Sigmoid, Surrogate, Triangle, spike

__all__ = [
    "LIF",
    "PLIF",
    "SURROGATES",
    "ATan",
    "Dynamics",
    "NeuronSettings",
    "Rectangle",
    "Sigmoid",
    "SpikingNeuron",
    "Surrogate",
    "Triangle",
    "lif",
    "spike",
]
