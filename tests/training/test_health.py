from __future__ import annotations

import json
from io import StringIO

import pytest
import torch
from rich.console import Console

from colliculus.neurons import Dynamics, SpikingNeuron
from colliculus.runs.names import HEALTH_FILE
from colliculus.runs.run import Run
from colliculus.training.health import report_end, report_start
from colliculus.training.learner import Learner


@pytest.fixture
def learner(tiny, runtime):
    experiment = tiny()
    return Learner(Run.of(experiment, experiment.data.load()), runtime, None)


@pytest.fixture
def dataset(tiny):
    return tiny().data.load()


def test_start_and_end_are_kept_for_every_layer(learner, dataset, tmp_path):
    report_start(tmp_path, learner, dataset.train, Console(quiet=True))
    report_end(tmp_path, learner, dataset.validation, Console(quiet=True))
    kept = json.loads((tmp_path / HEALTH_FILE).read_text())
    neurons = [name for name, module in learner.model.named_modules() if isinstance(module, SpikingNeuron)]
    assert list(kept) == ["start", "end"]
    for moment in kept.values():
        assert sorted(layer["name"] for layer in moment["layers"]) == sorted(neurons)
    assert kept["start"]["zero_gradient"] is not None


def test_a_silent_layer_is_warned_of(learner, dataset, tmp_path):
    for module in learner.model.modules():
        if isinstance(module, SpikingNeuron):
            module.dynamics = Dynamics(threshold=1e9)
    printed = StringIO()
    report_start(tmp_path, learner, dataset.train, Console(file=printed, width=200))
    assert "warning:" in printed.getvalue()
    assert "silent" in printed.getvalue()


def test_measuring_changes_nothing_of_the_training(learner, dataset, tmp_path):
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    random = torch.get_rng_state()
    report_start(tmp_path, learner, dataset.train, Console(quiet=True))
    report_end(tmp_path, learner, dataset.validation, Console(quiet=True))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
    assert all(parameter.grad is None for parameter in learner.model.parameters())


def test_a_damaged_file_is_written_anew(learner, dataset, tmp_path):
    (tmp_path / "spike_health.json").write_text("{")
    report_end(tmp_path, learner, dataset.validation, Console(quiet=True))
    assert set(json.loads((tmp_path / "spike_health.json").read_text())) == {"end"}
