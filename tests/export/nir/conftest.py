from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from active import assert_active, awake

from colliculus.data.synthetic import Synthetic
from colliculus.export.nir.parts import Settings, whole_parts
from colliculus.heads import LinearReadout
from colliculus.runs.experiment import Experiment
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, write_run
from colliculus.runs.weights import save_weights
from colliculus.types import DataSpec

SIZES = {"audio": (12, 12), "visual": (12, 12)}
CURRENT = 1.03
"""Mean current of a normalisation; with 1.0, half of it would lie exactly at the threshold 0.5 of silent channels."""


def vary(model) -> None:
    """Give every channel a current of its own, so that few membranes lie close to a threshold."""
    with torch.no_grad():
        for norm in (part for part in model.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)):
            if norm.affine:
                norm.bias += 0.2 * torch.randn_like(norm.bias)
        for layer in model.head.modules():
            if isinstance(layer, torch.nn.Linear) and layer.bias is not None:
                torch.nn.init.normal_(layer.bias)  # a fresh one is zero


class Alive:
    """A network that fires, and inputs for it."""

    def __init__(self, method, sizes: Mapping[str, tuple[int, int]], steps: Mapping[str, int], clips: int) -> None:
        spec = DataSpec(channels={m: i + 1 for i, m in enumerate(sizes)}, sizes=sizes, num_classes=5, steps=dict(steps))
        torch.manual_seed(0)
        self.model = method.model(spec)
        self.inputs = {m: torch.randn(spec.input_shape(m, clips)) for m in sizes}
        awake(self.model, self.inputs, current=CURRENT)
        vary(self.model)
        with torch.no_grad():
            self.logits = self.model(self.inputs).logits
        assert_active(self.logits)
        assert self.logits.std(0).min() > 1e-4, "all clips have the same logits: the test would not see a mistake"

    def parts(self, find=whole_parts, **settings):
        """The graphs of the network."""
        return find(self.model, Settings(**{"dt": 1e-4, "pool": "avg", "bits": None} | settings))


@pytest.fixture
def alive():
    """Make a network of a method that fires for random inputs."""

    def make(method, sizes=SIZES, steps={}, clips=16):  # noqa: B006
        return Alive(method, sizes, steps, clips)

    return make


@pytest.fixture
def run_of(tmp_path):
    """Make a run folder of a method whose network fires for its data."""

    def make(method):
        data = Synthetic(num_classes=3, num_train=12, num_validation=6, num_test=12, size=12, steps=2)
        experiment = Experiment(method=method, data=data, preset="small")
        loaded = data.load()
        torch.manual_seed(0)
        model = method.model(loaded.spec)
        inputs = loaded.test.batch(np.arange(12), epoch=0).inputs
        awake(model, inputs, current=CURRENT)
        vary(model)
        if isinstance(model.head, LinearReadout):  # so that not all clips get the class of the largest bias
            with torch.no_grad():
                model.head.linear.bias -= model(inputs).logits.mean(0)
        folder = tmp_path / "run"
        save_weights(model, folder / MODEL_FILE)
        write_run(folder, Run.of(experiment, loaded))
        return folder

    return make
