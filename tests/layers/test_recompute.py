from __future__ import annotations

import pytest
import torch

from colliculus import SCMRL, TAAF, DataSpec

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
