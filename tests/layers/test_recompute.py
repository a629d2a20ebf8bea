from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import get_args

import pytest
import torch
from begun import begun
from small_methods import read_by

from colliculus import SCMRL, TAAF, DataSpec
from colliculus.methods import METHODS
from colliculus.modulation import Balance, BalanceName
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError

SPEC = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (16, 16), "visual": (16, 16)}, num_classes=3)


def learned(method, *, recompute):
    torch.manual_seed(0)
    model = method.model(SPEC)
    model.recompute = recompute
    inputs = {m: torch.randn(SPEC.input_shape(m, 3)) for m in SPEC.modalities}
    losses = method.objective()(model(inputs), torch.tensor([0, 1, 2]))
    torch.stack(list(losses.values())).sum().backward()
    return {**{n: p.grad for n, p in model.named_parameters() if p.grad is not None}, **dict(model.named_buffers())}


@pytest.mark.parametrize("kernels", ["plain", "eager", None])
@pytest.mark.parametrize(
    "method", [SCMRL(dim=16, heads=2, time_steps=2), TAAF(dim=16, time_steps=2)], ids=lambda m: m.name
)
def test_gradients_and_statistics_are_the_same(monkeypatch, method, kernels):
    if kernels:
        monkeypatch.setenv("COLLICULUS_KERNELS", kernels)
    kept, again = (learned(method, recompute=recompute) for recompute in (False, True))
    assert kept.keys() == again.keys()
    for name, value in kept.items():
        assert value.tolist() == again[name].tolist(), name
    assert any(name.startswith("encoders") and value.count_nonzero() for name, value in kept.items())


def test_nothing_of_an_encoder_is_kept():
    spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (48, 48), "visual": (48, 48)}, num_classes=3)
    model = SCMRL(dim=16, heads=2, time_steps=2).model(spec)
    maps = {}
    for recompute in (False, True):
        model.recompute, maps[recompute] = recompute, []

        def keep(tensor, seen=maps[recompute]):
            seen.extend([tuple(tensor.shape)] if tensor.shape[-2:] in ((24, 24), (12, 12), (6, 6)) else [])
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model({m: torch.randn(spec.input_shape(m, 3)) for m in spec.modalities})
    assert maps[False]
    assert not maps[True]


SMALL = {"dim": 16, "heads": 2, "time_steps": 2, "unimodal_loss": 1.0}
KINDS = [kind for kind in get_args(BalanceName) if kind != "none"]


def step_with(method, *, recompute):
    """Gradients after a backward pass and the balance."""
    torch.manual_seed(0)
    model = method.model(SPEC)
    model.recompute = recompute
    inputs = {m: torch.randn(SPEC.input_shape(m, 3)) for m in SPEC.modalities}
    labels, runtime = torch.tensor([0, 1, 2]), Runtime(device=torch.device("cpu"))
    modulator = begun(method.modulator())
    output = model(inputs)
    prepared = modulator.before_backward(model, output, labels, method.objective(), runtime)
    runtime.backward(torch.stack(list(prepared.losses.values())).sum(), model)
    modulator(model, output, labels, runtime, prepared)
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def balanced():
    """Every method with every balance that it takes."""
    for name, method in METHODS.items():
        for kind in KINDS if "balance" in {field.name for field in fields(method)} else ():
            with suppress(ColliculusError):  # the two contradict one another
                yield pytest.param(method(**read_by(method, SMALL), balance=Balance(kind=kind)), id=f"{name}-{kind}")


@pytest.mark.parametrize("method", [*balanced()])
def test_every_balance_of_every_method_has_the_same_gradients(method):
    kept = step_with(method, recompute=False)
    again = step_with(method, recompute=True)
    assert kept.keys() == again.keys()
    for parameter, value in kept.items():
        assert (value == again[parameter]).all(), parameter
    assert any(part.startswith("encoders") and value.count_nonzero() for part, value in kept.items())
