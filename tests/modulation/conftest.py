"""A small model with heads of its own for each modality, and one step of training with and without a modulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from colliculus.methods import LateFusion
from colliculus.model import MultimodalSNN
from colliculus.modulation import Modulator, NoModulation
from colliculus.runtime import Runtime
from colliculus.types import Batch, DataSpec, Output

NAMES = ("audio", "visual", "touch")
ALONE = Runtime(device=torch.device("cpu"))


@dataclass
class Lab:
    """A method, its model for that many modalities and a batch for it."""

    method: LateFusion
    model: MultimodalSNN
    batch: Batch

    @staticmethod
    def of(modalities: int, **settings: Any) -> Lab:
        torch.manual_seed(0)
        method = LateFusion(**{"dim": 8, "encoder": "shallow", "time_steps": 2, "unimodal_loss": 1.0, **settings})
        names = NAMES[:modalities]
        spec = DataSpec(channels=dict.fromkeys(names, 1), sizes=dict.fromkeys(names, (8, 8)), num_classes=3)
        inputs = {m: 3 * torch.randn(6, 1, 8, 8) for m in names}
        return Lab(method, method.model(spec), Batch(inputs, torch.tensor([0, 1, 2, 0, 1, 2])))

    def make_identical(self) -> None:
        """Give all modalities the same encoder, own head and input."""
        first = self.model.modalities[0]
        for modality in self.model.modalities:
            self.model.encoders[modality].load_state_dict(self.model.encoders[first].state_dict())
            self.model.fusion.mlp[modality].load_state_dict(self.model.fusion.mlp[first].state_dict())
            self.model.head.own[modality].load_state_dict(self.model.head.own[first].state_dict())
        self.batch = Batch(dict.fromkeys(self.model.modalities, self.batch.inputs[first]), self.batch.labels)

    def backward(self, modulator: Modulator, change: Callable[[Output], Output] = lambda output: output) -> Any:
        """A step as `TrainingStep` does it, without the optimiser; what is reported."""
        self.model.zero_grad(set_to_none=True)
        output = change(self.model(self.batch.inputs))
        labels = self.batch.labels
        prepared = modulator.before_backward(self.model, output, labels, self.method.objective(), ALONE)
        ALONE.backward(torch.stack(list(prepared.losses.values())).sum(), self.model)
        return modulator(self.model, output, labels, ALONE, prepared)

    def gradients(self) -> dict[str, Tensor]:
        return {name: p.grad.clone() for name, p in self.model.named_parameters() if p.grad is not None}

    def plain_gradients(self) -> dict[str, Tensor]:
        self.backward(NoModulation())
        return self.gradients()


@pytest.fixture(params=[2, 3], ids=["two", "three"])
def lab(request: pytest.FixtureRequest) -> Lab:
    return Lab.of(request.param)


@pytest.fixture
def make_lab() -> Callable[..., Lab]:
    return Lab.of


@pytest.fixture
def said() -> Callable[..., Output]:
    """An output in which each modality's share gives the right class, 0 of 2, these probabilities, sample by sample."""

    def make(**probabilities: list[float]) -> Output:
        shares = {m: torch.tensor([[p, 1 - p] for p in values]).log()[None] for m, values in probabilities.items()}
        fused = torch.stack(list(shares.values())).sum(0)
        return Output(fused.mean(0), fused, shares)

    return make
