"""Every method passes the compilers of PyTorch whole, and its numbers stay what they are."""

from __future__ import annotations

import pytest
import torch
from active import awake
from small_methods import read_by
from torch import Tensor, nn
from torch._inductor import config

from colliculus.methods import METHODS
from colliculus.types import DataSpec

SPEC = DataSpec(channels={"audio": 1, "visual": 2}, sizes={"audio": (16, 16), "visual": (16, 16)}, num_classes=3)
SMALL = {"dim": 16, "heads": 4, "time_steps": 2, "encoder": "shallow"}
QUICK = ("tectum", "late-fusion", "s-cmrl")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, as it traces and compiles


class Tuples(nn.Module):
    """A model as a tracer takes it: tensors in, a tensor out."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        kind = METHODS[name]
        audio, visual = inputs(4)
        self.model = awake(kind(**read_by(kind, SMALL)).model(SPEC), {"audio": audio, "visual": visual})

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        return self.model({"audio": audio, "visual": visual}).logits


def inputs(batch: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return 3 * torch.randn(batch, 1, 16, 16), 3 * torch.randn(batch, 2, 16, 16)


COMPILED = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in METHODS]


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # the tracer warns of every check of a shape
@torch.no_grad()
def test_a_traced_and_frozen_model_takes_other_batches(name: str) -> None:
    model = Tuples(name).eval()
    traced = torch.jit.freeze(torch.jit.trace(model, inputs(2), check_trace=False))
    expected = model(*inputs(5))
    assert expected.std() > 0
    torch.testing.assert_close(traced(*inputs(5)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("training", [True, False])
def test_a_compiler_sees_one_graph(name: str, training: bool) -> None:
    model = Tuples(name).train(training)
    torch._dynamo.reset()
    random = torch.get_rng_state()
    expected = model(*inputs(2))
    torch.set_rng_state(random)
    found = torch.compile(model, backend="eager", fullgraph=True)(*inputs(2))
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@torch.no_grad()
def test_a_model_compiled_with_freezing_is_the_same() -> None:
    """Freezing folds weights into constants; inductor needs a C++ compiler."""
    model = Tuples("late-fusion").eval()
    torch._dynamo.reset()
    expected = model(*inputs(2))
    assert expected.std() > 0
    with config.patch(freezing=True):
        found = torch.compile(model, fullgraph=True)(*inputs(2))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
