"""Neurons, their surrogate gradients, and the binary spikes that graded ones stand for."""

from __future__ import annotations

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.graded import GradedNeuron, UnfoldedNeuron, fold, graded, graded_from, unfold
from colliculus.neurons.levels import GradedDynamics
from colliculus.neurons.lif import LIF, PLIF, LeakyNeuron, lif, lif_from
from colliculus.neurons.membranes import carried, carrying
from colliculus.neurons.mlif import MLIF, Firing, MeanReLU, multimodal_neuron
from colliculus.neurons.neuron import Neuron, SpikingNeuron
from colliculus.neurons.relu import QuantisedReLU, ReLUNeuron, bits_of
from colliculus.neurons.settings import NeuronKind, NeuronSettings
from colliculus.neurons.surrogate import SURROGATES, ATan, Rectangle, Sigmoid, Surrogate, Triangle, spike
from colliculus.neurons.tally import SpikeTally

__all__ = [
    "LIF",
    "MLIF",
    "PLIF",
    "SURROGATES",
    "ATan",
    "Dynamics",
    "Firing",
    "GradedDynamics",
    "GradedNeuron",
    "LeakyNeuron",
    "MeanReLU",
    "Neuron",
    "NeuronKind",
    "NeuronSettings",
    "QuantisedReLU",
    "ReLUNeuron",
    "Rectangle",
    "Sigmoid",
    "SpikeTally",
    "SpikingNeuron",
    "Surrogate",
    "Triangle",
    "UnfoldedNeuron",
    "bits_of",
    "carried",
    "carrying",
    "fold",
    "graded",
    "graded_from",
    "lif",
    "lif_from",
    "multimodal_neuron",
    "spike",
    "unfold",
]
