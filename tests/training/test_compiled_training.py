"""A training whose network is compiled gives the same curves."""

from __future__ import annotations

import pytest
import torch
from torch import nn


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, as it traces
def test_a_compiled_network_trains_to_the_same_curves(train, tmp_path, monkeypatch):
    """With the backend that runs the captured graph as it is: one for the CPU takes minutes to compile."""
    modes, compile_module = [], nn.Module.compile

    def captured(module: nn.Module, *, mode: str) -> None:
        modes.append(mode)
        compile_module(module, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", captured)
    torch._dynamo.reset()
    plain = train(tmp_path / "plain")
    assert not modes
    compiled = train(tmp_path / "compiled", compile="reduce-overhead")
    assert modes == ["reduce-overhead"]
    assert compiled.test.accuracy == pytest.approx(plain.test.accuracy, abs=0.02)
    rows = [(tmp_path / name / "metrics.csv").read_text().splitlines()[1].split(",") for name in ("plain", "compiled")]
    for ours, theirs in zip(*rows, strict=True):
        assert float(ours) == pytest.approx(float(theirs), rel=1e-3, abs=1e-6)
