"""A training step asks the device for no number, for each of which a GPU would have to finish its work.

On a CPU every tensor looks alike, so the tests count what Python asks of any tensor. The optimiser's own count of its
steps, which PyTorch holds on the CPU, is left out. On a card `benchmarks/gpu.py` has CUDA itself refuse to wait.
"""

from __future__ import annotations

import sys
from collections import Counter

import pytest
import torch
from small_methods import read_by
from torch.optim import optimizer as optimizers
from torch.optim.adam import __file__ as adam_file
from torch.utils._python_dispatch import TorchDispatchMode

from colliculus.methods import METHODS
from colliculus.neurons.kernels.choice import VARIABLE
from colliculus.runs.experiment import TrainSettings
from colliculus.runtime import Runtime, check_norm
from colliculus.training.optim import build_optimizer
from colliculus.training.step import EpochSums, TrainingStep
from colliculus.types import Batch, DataSpec

WAITS = {"nonzero", "masked_select", "_unique2", "unique_dim", "bincount", "_local_scalar_dense"}
"""Operations whose result has as many numbers as the values say, which a GPU must tell first."""
ASKS = ("item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "nonzero")
SPEC = DataSpec(channels={"audio": 1, "visual": 1}, sizes={"audio": (16, 16), "visual": (16, 16)}, num_classes=3)


@pytest.fixture
def asked(monkeypatch):
    """How often each number was asked for, by the name of the method and the file that called it."""
    found = Counter()
    for name in ASKS:
        ask = getattr(torch.Tensor, name)

        def counted(self, *arguments, name=name, ask=ask, **options):
            caller = sys._getframe(1).f_code.co_filename
            if caller not in (adam_file, optimizers.__file__):
                found[f"{name} in {caller}"] += 1
            return ask(self, *arguments, **options)

        monkeypatch.setattr(torch.Tensor, name, counted)
    return found


class Waits(TorchDispatchMode):
    """Operations that wait, but for what the optimiser asks of its own count."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        name = operation.name().removeprefix("aten::").split(".")[0]
        masks = name in ("index", "index_put_", "index_put") and any(
            i is not None and i.dtype == torch.bool for i in arguments[1]
        )
        if (name in WAITS and not _is_of_optimiser()) or masks:
            self.found.append(name)
        return operation(*arguments, **(options or {}))


def _is_of_optimiser():
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_filename != adam_file:
        frame = frame.f_back
    return frame is not None


def stepped(method):
    torch.manual_seed(0)
    model = method.model(SPEC).train()
    step = TrainingStep(
        model=model,
        objective=method.objective(),
        modulator=method.modulator(),
        optimizer=build_optimizer(model, TrainSettings()),
        runtime=Runtime(device=torch.device("cpu")),
        clip_norm=1.0,
    )
    inputs = {m: torch.randn(4, *SPEC.input_shape(m, 4)[1:]) for m in model.modalities}
    return step, Batch(inputs, torch.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize("name", METHODS)
def test_a_step_waits_for_nothing(name, asked, monkeypatch):
    monkeypatch.setenv(VARIABLE, "eager")  # the C code is for the CPU alone
    settings = {"dim": 16, "heads": 4, "time_steps": 2, "encoder": "shallow"}
    step, batch = stepped(METHODS[name](**read_by(METHODS[name], settings)))
    sums = EpochSums()
    sums.add(step(batch))  # the first step reads whether optional parts are kept
    asked.clear()
    report = step(batch)
    sums.add(report)
    with Waits() as waits:
        step(batch)
    assert not asked
    assert not waits.found
    check_norm(report.grad_norm)
    assert sum(asked.values()) == 1, "the guard must notice the loop's only question"


def test_the_guard_hears_every_question(asked):
    x = torch.ones(1)
    x.item(), x.tolist(), x.numpy(), x.cpu(), bool(x), int(x), float(x), x.nonzero()
    assert [1, 2][torch.tensor(1)] == 2
    assert {name.split()[0] for name in asked} == {*ASKS}
    with Waits() as waits:
        x[x > 0], x.nonzero(), x.item()
    assert waits.found == ["index", "nonzero", "_local_scalar_dense"]
