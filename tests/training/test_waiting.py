"""A training step waits for no number of the device: such a wait empties a GPU's queue of work."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from active import with_currents
from small_methods import read_by
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from colliculus.methods import METHODS, TAAF, LateFusion
from colliculus.modulation import Balance, ScoreBalance
from colliculus.runs.experiment import TrainSettings
from colliculus.runtime import Runtime
from colliculus.training.optim import build_optimizer
from colliculus.training.step import TrainingStep
from colliculus.types import Batch, DataSpec

SPEC = DataSpec(channels={"audio": 1, "visual": 2}, sizes={"audio": (16, 16), "visual": (16, 16)}, num_classes=3)
SMALL = {"dim": 8, "heads": 2, "time_steps": 2, "encoder": "shallow"}
WAITING_OPERATIONS = {"_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "equal"}
WAITING_FUNCTIONS = {"cpu", "numpy", "__array__"}
"""`item`, `tolist`, `bool` and the like end in the first of the operations."""

BALANCES = {
    "ogm-ge": 1,
    "agm": 1,
    "pmr": 1,
    "g-blending": 1,
    "opm": 1,
    "lfm": 1,
    "mm-pareto": 1,
    "mslr": 0,
    "iemf": 0,
}
"""How often each balance may wait in a step: its decision is made in numbers."""


class Waits(TorchDispatchMode):
    """Counts the operations whose result the program must see before it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in WAITING_OPERATIONS or (name == "index" and any_truth(args[1])):
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


class Calls(TorchFunctionMode):
    """Counts the methods that copy a tensor to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in WAITING_FUNCTIONS:
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


def any_truth(indices: Any) -> bool:
    return any(isinstance(index, torch.Tensor) and index.dtype == torch.bool for index in indices)


def waits_of(method: Any) -> Counter[str]:
    """Waits of the second training step."""
    torch.manual_seed(0)
    model = method.model(SPEC)
    with_currents(model, 1.0)
    settings = TrainSettings(clip_norm=1.0, optimizer="sgd")  # the counter of AdamW is a number of the host
    streams = {m: model.stream_parameters(m) for m in model.modalities}
    modulator = method.modulator()
    runtime = Runtime(device=torch.device("cpu"))
    step = TrainingStep(
        model=model.train(),
        objective=method.objective(),
        modulator=modulator,
        optimizer=build_optimizer(model, settings, streams, model.readout_parameters()),
        runtime=runtime,
        clip_norm=settings.clip_norm,
    )
    modulator.begin_epoch(seed=0, epoch=0, epochs=4, device=runtime.device)
    batch = Batch({m: torch.randn(SPEC.input_shape(m, 6)) for m in SPEC.modalities}, torch.arange(6) % 3)
    step(batch)
    with Waits() as waits, Calls() as calls:
        report = step(batch)
    assert report.sums["samples"] == 6
    return waits.found + calls.found


@pytest.mark.parametrize("name", METHODS)
def test_a_step_of_every_method_waits_for_nothing(name: str) -> None:
    kind = METHODS[name]
    method = kind(**read_by(kind, SMALL))
    allowed = 1 if getattr(method, "balance", Balance()).kind != "none" else 0
    assert sum(waits_of(method).values()) <= allowed


@pytest.mark.parametrize(("kind", "allowed"), BALANCES.items())
def test_a_balance_waits_once_at_most(kind: Any, allowed: int) -> None:
    method = LateFusion(**read_by(LateFusion, SMALL), unimodal_loss=1.0, balance=Balance(kind=kind))
    assert sum(waits_of(method).values()) <= allowed


@pytest.mark.parametrize("kind", ["loss", "inverse", "step"])
def test_a_balance_by_scores_waits_once_at_most(kind: Any) -> None:
    method = TAAF(**read_by(TAAF, SMALL), balance=Balance(kind="scores", scores=ScoreBalance(kind=kind)))
    assert sum(waits_of(method).values()) <= 1
