"""The public names of Colliculus: type checkers read this file, and so does the package at run time."""

from colliculus import coding, data, encoders, fusion, heads, losses, methods, modulation, neurons, reference
from colliculus.corpus.audit import audit
from colliculus.corpus.division import split
from colliculus.corpus.prepare.build import prepare
from colliculus.data.collate import collate, time_first
from colliculus.data.series import from_series
from colliculus.data.user_data import as_dataset
from colliculus.evaluation.comparison import compare
from colliculus.evaluation.contribution import contribution
from colliculus.evaluation.energy.measure import energy
from colliculus.evaluation.evaluate import evaluate
from colliculus.evaluation.explanation.measure import explain
from colliculus.evaluation.inspection import inspect
from colliculus.evaluation.robustness import robustness
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.evaluation.trained_run import open_run as load
from colliculus.export.export import export
from colliculus.losses import CrossEntropy, Objective
from colliculus.methods import (
    CMCI,
    CMQKA,
    SCA,
    SCMRL,
    TAAF,
    TET,
    FirstTectum,
    LateFusion,
    MISNet,
    QKFormer,
    SEWResNet,
    Spikformer,
    Tectum,
    Unimodal,
    WeightedAttention,
)
from colliculus.model import MultimodalSNN
from colliculus.modulation import Modulator
from colliculus.neurons import LIF, PLIF, NeuronSettings
from colliculus.presets import preset, presets
from colliculus.report.report import report
from colliculus.report.view import view
from colliculus.runs.experiment import Experiment, Method, TrainSettings
from colliculus.runs.pretrained import pretrained
from colliculus.sharing.share import share
from colliculus.streaming.of_run import stream
from colliculus.sweeps import launchers
from colliculus.sweeps.reproduce import reproduce
from colliculus.sweeps.search import search
from colliculus.sweeps.space import Range
from colliculus.sweeps.sweep import sweep
from colliculus.training import loggers
from colliculus.training.callbacks import Callback
from colliculus.training.fit import fit
from colliculus.types import Batch, ColliculusError, DataSpec, Fused, Output

__all__ = [
    "CMCI",
    "CMQKA",
    "LIF",
    "PLIF",
    "SCA",
    "SCMRL",
    "TAAF",
    "TET",
    "Batch",
    "Callback",
    "ColliculusError",
    "CrossEntropy",
    "DataSpec",
    "Experiment",
    "FirstTectum",
    "Fused",
    "LateFusion",
    "MISNet",
    "Method",
    "Modulator",
    "MultimodalSNN",
    "NeuronSettings",
    "Objective",
    "Output",
    "QKFormer",
    "Range",
    "SEWResNet",
    "Spikformer",
    "Tectum",
    "TrainSettings",
    "TrainedRun",
    "Unimodal",
    "WeightedAttention",
    "as_dataset",
    "audit",
    "coding",
    "collate",
    "compare",
    "contribution",
    "data",
    "encoders",
    "energy",
    "evaluate",
    "explain",
    "export",
    "fit",
    "from_series",
    "fusion",
    "heads",
    "inspect",
    "launchers",
    "load",
    "loggers",
    "losses",
    "methods",
    "modulation",
    "neurons",
    "prepare",
    "preset",
    "presets",
    "pretrained",
    "reference",
    "report",
    "reproduce",
    "robustness",
    "search",
    "share",
    "split",
    "stream",
    "sweep",
    "time_first",
    "view",
]

__version__: str
