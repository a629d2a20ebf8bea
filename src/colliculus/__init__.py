"""Colliculus: multimodal spiking neural networks.

Public names are loaded on first use, so that `import colliculus` (and the command line's help) needs no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Batch": "colliculus.types",
    "CMCI": "colliculus.methods",
    "Callback": "colliculus.training.callbacks",
    "ColliculusError": "colliculus.types",
    "CrossEntropy": "colliculus.losses",
    "DataSpec": "colliculus.types",
    "Experiment": "colliculus.runs.experiment",
    "Fused": "colliculus.types",
    "LIF": "colliculus.neurons",
    "LateFusion": "colliculus.methods",
    "Method": "colliculus.runs.experiment",
    "Modulator": "colliculus.modulation",
    "MultimodalSNN": "colliculus.model",
    "NeuronSettings": "colliculus.neurons",
    "Objective": "colliculus.losses",
    "Output": "colliculus.types",
    "PLIF": "colliculus.neurons",
    "SCA": "colliculus.methods",
    "SCMRL": "colliculus.methods",
    "TAAF": "colliculus.methods",
    "Tectum": "colliculus.methods",
    "TrainSettings": "colliculus.runs.experiment",
    "TrainedRun": "colliculus.evaluation.trained_run",
    "Unimodal": "colliculus.methods",
    "WeightedAttention": "colliculus.methods",
    "as_dataset": "colliculus.data.user_data",
    "audit": "colliculus.corpus.audit",
    "collate": "colliculus.data.collate",
    "compare": "colliculus.evaluation.comparison",
    "contribution": "colliculus.evaluation.contribution",
    "energy": "colliculus.evaluation.energy.measure",
    "evaluate": "colliculus.evaluation.evaluate",
    "explain": "colliculus.evaluation.explanation.measure",
    "fit": "colliculus.training.fit",
    "inspect": "colliculus.evaluation.inspection",
    "load": "colliculus.evaluation.trained_run:open_run",
    "prepare": "colliculus.corpus.prepare.build",
    "preset": "colliculus.presets",
    "presets": "colliculus.presets",
    "report": "colliculus.report.report",
    "reproduce": "colliculus.sweeps.reproduce",
    "robustness": "colliculus.evaluation.robustness",
    "split": "colliculus.corpus.division",
    "sweep": "colliculus.sweeps.sweep",
    "time_first": "colliculus.data.collate",
}
"""Public names and their modules; after a colon the name there, where it is another."""

_MODULES = ("coding", "data", "encoders", "fusion", "heads", "losses", "methods", "modulation", "neurons", "reference")
"""Modules to reach as `colliculus.fusion` without an import of their own."""

if TYPE_CHECKING:
    from colliculus import coding, data, encoders, fusion, heads, losses, methods, modulation, neurons, reference
    from colliculus.corpus.audit import audit
    from colliculus.corpus.division import split
    from colliculus.corpus.prepare.build import prepare
    from colliculus.data.collate import collate, time_first
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
    from colliculus.losses import CrossEntropy, Objective
    from colliculus.methods import CMCI, SCA, SCMRL, TAAF, LateFusion, Tectum, Unimodal, WeightedAttention
    from colliculus.model import MultimodalSNN
    from colliculus.modulation import Modulator
    from colliculus.neurons import LIF, PLIF, NeuronSettings
    from colliculus.presets import preset, presets
    from colliculus.report.report import report
    from colliculus.runs.experiment import Experiment, Method, TrainSettings
    from colliculus.sweeps.reproduce import reproduce
    from colliculus.sweeps.sweep import sweep
    from colliculus.training.callbacks import Callback
    from colliculus.training.fit import fit
    from colliculus.types import Batch, ColliculusError, DataSpec, Fused, Output

__all__ = [
    "CMCI",
    "LIF",
    "PLIF",
    "SCA",
    "SCMRL",
    "TAAF",
    "Batch",
    "Callback",
    "ColliculusError",
    "CrossEntropy",
    "DataSpec",
    "Experiment",
    "Fused",
    "LateFusion",
    "Method",
    "Modulator",
    "MultimodalSNN",
    "NeuronSettings",
    "Objective",
    "Output",
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
    "fit",
    "fusion",
    "heads",
    "inspect",
    "load",
    "losses",
    "methods",
    "modulation",
    "neurons",
    "prepare",
    "preset",
    "presets",
    "reference",
    "report",
    "reproduce",
    "robustness",
    "split",
    "sweep",
    "time_first",
]


class _Package(ModuleType):
    """This package. A public function keeps its name where a submodule has the same one (`presets`, `report`)."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):  # an import of a submodule sets it here
            super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("colliculus")
    if name in _MODULES:
        return import_module(f"colliculus.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'colliculus' has no attribute {name!r}")
    home, _, original = _HOMES[name].partition(":")
    return getattr(import_module(home), original or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
