"""A training whose network is compiled gives the same curves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch._functorch import config

from colliculus.methods import WeightedAttention
from colliculus.modulation import Balance
from colliculus.runtime import keep_buffers
from colliculus.training.fit import fit


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, as it traces
def test_a_compiled_network_trains_to_the_same_curves(train, tmp_path, monkeypatch):
    """With the backend that runs the captured graph as it is: one for the CPU takes minutes to compile."""
    modes, compile_module = [], nn.Module.compile

    def captured(module: nn.Module, *, mode: str, dynamic: bool) -> None:
        modes.append((mode, dynamic))
        compile_module(module, backend="eager", dynamic=dynamic)

    monkeypatch.setattr(nn.Module, "compile", captured)
    torch._dynamo.reset()
    plain = train(tmp_path / "plain")
    assert not modes
    compiled = train(tmp_path / "compiled", compile="reduce-overhead")
    assert modes == [("reduce-overhead", False)]
    assert compiled.test.accuracy == pytest.approx(plain.test.accuracy, abs=0.02)
    rows = [(tmp_path / name / "metrics.csv").read_text().splitlines()[1].split(",") for name in ("plain", "compiled")]
    for ours, theirs in zip(*rows, strict=True):
        assert float(ours) == pytest.approx(float(theirs), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(("kind", "donated"), [("none", True), ("mm-pareto", False), ("lfm", False)])
def test_buffers_are_kept_for_a_balance_that_differentiates(tiny, tmp_path, monkeypatch, kind, donated):
    """Before the network is compiled."""
    found = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, **_: found.append(config.donated_buffer))
    experiment = tiny(epochs=1, compile="default")
    method = replace(experiment.method, unimodal_loss=1.0, balance=Balance(kind=kind))
    with config.patch(donated_buffer=True):
        fit(replace(experiment, method=method), out=tmp_path / "run", progress=False)
    assert found == [donated]


@pytest.mark.slow  # it compiles for the CPU
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_batches_of_two_sizes_are_compiled(tiny, tmp_path, monkeypatch):
    """Its epoch has batches of 7 and 6 samples; for a free size PyTorch cannot order the strides of this fusion."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    torch._dynamo.reset()
    experiment = tiny(epochs=1, compile="default")
    method = WeightedAttention(dim=16, encoder="shallow", time_steps=2)
    trained = fit(replace(experiment, method=method), out=tmp_path / "run", progress=False)
    assert trained.result.epochs == 1


class Product(nn.Module):
    """A network whose compiled backward pass takes over what the forward pass stored."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        y = self.first(x)
        return self.second(y * y.sigmoid().exp())


@pytest.mark.slow  # it compiles for the CPU
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kept", [False, True])
def test_kept_buffers_let_a_compiled_network_be_differentiated_twice(tmp_path, monkeypatch, kept):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    torch.manual_seed(0)
    network, x = Product(), torch.randn(8, 4)
    plain = torch.autograd.grad(network(x).sum(), [*network.parameters()])
    network.compile(mode="default")
    with config.patch(donated_buffer=True):
        if kept:
            keep_buffers()
        network(x).sum().backward()
        loss = network(x).sum()
        if not kept:
            with pytest.raises(RuntimeError, match="donated"):
                torch.autograd.grad(loss, [*network.parameters()], retain_graph=True)
            return
        for retain in (True, False):
            again = torch.autograd.grad(loss, [*network.parameters()], retain_graph=retain)
            assert all(torch.allclose(a, b, rtol=1e-4) for a, b in zip(again, plain, strict=True))
