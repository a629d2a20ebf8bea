"""Networks whose exchange is known: an awake S-CMRL in a run folder, and one of three modalities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from active import assert_active, awake

from colliculus.data.synthetic import Synthetic
from colliculus.evaluation.trained_run import open_run
from colliculus.fusion import CrossModalSettings
from colliculus.methods import SCMRL
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, write_run
from colliculus.runs.weights import save_weights
from colliculus.types import DataSpec


def trained(folder, method, **train):
    """An open run with a network that fires and uses every class; nothing is trained."""
    data = Synthetic(num_classes=2, num_train=8, num_validation=4, num_test=11, size=16, steps=2)
    experiment = Experiment(method=method, data=data, train=TrainSettings(batch_size=5, device="cpu", **train))
    dataset = data.load()
    torch.manual_seed(0)
    model = method.model(dataset.spec)
    batch = dataset.test.batch(np.arange(11), epoch=0).inputs
    awake(model, batch)
    with torch.no_grad():
        features = []
        hook = model.fusion.register_forward_hook(lambda _module, _inputs, fused: features.append(fused.joint))
        model(batch)
        hook.remove()
        centre = features[0].mean((0, 1))
        model.head.linear.weight.normal_()
        model.head.linear.bias.copy_(-model.head.linear.weight @ centre)  # so that both classes occur
        logits = model(batch).logits
    assert_active(logits)
    assert len(set(logits.argmax(1).tolist())) == 2
    write_run(folder, Run.of(experiment, dataset))
    save_weights(model, folder / MODEL_FILE)
    return open_run(folder, "cpu")


METHOD = SCMRL(dim=16, heads=4, time_steps=2, encoder="shallow", alpha=2.0)


@pytest.fixture
def scmrl(tmp_path):
    """An S-CMRL with a strong residual."""
    return trained(tmp_path / "scmrl", METHOD)


@pytest.fixture
def fed(tmp_path):
    """The same with scaled residuals, whose alignment is capped or not."""

    def make(*, capped):
        settings = CrossModalSettings(dropout=0.0, scaled=True, capped=capped)
        return trained(tmp_path / f"capped {capped}", replace(METHOD, cross_modal=settings))

    return make


@pytest.fixture
def noisy(tmp_path):
    """The same, trained under noise on the sound."""
    return trained(tmp_path / "noisy", METHOD, snr_db={"audio": -15.0})


@pytest.fixture
def of_three():
    """A network of three modalities whose residuals are means over the others; its inputs."""
    spec = DataSpec(
        channels={"audio": 1, "visual": 2, "tactile": 1},
        sizes=dict.fromkeys(("audio", "visual", "tactile"), (16, 16)),
        num_classes=3,
    )
    generator = torch.Generator().manual_seed(0)
    inputs = {m: torch.randn(5, c, 16, 16, generator=generator) * 2 for m, c in spec.channels.items()}
    torch.manual_seed(1)
    return awake(replace(METHOD, alignment=False).model(spec), inputs), inputs
