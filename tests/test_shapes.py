"""The shapes that docstrings promise, checked where the rooms meet."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError, jaxtyped
from torch import Tensor, nn

from colliculus import SCMRL, DataSpec, LateFusion, Unimodal

T, K, D = 3, 5, 16
SPEC = DataSpec(
    channels={"audio": 1, "visual": 3}, sizes={"audio": (32, 48), "visual": (32, 32)}, num_classes=K, steps={"audio": 7}
)


@jaxtyped(typechecker=beartype)
def coded(coding: nn.Module, x: Tensor) -> Float[Tensor, "T=3 B=2 C H W"]:
    return coding(x)


@jaxtyped(typechecker=beartype)
def encoded(encoder: nn.Module, x: Float[Tensor, "T B C H W"]) -> Float[Tensor, "T B D=16 N"]:
    return encoder(x)


@jaxtyped(typechecker=beartype)
def read_out(head: nn.Module, joint: Float[Tensor, "T B F"], fused: object) -> Float[Tensor, "B K=5"]:
    return head(fused).logits


@pytest.mark.parametrize("fusion", ["sum", "concat"])
@pytest.mark.parametrize("method", [SCMRL(dim=D, heads=4, time_steps=T), LateFusion(dim=D, time_steps=T)])
def test_shapes_from_input_to_logits(method, fusion) -> None:
    model = replace(method, fusion=fusion).model(SPEC)
    inputs = {m: torch.randn(SPEC.input_shape(m, batch=2)) for m in SPEC.modalities}
    tokens = {m: encoded(model.encoders[m], coded(model.coding[m], x)) for m, x in inputs.items()}
    fused = model.fusion(tokens)
    assert fused.joint.shape[-1] == (D if fusion == "sum" else 2 * D)
    read_out(model.head, fused.joint, fused)


def test_the_check_can_fail() -> None:
    model = Unimodal(dim=D, heads=4, time_steps=T + 1).model(SPEC)
    with pytest.raises(TypeCheckError):
        coded(model.coding["audio"], torch.randn(SPEC.input_shape("audio", batch=2)))
